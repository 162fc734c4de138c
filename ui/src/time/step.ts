import type { ResolvedRange } from "./range.ts";

const NICE_MS = [
  1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000,
  3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000, 2_592_000_000, 31_536_000_000,
];

/** The server refuses more steps than this for one range. */
const MOST_STEPS = 11_000;

/**
 * The distance between two points that fills `pixels` with about one point each, rounded up to a time people
 * know, never below `minStep`. Everything in milliseconds.
 */
export function chooseStep(range: ResolvedRange, pixels: number, minStep: number): number {
  const span = Math.max(1, range.end - range.start);
  const points = Math.min(Math.max(20, pixels), MOST_STEPS);
  const ideal = Math.max(span / points, minStep);
  const nice = NICE_MS.find((step) => step >= ideal) ?? Math.ceil(ideal / 86_400_000) * 86_400_000;
  // A step that is itself asked for (say 7s) is kept rather than rounded away from.
  return minStep > span / points ? minStep : nice;
}

/** Moves the ends onto multiples of the step, so that points stay where they were when the range moves on. */
export function alignRange(range: ResolvedRange, step: number): ResolvedRange {
  return { start: Math.floor(range.start / step) * step, end: Math.floor(range.end / step) * step };
}

/** Grafana's `$__rate_interval`: wide enough that `rate` always sees four samples. Milliseconds. */
export function rateInterval(step: number, scrapeInterval: number): number {
  return Math.max(step + scrapeInterval, 4 * scrapeInterval);
}
