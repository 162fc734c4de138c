import { expect, test } from "vitest";
import { metricNames } from "../panels/empty-reason.ts";
import { exploreAddress, fromPrometheusGraph } from "./address.ts";
import { toTextSpan } from "./spans.ts";

test("byte spans become spans of the string, also behind letters of several bytes", () => {
  const expr = 'up{a="üñ🔥"} + @';
  const bytes = new TextEncoder().encode(expr.slice(0, expr.indexOf("@"))).length;
  expect(toTextSpan(expr, { start: bytes, end: bytes + 1 })).toEqual({ start: expr.indexOf("@"), end: expr.length });
  expect(toTextSpan("up(", { start: 99, end: 120 })).toEqual({ start: 3, end: 3 });
  expect(toTextSpan("abc", { start: 1, end: 1 })).toEqual({ start: 1, end: 2 });
});

test("an address of Explore holds its queries", () => {
  expect(exploreAddress(["up == 0"], { from: "now-1h", to: "now" })).toBe("/explore?q=up+%3D%3D+0&from=now-1h&to=now");
});

test("addresses of Prometheus's graph page are understood", () => {
  const params = new URLSearchParams("g0.expr=up&g0.tab=0&g0.range_input=6h&g1.expr=down");
  expect(fromPrometheusGraph(params)).toEqual({ exprs: ["up", "down"], tab: "graph", range: { from: "now-6h", to: "now" } });
  expect(fromPrometheusGraph(new URLSearchParams("g0.expr=up&g0.tab=1")).tab).toBe("table");
});

test("the metrics an expression speaks of are found without its labels, functions and keywords", () => {
  expect(metricNames('sum by (job) (rate(http_requests_total{code=~"5.."}[5m] offset 1h)) / on (job) group_left job:total:rate5m')).toEqual([
    "http_requests_total",
    "job:total:rate5m",
  ]);
  expect(metricNames("vector(1)")).toEqual([]);
});
