import type { QueryResult, RangeResult } from "../api/columns.ts";
import { legendName } from "../dashboard/names.ts";
import type { PlannedQuery } from "../dashboard/plan.ts";
import { unitText } from "../format/units.ts";

/** Cells over time: `rows[r].values[i]` is the amount in row `r` during the step that begins at `start + i * step`. */
export interface Heatmap {
  start: number;
  step: number;
  count: number;
  /** From the lowest to the highest. */
  rows: { label: string; values: Float64Array }[];
  /** The largest finite amount. */
  max: number;
}

/**
 * Puts a heat map together. Series with an `le` label are Prometheus's cumulative buckets: the amounts of one are what
 * it has beyond the next lower one, never below zero, since a scrape may catch buckets between two updates. Other
 * series are rows as they are, by name.
 */
export function buildHeatmap(planned: readonly PlannedQuery[], results: readonly QueryResult[], unit: string | undefined): Heatmap | undefined {
  const index = results.findIndex((result) => result.kind === "range" && result.series.length > 0);
  const result = results[index];
  const target = planned[index]?.target;
  if (result?.kind !== "range" || !target) return undefined;
  const buckets = result.series.every((one) => one.labels["le"] !== undefined) ? bucketRows(result, unit) : undefined;
  const rows =
    buckets ??
    result.series.map((one) => ({ label: legendName(one.labels, target.legendFormat, target.expr, result.series.length), values: one.values }));
  let max = 0;
  for (const row of rows) for (const value of row.values) if (Number.isFinite(value) && value > max) max = value;
  return { start: result.start, step: result.step, count: result.count, rows, max };
}

function bucketRows(result: RangeResult, unit: string | undefined): Heatmap["rows"] {
  const sums = new Map<number, Float64Array>();
  for (const one of result.series) {
    const bound = boundOf(one.labels["le"] ?? "");
    const sum = sums.get(bound);
    // Several series with one bound are shown together, as the sum over them.
    if (sum) one.values.forEach((value, step) => (sum[step] = add(sum[step] ?? Number.NaN, value)));
    else sums.set(bound, Float64Array.from(one.values));
  }
  const bounds = [...sums.keys()].sort((a, b) => a - b);
  return bounds.map((bound, at) => {
    const upper = sums.get(bound) ?? new Float64Array(result.count);
    const lower = at > 0 ? sums.get(bounds[at - 1] ?? 0) : undefined;
    const values = upper.map((value, step) => (lower ? Math.max(0, value - (Number.isNaN(lower[step] ?? Number.NaN) ? 0 : (lower[step] ?? 0))) : value));
    return { label: bound === Number.POSITIVE_INFINITY ? "+Inf" : unitText(bound, unit), values };
  });
}

function boundOf(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
}

function add(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : a + b;
}

/** How strong a cell is drawn, 0 to 1: by root, so that a few large cells do not hide all others. */
export function strength(value: number, max: number): number {
  return value > 0 && max > 0 ? Math.sqrt(Math.min(1, value / max)) : 0;
}
