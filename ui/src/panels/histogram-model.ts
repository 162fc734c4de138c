import type { QueryResult } from "../api/columns.ts";

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** About so many bins are made when the panel does not say how wide one is. */
const WANTED_BINS = 30;

/** How often values of all series fall into equal bins. Infinite and missing values fall into none. */
export function histogramBins(results: readonly QueryResult[], size: number | undefined, offset = 0): Bin[] {
  const values: number[] = [];
  for (const result of results) {
    if (result.kind === "failed") continue;
    for (const one of result.series) {
      if ("values" in one) {
        for (const value of one.values) if (Number.isFinite(value)) values.push(value);
      } else if (Number.isFinite(one.value)) values.push(one.value);
    }
  }
  if (values.length === 0) return [];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  let width = size !== undefined && size > 0 ? size : roundWidth((high - low) / WANTED_BINS);
  // A width far too small for the values would make more bins than there are pixels.
  while ((high - low) / width > 2_000) width *= 10;
  const first = Math.floor((low - offset) / width);
  const last = Math.floor((high - offset) / width);
  const bins = Array.from({ length: last - first + 1 }, (_, index) => ({
    from: (first + index) * width + offset,
    to: (first + index + 1) * width + offset,
    count: 0,
  }));
  for (const value of values) {
    const bin = bins[Math.min(bins.length - 1, Math.max(0, Math.floor((value - offset) / width) - first))];
    if (bin) bin.count += 1;
  }
  return bins;
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function roundWidth(width: number): number {
  if (!(width > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(width));
  const factor = [1, 2, 2.5, 5, 10].find((one) => one * power >= width) ?? 10;
  return factor * power;
}
