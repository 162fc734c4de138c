/** How one series takes part in stacking; series of the same group lie on each other. */
export interface Stackable {
  values: ArrayLike<number>;
  mode: "none" | "normal" | "percent";
  group: string;
}

/**
 * Lays series on each other. Positive and negative values stack away from zero separately. A gap adds nothing to
 * what lies above it and stays a gap itself.
 */
export function stackSeries(series: readonly Stackable[]): Float64Array[] {
  const totals = percentTotals(series);
  const tops = new Map<string, { up: Float64Array; down: Float64Array }>();
  return series.map((one) => {
    const out = Float64Array.from(one.values);
    if (one.mode === "none") return out;
    const key = `${one.mode}|${one.group}`;
    let top = tops.get(key);
    if (!top) {
      top = { up: new Float64Array(out.length), down: new Float64Array(out.length) };
      tops.set(key, top);
    }
    for (let at = 0; at < out.length; at += 1) {
      let value = out[at] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      if (one.mode === "percent") value = (value / (totals.get(key)?.[at] || 1)) * 100;
      const side = value < 0 ? top.down : top.up;
      side[at] = (side[at] ?? 0) + value;
      out[at] = side[at] ?? Number.NaN;
    }
    return out;
  });
}

function percentTotals(series: readonly Stackable[]): Map<string, Float64Array> {
  const totals = new Map<string, Float64Array>();
  for (const one of series) {
    if (one.mode !== "percent") continue;
    const key = `${one.mode}|${one.group}`;
    const total = totals.get(key) ?? new Float64Array(one.values.length);
    for (let at = 0; at < total.length; at += 1) {
      const value = one.values[at] ?? Number.NaN;
      if (!Number.isNaN(value)) total[at] = (total[at] ?? 0) + Math.abs(value);
    }
    totals.set(key, total);
  }
  return totals;
}
