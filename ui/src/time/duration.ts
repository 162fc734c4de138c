const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

const BY_SIZE = Object.entries(UNIT_MS).sort((a, b) => b[1] - a[1]);

/** Reads `15s`, `1h30m`, `2d` as PromQL does; `undefined` when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d+(ms|[smhdwy]))+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+)(ms|[smhdwy])/g)) total += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  return total;
}

/** Writes milliseconds as PromQL reads them: `90000` is `1m30s`. Weeks and years are written as days. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  if (rest === 0) return "0s";
  let text = "";
  for (const [unit, size] of BY_SIZE) {
    if (unit === "w" || unit === "y" || rest < size) continue;
    text += `${Math.floor(rest / size)}${unit}`;
    rest %= size;
  }
  return text;
}

/** A duration for people: the two largest units, `3 d 4 h`. */
export function describeDuration(ms: number): string {
  const magnitude = Math.abs(ms);
  if (magnitude < 1_000) return `${Math.round(magnitude)} ms`;
  const parts: string[] = [];
  let rest = Math.round(magnitude / 1000) * 1000;
  for (const [unit, size] of BY_SIZE) {
    if (unit === "w" || unit === "y" || unit === "ms" || rest < size) continue;
    parts.push(`${Math.floor(rest / size)} ${unit === "m" ? "min" : unit}`);
    rest %= size;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** How long ago, for people: `12 s ago`. */
export function describeAgo(then: number, now: number): string {
  const age = now - then;
  return age < 1_000 ? "just now" : `${describeDuration(age)} ago`;
}
