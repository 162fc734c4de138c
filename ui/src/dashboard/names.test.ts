import { expect, test } from "vitest";
import { legendName, selectorText } from "./names.ts";
import { reduceValues } from "./reduce.ts";
import { stackSeries } from "./stack.ts";
import { styleOf } from "./fields.ts";

const labels = { __name__: "up", job: "node", instance: "a:1" };

test("a legend format is filled in from labels", () => {
  expect(legendName(labels, "{{job}} on {{ instance }}", "up", 2)).toBe("node on a:1");
  expect(legendName(labels, "{{missing}}!", "up", 2)).toBe("!");
  expect(legendName(labels, "", "up", 2)).toBe('up{job="node", instance="a:1"}');
  expect(legendName({}, "", "sum(up)", 1)).toBe("sum(up)");
  expect(legendName({ mode: "idle" }, "__auto", "x", 2)).toBe("idle");
});

test("label values are quoted as PromQL quotes them", () => {
  expect(selectorText({ a: 'x"y\\z\n' })).toBe('{a="x\\"y\\\\z\\n"}');
  expect(selectorText({ __name__: "up" })).toBe("up");
});

test("reductions look past gaps", () => {
  const values = [Number.NaN, 3, 1, Number.NaN, 2, Number.NaN];
  const reduced = (calc: string) => reduceValues(values, calc);
  expect(["lastNotNull", "firstNotNull", "min", "max", "mean", "sum", "count", "range", "median"].map(reduced)).toEqual([2, 3, 1, 3, 2, 6, 3, 2, 2]);
  expect(reduced("last")).toBeNaN();
  expect(reduceValues([Number.NaN], "max")).toBeNaN();
  expect(reduceValues([], "count")).toBe(0);
});

test("stacks grow away from zero on both sides, and gaps stay gaps", () => {
  const stack = (values: number[], mode: "normal" | "percent" | "none" = "normal") => ({ values, mode, group: "A" });
  const [first, second, third] = stackSeries([stack([1, Number.NaN, -1]), stack([2, 2, -2]), stack([5, 5, 5], "none")]);
  expect([...(first ?? [])]).toEqual([1, Number.NaN, -1]);
  expect([...(second ?? [])]).toEqual([3, 2, -3]);
  expect([...(third ?? [])]).toEqual([5, 5, 5]);
  const [, top] = stackSeries([stack([1, 0], "percent"), stack([3, 0], "percent")]);
  expect([...(top ?? [])]).toEqual([100, 0]);
});

test("overrides apply in order and reach into nested options", () => {
  const style = styleOf({ name: "eth0 sent", refId: "B", labels: {}, type: "number" }, { unit: "Bps", custom: { fillOpacity: 10 } }, [
    { matcher: { id: "byRegexp", options: "/ sent$/" }, properties: [{ id: "custom.transform", value: "negative-Y" }] },
    { matcher: { id: "byFrameRefID", options: "B" }, properties: [{ id: "unit", value: "bps" }, { id: "custom.stacking.mode", value: "normal" }] },
    { matcher: { id: "byName", options: "eth0 received" }, properties: [{ id: "unit", value: "none" }] },
    { matcher: { id: "byRegexp", options: "/(/" }, properties: [{ id: "unit", value: "broken" }] },
  ]);
  expect(style.unit).toBe("bps");
  expect(style.custom).toEqual({ fillOpacity: 10, transform: "negative-Y", stacking: { mode: "normal" } });
});

test("an override does not change the panel's own defaults", () => {
  const defaults = { custom: { stacking: { mode: "none" } } };
  styleOf({ name: "a", refId: "A", labels: {}, type: "number" }, defaults, [
    { matcher: { id: "byName", options: "a" }, properties: [{ id: "custom.stacking.mode", value: "normal" }] },
  ]);
  expect(defaults.custom.stacking.mode).toBe("none");
});
