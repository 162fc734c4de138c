/** A range as it stands in the URL: Grafana's `from` and `to`, relative (`now-1h`, `now/d`) or absolute (ms, ISO 8601). */
export interface TimeRange {
  from: string;
  to: string;
}

/** A range with its ends fixed, in Unix milliseconds. */
export interface ResolvedRange {
  start: number;
  end: number;
}

export type Zone = "browser" | "utc";

export const QUICK_RANGES: readonly { from: string; label: string }[] = [
  { from: "now-5m", label: "Last 5 minutes" },
  { from: "now-15m", label: "Last 15 minutes" },
  { from: "now-30m", label: "Last 30 minutes" },
  { from: "now-1h", label: "Last 1 hour" },
  { from: "now-3h", label: "Last 3 hours" },
  { from: "now-6h", label: "Last 6 hours" },
  { from: "now-12h", label: "Last 12 hours" },
  { from: "now-24h", label: "Last 24 hours" },
  { from: "now-2d", label: "Last 2 days" },
  { from: "now-7d", label: "Last 7 days" },
  { from: "now-30d", label: "Last 30 days" },
  { from: "now-90d", label: "Last 90 days" },
];

const STEP_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The instant that one end of a range means, or `undefined` when the text means none. */
export function resolveInstant(text: string, now: number, roundUp = false): number | undefined {
  const trimmed = text.trim();
  if (/^\d{9,}$/.test(trimmed)) return Number(trimmed);
  const relative = /^now(?:([+-])(\d+)([smhdwMy]))?(?:\/([smhdwMy]))?$/.exec(trimmed);
  if (relative) {
    const [, sign, amount, unit, rounding] = relative;
    let at = now;
    if (sign && unit) at = shift(at, (sign === "-" ? -1 : 1) * Number(amount), unit);
    return rounding ? roundTo(at, rounding, roundUp) : at;
  }
  const parsed = Date.parse(trimmed.includes("T") ? trimmed : trimmed.replace(" ", "T"));
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** Fixes both ends. A range that cannot be read, or runs backwards, becomes the last hour. */
export function resolveRange(range: TimeRange, now: number): ResolvedRange {
  const start = resolveInstant(range.from, now);
  const end = resolveInstant(range.to, now, true);
  if (start === undefined || end === undefined || end <= start) return { start: now - 3_600_000, end: now };
  return { start, end };
}

/** True when the range moves with the clock, so that refreshing it shows something new. */
export function isLive(range: TimeRange): boolean {
  return range.to.trim().startsWith("now");
}

/** What the range picker's button says. */
export function describeRange(range: TimeRange, zone: Zone): string {
  const quick = range.to === "now" && QUICK_RANGES.find((one) => one.from === range.from);
  if (quick) return quick.label;
  return `${describeEnd(range.from, zone)} to ${describeEnd(range.to, zone)}`;
}

function describeEnd(text: string, zone: Zone): string {
  if (text.startsWith("now")) return text;
  const at = resolveInstant(text, 0);
  return at === undefined ? text : formatDateTime(at, zone);
}

function shift(at: number, amount: number, unit: string): number {
  if (unit !== "M" && unit !== "y") return at + amount * (STEP_MS[unit] ?? 0);
  const date = new Date(at);
  if (unit === "M") date.setMonth(date.getMonth() + amount);
  else date.setFullYear(date.getFullYear() + amount);
  return date.getTime();
}

function roundTo(at: number, unit: string, up: boolean): number {
  const date = new Date(at);
  if (unit === "s") date.setMilliseconds(0);
  else if (unit === "m") date.setSeconds(0, 0);
  else if (unit === "h") date.setMinutes(0, 0, 0);
  else date.setHours(0, 0, 0, 0);
  if (unit === "w") date.setDate(date.getDate() - ((date.getDay() + 6) % 7));
  if (unit === "M") date.setDate(1);
  if (unit === "y") date.setMonth(0, 1);
  return up ? shift(date.getTime(), 1, unit) - 1 : date.getTime();
}

function fields(at: number, zone: Zone) {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return zone === "utc"
    ? {
        day: `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`,
        minute: `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`,
        second: two(date.getUTCSeconds()),
      }
    : {
        day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
        minute: `${two(date.getHours())}:${two(date.getMinutes())}`,
        second: two(date.getSeconds()),
      };
}

/** `2026-11-21 04:05:06`, in the chosen zone. */
export function formatDateTime(at: number, zone: Zone): string {
  if (!Number.isFinite(at)) return "";
  const { day, minute, second } = fields(at, zone);
  return `${day} ${minute}:${second}`;
}

/** `04:05:06`, in the chosen zone. */
export function formatTime(at: number, zone: Zone): string {
  const { minute, second } = fields(at, zone);
  return `${minute}:${second}`;
}

/** The value of an `<input type="datetime-local" step="1">`. */
export function toInputValue(at: number, zone: Zone): string {
  return formatDateTime(at, zone).replace(" ", "T");
}

/** The instant an `<input type="datetime-local">` holds, read in the chosen zone. */
export function fromInputValue(text: string, zone: Zone): number | undefined {
  const at = Date.parse(zone === "utc" ? `${text}Z` : text);
  return Number.isNaN(at) ? undefined : at;
}

/** The name of the chosen zone, for people. */
export function zoneName(zone: Zone): string {
  return zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";
}
