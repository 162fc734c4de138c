import type { Labels, RangeResult } from "../api/columns.ts";

/** Series of several queries over one common list of instants. */
export interface Frame {
  /** Unix seconds. */
  times: Float64Array;
  columns: { result: number; labels: Labels; values: Float64Array }[];
}

/** Brings results with different steps onto the union of their instants; where a result has none, NaN stands. */
export function alignResults(results: readonly (RangeResult | undefined)[]): Frame {
  const present = results.flatMap((result) => (result ? [result] : []));
  const [first] = present;
  if (!first) return { times: new Float64Array(), columns: [] };
  const same = present.every((result) => result.start === first.start && result.step === first.step && result.count === first.count);
  if (same) {
    const times = Float64Array.from({ length: first.count }, (_, index) => (first.start + index * first.step) / 1000);
    return {
      times,
      columns: results.flatMap((result, index) => (result?.series ?? []).map(({ labels, values }) => ({ result: index, labels, values }))),
    };
  }
  const instants = new Set<number>();
  for (const { start, step, count } of present) for (let index = 0; index < count; index += 1) instants.add(start + index * step);
  const ordered = [...instants].sort((a, b) => a - b);
  const at = new Map(ordered.map((instant, index) => [instant, index]));
  return {
    times: Float64Array.from(ordered, (instant) => instant / 1000),
    columns: results.flatMap((result, index) =>
      (result?.series ?? []).map(({ labels, values }) => {
        const spread = new Float64Array(ordered.length).fill(Number.NaN);
        values.forEach((value, step) => {
          const place = at.get((result?.start ?? 0) + step * (result?.step ?? 0));
          if (place !== undefined) spread[place] = value;
        });
        return { result: index, labels, values: spread };
      }),
    ),
  };
}
