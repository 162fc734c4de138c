import { expect, test } from "vitest";
import type { RangeResult } from "../api/columns.ts";
import { axisRange } from "../chart/range.ts";
import type { Target } from "../dashboard/model.ts";
import { buildTimeseries } from "./timeseries-model.ts";

const target = (refId: string): Target => ({ refId, expr: "x", legendFormat: "{{device}}", instant: false, format: "time_series", interval: "", hide: false });
const result = (start: number, step: number, series: [string, number[]][]): RangeResult => ({
  id: "q",
  kind: "range",
  start,
  step,
  count: series[0]?.[1].length ?? 0,
  totalSeries: series.length,
  warnings: [],
  infos: [],
  series: series.map(([device, values]) => ({ labels: { device }, values: Float64Array.from(values) })),
});

test("results with different steps share one time axis", () => {
  const model = buildTimeseries({ defaults: {}, overrides: [] }, [target("A"), target("B")], [result(0, 1000, [["a", [1, 2, 3]]]), result(0, 2000, [["b", [7, 8]]])], "dark", new Set());
  expect([...model.times]).toEqual([0, 1, 2]);
  expect(model.series.map((series) => [...series.raw])).toEqual([[1, 2, 3], [7, Number.NaN, 8]]);
});

test("a turned-over series keeps its true values for reading", () => {
  const override = { matcher: { id: "byName", options: "a" }, properties: [{ id: "custom.transform", value: "negative-Y" }] };
  const model = buildTimeseries({ defaults: { unit: "Bps" }, overrides: [override] }, [target("A")], [result(0, 1000, [["a", [5]]])], "dark", new Set());
  expect([model.series[0]?.raw[0], model.series[0]?.shown[0], model.y.mirrored]).toEqual([5, -5, true]);
});

test("a hidden series leaves the stack, and the next lies on what is left", () => {
  const defaults = { custom: { stacking: { mode: "normal" } } };
  const build = (hidden: ReadonlySet<string>) => buildTimeseries({ defaults, overrides: [] }, [target("A")], [result(0, 1000, [["a", [1]], ["b", [2]], ["c", [3]]])], "dark", hidden);
  const all = build(new Set());
  expect(all.series.map((series) => series.shown[0])).toEqual([1, 3, 6]);
  expect(all.series.map((series) => series.fillTo)).toEqual([undefined, 0, 1]);
  const some = build(new Set([all.series[1]?.key ?? ""]));
  expect(some.series[2]?.shown[0]).toBe(4);
  expect(some.series[2]?.fillTo).toBe(0);
});

test("a second unit gets its own axis on the right", () => {
  const override = { matcher: { id: "byName", options: "b" }, properties: [{ id: "unit", value: "percent" }] };
  const model = buildTimeseries({ defaults: { unit: "bytes" }, overrides: [override] }, [target("A")], [result(0, 1000, [["a", [1]], ["b", [2]]])], "dark", new Set());
  expect(model.series.map((series) => series.scale)).toEqual(["y", "y2"]);
  expect(model.y2?.format(5)).toBe("5%");
});

test("axes obey fixed ends, keep zero under areas, and never collapse", () => {
  const axis = { min: undefined, max: undefined, softMin: undefined, softMax: undefined, fromZero: true, log: undefined, label: "", binary: false, secondsPerUnit: undefined, mirrored: false, format: String };
  expect(axisRange(axis, 0, 0)).toEqual([0, 1]);
  expect(axisRange({ ...axis, min: 0, max: 1 }, 0.2, 0.4)).toEqual([0, 1]);
  const [low, high] = axisRange({ ...axis, fromZero: false }, 100, 101);
  expect(low).toBeGreaterThan(99);
  expect(high).toBeLessThan(102);
  const [flatLow, flatHigh] = axisRange({ ...axis, fromZero: false }, 5, 5);
  expect(flatHigh).toBeGreaterThan(flatLow);
});
