import { describe, expect, it } from "vitest";
import { causeOf, rangeAround } from "./cause.ts";

const of = (expr: string) => causeOf(`http://prometheus:9090/graph?g0.expr=${encodeURIComponent(expr)}&g0.tab=1`);

describe("the cause of an alert", () => {
  it("is its expression without the comparison at the end", () => {
    expect(of("up == 0")).toEqual({ expr: "up", threshold: 0 });
    expect(of('rate(errors_total{code=~"5.."}[5m]) / rate(all[5m]) > 0.05')).toEqual({ expr: 'rate(errors_total{code=~"5.."}[5m]) / rate(all[5m])', threshold: 0.05 });
    expect(of("predict_linear(free[1h], 14400) < -1e3")).toEqual({ expr: "predict_linear(free[1h], 14400)", threshold: -1000 });
  });

  it("keeps the expression whole where taking it off would change what is meant", () => {
    for (const expr of ["a > 1 and b > 2", "up == on() other", "(a > 1)", 'up{job="a > 1"}', "a == b > 1"]) {
      expect(of(expr), expr).toEqual({ expr, threshold: undefined });
    }
  });

  it("is unknown where the address names none", () => {
    for (const url of ["", "http://elsewhere/", "http://[broken"]) expect(causeOf(url), url).toBeUndefined();
  });
});

describe("the range around a trouble", () => {
  const H = 3_600_000;
  it("shows what came before, at least half an hour", () => {
    expect(rangeAround(100 * H, undefined, 100.1 * H)).toEqual({ start: 99.5 * H, end: 100.1 * H });
  });
  it("shows a day at most before the end, and some of what came after", () => {
    expect(rangeAround(0, 100 * H, 200 * H)).toEqual({ start: 70 * H, end: 103 * H });
  });
});
