import type { ChartAxis } from "./model.ts";

/** The ends of the y axis for the data's ends: what the author fixed, otherwise a little air around the data. */
export function axisRange(axis: ChartAxis, dataMin: number | null, dataMax: number | null): [number, number] {
  let low = dataMin ?? 0;
  let high = dataMax ?? 1;
  if (axis.softMin !== undefined) low = Math.min(low, axis.softMin);
  if (axis.softMax !== undefined) high = Math.max(high, axis.softMax);
  if (axis.log) return [axis.min ?? Math.max(low, 1e-9), axis.max ?? Math.max(high, 1e-9) * 1.1];
  if (axis.fromZero || nearZero(low, high)) {
    low = Math.min(low, 0);
    high = Math.max(high, 0);
  }
  if (low === 0 && high === 0) return [axis.min ?? 0, axis.max ?? 1];
  const span = high - low || Math.abs(high) || 1;
  const air = span * 0.06;
  const bottom = axis.min ?? (low === 0 && high !== low ? 0 : low - air);
  const top = axis.max ?? (high === 0 && high !== low ? 0 : high + air);
  return top > bottom ? [bottom, top] : [bottom, bottom + 1];
}

/** Data that reaches down to a third of its height is shown from zero: its proportions are then true. */
function nearZero(low: number, high: number): boolean {
  return low >= 0 && low < high / 3;
}
