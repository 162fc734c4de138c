import { describe, expect, test } from "vitest";
import type { RunSeries } from "../api/training.ts";
import { curvesOf, extentOf, smooth } from "./curves.ts";

const STYLE = { x: "step", smoothing: 0, log: false } as const;

function series(runId: string, x: number[], values: RunSeries["values"]): RunSeries {
  return { runId, runName: `run ${runId}`, metric: "loss", total: x.length, decimated: false, x, steps: x, times: x, values };
}

describe("curves of runs", () => {
  test("runs that log at different steps share one axis", () => {
    const model = curvesOf([series("a", [0, 10], [3, 2]), series("b", [5], [1])], ["a", "b"], STYLE, "dark");
    expect([...model.times]).toEqual([0, 5, 10]);
    expect(model.series.map((one) => [...one.raw])).toEqual([
      [3, Number.NaN, 2],
      [Number.NaN, 1, Number.NaN],
    ]);
    expect(model.series.every((one) => one.spanGaps)).toBe(true);
    expect(extentOf(model)).toEqual({ start: 0, end: 10_000 });
  });

  test("what is not finite is a gap, never a zero", () => {
    const model = curvesOf([series("a", [0, 1, 2], [1, "NaN", "+Inf"])], ["a"], STYLE, "dark");
    expect([...(model.series[0]?.raw ?? [])]).toEqual([1, Number.NaN, Number.POSITIVE_INFINITY]);
  });

  test("of a step that was logged twice the last value counts", () => {
    const model = curvesOf([series("a", [1, 1, 2], [9, 4, 3])], ["a"], STYLE, "dark");
    expect([...(model.series[0]?.raw ?? [])]).toEqual([4, 3]);
  });

  test("a run keeps its colour where another has no such metric", () => {
    const both = curvesOf([series("a", [0], [1]), series("b", [0], [1])], ["a", "b"], STYLE, "dark");
    const second = curvesOf([series("b", [0], [1])], ["a", "b"], STYLE, "dark");
    expect(second.series[0]?.color).toBe(both.series[1]?.color);
    expect(second.series[0]?.color).not.toBe(both.series[0]?.color);
  });

  test("smoothing neither leans towards zero nor fills gaps", () => {
    expect([...smooth(Float64Array.of(4, 4, Number.NaN, 4), 0.9)].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([4, 4, Number.NaN, 4]);
    const spike = smooth(Float64Array.of(0, 0, 10, 0), 0.5);
    expect(spike[2]).toBeCloseTo(10 / 1.75);
    expect(smooth(spike, 0)).toBe(spike);
  });

  test("one single point has room around it", () => {
    expect(extentOf(curvesOf([series("a", [7], [1])], ["a"], STYLE, "dark"))).toEqual({ start: 6_000, end: 8_000 });
  });
});
