/** How many decimals a person needs to tell values of this size apart: three significant digits. */
export function autoDecimals(magnitude: number): number {
  const size = Math.abs(magnitude);
  if (size === 0 || !Number.isFinite(size)) return 0;
  if (size >= 100) return 0;
  if (size >= 10) return 1;
  if (size >= 1) return 2;
  return Math.min(10, 2 - Math.floor(Math.log10(size)));
}

/** Writes a number with as many decimals as asked, or as many as it needs, without trailing zeros of its own choice. */
export function formatNumber(value: number, decimals?: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  if (decimals !== undefined) return value.toFixed(Math.min(20, Math.max(0, decimals)));
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e15)) return value.toExponential(2);
  return String(Number(value.toFixed(autoDecimals(value))));
}

/** A value exactly as PromQL would write it, for tables and copying. */
export function exactNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
