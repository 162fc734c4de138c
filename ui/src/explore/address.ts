import type { TimeRange } from "../time/range.ts";

/** The address of Explore with queries and a range. */
export function exploreAddress(exprs: readonly string[], range?: TimeRange): string {
  const params = new URLSearchParams();
  for (const expr of exprs) params.append("q", expr);
  if (range) {
    params.set("from", range.from);
    params.set("to", range.to);
  }
  return `/explore?${params}`;
}

/** What Prometheus's `/graph?g0.expr=…` says: its expressions, its tab and its range. */
export function fromPrometheusGraph(params: URLSearchParams): { exprs: string[]; tab: "graph" | "table"; range: TimeRange | undefined } {
  const exprs: string[] = [];
  for (let index = 0; params.has(`g${index}.expr`); index += 1) exprs.push(params.get(`g${index}.expr`) ?? "");
  const tab = params.get("g0.tab");
  const span = params.get("g0.range_input");
  const end = params.get("g0.end_input");
  let range: TimeRange | undefined;
  if (span && !end) range = { from: `now-${span}`, to: "now" };
  return { exprs, tab: tab === "0" || tab === "graph" ? "graph" : "table", range };
}
