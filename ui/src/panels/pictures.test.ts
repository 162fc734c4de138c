import { describe, expect, test } from "vitest";
import type { QueryResult, RangeResult } from "../api/columns.ts";
import { timeTicks } from "../chart/ticks.ts";
import type { Panel, Target } from "../dashboard/model.ts";
import { scaleOf } from "./bargauge.tsx";
import { buildHeatmap, strength } from "./heatmap-model.ts";
import { histogramBins } from "./histogram-model.ts";
import { slicesOf } from "./piechart.tsx";
import type { ReducedValue } from "./reduced.ts";
import { stateRows, statesOf } from "./states-model.ts";

const NONE = Number.NaN;

function range(series: { labels: Record<string, string>; values: number[] }[], start = 1_000_000, step = 10_000): RangeResult {
  return {
    kind: "range",
    id: "A",
    start,
    step,
    count: series[0]?.values.length ?? 0,
    series: series.map(({ labels, values }) => ({ labels, values: Float64Array.from(values) })),
    totalSeries: series.length,
    warnings: [],
    infos: [],
  };
}

function planned(legendFormat = "{{le}}") {
  const target: Target = { refId: "A", expr: "x", legendFormat, instant: false, format: "heatmap", interval: "", hide: false };
  return [{ target, spec: { expr: "x", start: 0, end: 1, step: 1, instant: false } }];
}

describe("heat maps", () => {
  const bucket = (le: string, values: number[]) => ({ labels: { le }, values });

  test("cumulative buckets become amounts, ordered by bound, not by text", () => {
    const map = buildHeatmap(planned(), [range([bucket("10", [3, 8]), bucket("+Inf", [4, 9]), bucket("2", [1, 2])])], undefined);
    expect(map?.rows.map((row) => row.label)).toEqual(["2", "10", "+Inf"]);
    expect(map?.rows.map((row) => [...row.values])).toEqual([
      [1, 2],
      [2, 6],
      [1, 1],
    ]);
    expect(map?.max).toBe(6);
  });

  test("a bucket caught between two updates is never below zero, and what is missing stays missing", () => {
    const map = buildHeatmap(planned(), [range([bucket("1", [5, NONE]), bucket("2", [4, NONE])])], undefined);
    expect(map?.rows.map((row) => [...row.values])).toEqual([
      [5, NONE],
      [0, NONE],
    ]);
  });

  test("series of one bound are added, and other series are rows by name", () => {
    const same = buildHeatmap(planned(), [range([{ labels: { le: "1", pod: "a" }, values: [1] }, { labels: { le: "1", pod: "b" }, values: [2] }])], undefined);
    expect(same?.rows.map((row) => [...row.values])).toEqual([[3]]);
    const named = buildHeatmap(planned("{{pod}}"), [range([{ labels: { pod: "a" }, values: [7] }])], undefined);
    expect(named?.rows[0]?.label).toBe("a");
  });

  test("strength grows with the amount and ends at one", () => {
    expect([strength(0, 9), strength(NONE, 9), strength(9, 9), strength(1, 0)]).toEqual([0, 0, 1, 0]);
    expect(strength(1, 9)).toBeGreaterThan(1 / 9);
  });
});

describe("histograms", () => {
  test("every finite value falls into exactly one bin", () => {
    const results: QueryResult[] = [range([{ labels: {}, values: [0, 0.5, 1, 1.5, NONE, Number.POSITIVE_INFINITY, -0.2] }])];
    expect(histogramBins(results, 1)).toEqual([
      { from: -1, to: 0, count: 1 },
      { from: 0, to: 1, count: 2 },
      { from: 1, to: 2, count: 2 },
    ]);
  });

  test("without a width about thirty round ones are made, and equal values make one", () => {
    const values = Array.from({ length: 1_000 }, (_, index) => index * 0.37);
    const bins = histogramBins([range([{ labels: {}, values }])], undefined);
    expect(bins.length).toBeGreaterThan(10);
    expect(bins.length).toBeLessThanOrEqual(32);
    expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(1_000);
    expect(histogramBins([range([{ labels: {}, values: [4, 4] }])], undefined)).toHaveLength(1);
    expect(histogramBins([range([{ labels: {}, values: [NONE] }])], undefined)).toEqual([]);
  });

  test("a width far too small does not make a million bins", () => {
    expect(histogramBins([range([{ labels: {}, values: [0, 1e9] }])], 1).length).toBeLessThan(2_100);
  });
});

describe("states", () => {
  const panel = {
    defaults: {
      mappings: [{ type: "value", options: { 1: { text: "up", color: "green" }, 0: { text: "down", color: "red" } } }],
    },
    overrides: [],
  } as unknown as Panel;
  const result = range([{ labels: { pod: "a" }, values: [1, 1, 0, NONE, 0, 1] }], 0, 10);

  test("equal neighbours are one span, and a gap is a gap", () => {
    const [row] = stateRows(panel, planned("{{pod}}"), [result], "dark", true);
    expect(row?.name).toBe("a");
    expect(row?.spans.map(({ start, end, text }) => [start, end, text])).toEqual([
      [0, 20, "up"],
      [20, 30, "down"],
      [40, 50, "down"],
      [50, 60, "up"],
    ]);
    expect(statesOf(row ? [row] : []).map((state) => state.text)).toEqual(["up", "down"]);
  });

  test("a status history keeps every step", () => {
    expect(stateRows(panel, planned("{{pod}}"), [result], "dark", false)[0]?.spans).toHaveLength(5);
  });
});

describe("pies and bars", () => {
  const value = (amount: number) => ({ key: String(amount), name: "", value: amount }) as ReducedValue;

  test("slices go round once, the largest first; what is not above zero has none", () => {
    const slices = slicesOf([value(1), value(3), value(0), value(-2), value(NONE)]);
    expect(slices.map(({ from, to }) => [from, to])).toEqual([
      [0, 0.75],
      [0.75, 1],
    ]);
  });

  test("the common scale holds zero and every value", () => {
    expect(scaleOf([{ value: 4 }, { value: NONE }, { value: 9 }])).toEqual({ min: 0, max: 9 });
    expect(scaleOf([{ value: -3 }, { value: -1 }])).toEqual({ min: -3, max: 0 });
    expect(scaleOf([])).toEqual({ min: 0, max: 0 });
  });
});

describe("ticks", () => {
  test("they are round, inside, and have room", () => {
    const start = Date.parse("2026-11-21T10:07:13Z");
    const ticks = timeTicks(start, start + 3_600_000, 800, "utc");
    expect(ticks.map((tick) => tick.text)).toEqual(["10:10", "10:20", "10:30", "10:40", "10:50", "11:00"]);
    expect(ticks.every((tick) => tick.at >= 0 && tick.at <= 1)).toBe(true);
    expect(timeTicks(start, start + 3 * 86_400_000, 400, "utc").map((tick) => tick.text)).toEqual(["11-22", "11-23", "11-24"]);
    expect(timeTicks(start, start, 400, "utc")).toEqual([]);
  });
});
