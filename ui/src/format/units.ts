import { formatNumber } from "./number.ts";

/** A value made readable: the number as text, and what stands after or before it. */
export interface Formatted {
  text: string;
  suffix: string;
  prefix: string;
}

type Formatter = (value: number, decimals: number | undefined) => Formatted;

const plain = (text: string, suffix = "", prefix = ""): Formatted => ({ text, suffix, prefix });

function fixed(suffix: string, factor = 1): Formatter {
  return (value, decimals) => plain(formatNumber(value * factor, decimals), suffix);
}

/** Divides by `base` until the number is short, and says how often by a prefix before `suffix`. */
function scaled(base: number, prefixes: readonly string[], suffix: string, first = 0): Formatter {
  return (value, decimals) => {
    if (!Number.isFinite(value)) return plain(formatNumber(value), suffix);
    let rest = value;
    let index = first;
    // 999.95 would round up to 1000, so the next prefix begins a little before it is due.
    while (Math.abs(rest) >= base * 0.99995 && index < prefixes.length - 1) {
      rest /= base;
      index += 1;
    }
    while (rest !== 0 && Math.abs(rest) < 0.99995 && index > 0) {
      rest *= base;
      index -= 1;
    }
    return plain(formatNumber(rest, decimals), `${prefixes[index] ?? ""}${suffix}`);
  };
}

const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint"];
const COUNT = ["", "K", "M", "B", "T"];
const SI = [" n", " µ", " m", " ", " k", " M", " G", " T", " P", " E"];
const SI_BASE = 3;
const BINARY = [" ", " Ki", " Mi", " Gi", " Ti", " Pi", " Ei"];
const DECIMAL = [" ", " k", " M", " G", " T", " P", " E"];

const si = (suffix: string, first = SI_BASE): Formatter => scaled(1000, SI, suffix, first);
const binary = (suffix: string, first = 0): Formatter => scaled(1024, BINARY, suffix, first);
const decimal = (suffix: string, first = 0): Formatter => scaled(1000, DECIMAL, suffix, first);
const perTime = (what: string, per: string): Formatter => scaled(1000, COUNT, ` ${what}/${per}`);

const TIME_SCALE: readonly { seconds: number; name: string }[] = [
  { seconds: 31_536_000, name: "year" },
  { seconds: 604_800, name: "week" },
  { seconds: 86_400, name: "day" },
  { seconds: 3_600, name: "hour" },
  { seconds: 60, name: "min" },
  { seconds: 1, name: "s" },
  { seconds: 1e-3, name: "ms" },
  { seconds: 1e-6, name: "µs" },
  { seconds: 1e-9, name: "ns" },
];

const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, m: 60, h: 3_600, d: 86_400, dtdurations: 1, dtdurationms: 1e-3 };

/** How many seconds one of this unit is, where it is a duration. */
export function secondsOf(unit: string | undefined): number | undefined {
  return unit !== undefined && Object.hasOwn(SECONDS, unit) ? SECONDS[unit] : undefined;
}

/** A duration in the largest unit that leaves at least one of it. `factor` turns the value into seconds. */
function duration(factor: number): Formatter {
  return (value, decimals) => {
    const seconds = value * factor;
    if (!Number.isFinite(seconds) || seconds === 0) return plain(formatNumber(seconds, decimals), " s");
    const step =
      TIME_SCALE.find((one) => Math.abs(seconds) >= one.seconds * 0.99995) ?? (TIME_SCALE.at(-1) as { seconds: number; name: string });
    const amount = seconds / step.seconds;
    const text = formatNumber(amount, decimals);
    const plural = step.seconds >= 3_600 && Math.abs(Number(text)) !== 1 ? "s" : "";
    return plain(text, ` ${step.name}${plural}`);
  };
}

/** A duration spelt out in its two largest units: `3 d 4 h`. */
function spelled(factor: number): Formatter {
  return (value) => {
    if (!Number.isFinite(value)) return plain(formatNumber(value));
    let rest = Math.round(Math.abs(value * factor));
    const parts: string[] = [];
    for (const [size, name] of [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]] as const) {
      if (rest < size && !(size === 1 && parts.length === 0)) continue;
      parts.push(`${Math.floor(rest / size)} ${name}`);
      rest %= size;
      if (parts.length === 2) break;
    }
    return plain(`${value < 0 ? "-" : ""}${parts.join(" ")}`);
  };
}

function clock(factor: number): Formatter {
  return (value) => {
    const total = Math.round(Math.abs(value * factor));
    const two = (part: number) => String(part).padStart(2, "0");
    return plain(`${value < 0 ? "-" : ""}${two(Math.floor(total / 3600))}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`);
  };
}

function instant(write: (date: Date) => string): Formatter {
  return (value) => {
    const date = new Date(value);
    return plain(Number.isNaN(date.getTime()) ? formatNumber(value) : write(date));
  };
}

const oneOf =
  (yes: string, no: string): Formatter =>
  (value) =>
    plain(value === 0 ? no : yes);

const money =
  (symbol: string): Formatter =>
  (value, decimals) => {
    const inner = scaled(1000, COUNT, "")(Math.abs(value), decimals);
    return plain(`${value < 0 ? "-" : ""}${symbol}${inner.text}`, inner.suffix);
  };

/** Grafana's unit ids; an id that is not here is written after the number, as Grafana does. */
const UNITS: Readonly<Record<string, Formatter>> = {
  none: fixed(""),
  string: fixed(""),
  short: scaled(1000, SHORT, ""),
  // Not Grafana's: what Explore uses, where nothing is known of the metric. Shortens large numbers only.
  explore: (value, decimals) => (Math.abs(value) < 10_000 ? plain(formatNumber(value, decimals)) : scaled(1000, ["", " k", " M", " G", " T", " P"], "")(value, decimals)),
  sishort: scaled(1000, [" n", " µ", " m", "", " k", " M", " G", " T"], "", 3),
  locale: (value, decimals) =>
    plain(value.toLocaleString("en-US", decimals === undefined ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals })),
  percent: fixed("%"),
  percentunit: fixed("%", 100),
  humidity: fixed("%H"),
  dB: fixed(" dB"),
  dBm: fixed(" dBm"),
  hex0x: (value) => plain(`0x${Math.trunc(value).toString(16).toUpperCase()}`),
  hex: (value) => plain(Math.trunc(value).toString(16).toUpperCase()),
  sci: (value, decimals) => plain(value.toExponential(decimals)),
  bytes: binary("B"),
  decbytes: decimal("B"),
  kbytes: binary("B", 1),
  mbytes: binary("B", 2),
  gbytes: binary("B", 3),
  deckbytes: decimal("B", 1),
  decmbytes: decimal("B", 2),
  decgbytes: decimal("B", 3),
  bits: binary("b"),
  decbits: decimal("b"),
  Bps: decimal("B/s"),
  binBps: binary("B/s"),
  bps: decimal("b/s"),
  binbps: binary("b/s"),
  KBs: decimal("B/s", 1),
  KiBs: binary("B/s", 1),
  MBs: decimal("B/s", 2),
  MiBs: binary("B/s", 2),
  GBs: decimal("B/s", 3),
  Kbits: decimal("b/s", 1),
  Mbits: decimal("b/s", 2),
  Gbits: decimal("b/s", 3),
  pps: scaled(1000, DECIMAL, "p/s"),
  ns: duration(1e-9),
  "µs": duration(1e-6),
  ms: duration(1e-3),
  s: duration(1),
  m: duration(60),
  h: duration(3600),
  d: duration(86_400),
  dtdurations: spelled(1),
  dtdurationms: spelled(1e-3),
  dthms: clock(1),
  dthmsms: clock(1e-3),
  clocks: clock(1),
  dateTimeAsIso: instant((date) => date.toISOString().replace("T", " ").slice(0, 19)),
  dateTimeAsLocal: instant((date) => date.toLocaleString()),
  dateTimeFromNow: instant((date) => {
    const seconds = (Date.now() - date.getTime()) / 1000;
    const { text } = spelled(1)(Math.abs(seconds), undefined);
    return seconds >= 0 ? `${text} ago` : `in ${text}`;
  }),
  ops: perTime("ops", "s"),
  reqps: perTime("req", "s"),
  rps: perTime("rd", "s"),
  wps: perTime("wr", "s"),
  iops: perTime("io", "s"),
  eps: perTime("events", "s"),
  mps: perTime("msg", "s"),
  cps: perTime("c", "s"),
  opm: perTime("ops", "min"),
  reqpm: perTime("req", "min"),
  rpm: perTime("rd", "min"),
  epm: perTime("events", "min"),
  rotrpm: fixed(" rpm"),
  hertz: si("Hz"),
  rothz: si("Hz"),
  mhz: si("Hz", SI_BASE + 2),
  ghz: si("Hz", SI_BASE + 3),
  celsius: fixed(" °C"),
  fahrenheit: fixed(" °F"),
  kelvin: fixed(" K"),
  watt: si("W"),
  kwatt: si("W", SI_BASE + 1),
  mwatt: si("W", SI_BASE - 1),
  joule: si("J"),
  watth: si("Wh"),
  kwatth: si("Wh", SI_BASE + 1),
  volt: si("V"),
  mvolt: si("V", SI_BASE - 1),
  amp: si("A"),
  flops: si("FLOPS"),
  gflops: si("FLOPS", SI_BASE + 3),
  tflops: si("FLOPS", SI_BASE + 4),
  currencyUSD: money("$"),
  currencyEUR: money("€"),
  currencyGBP: money("£"),
  currencyJPY: money("¥"),
  bool: oneOf("True", "False"),
  bool_yes_no: oneOf("Yes", "No"),
  bool_on_off: oneOf("On", "Off"),
};

/** Makes a value readable in a Grafana unit. `decimals` undefined means as many as it needs. */
export function formatUnit(value: number, unit: string | undefined, decimals?: number): Formatted {
  if (Number.isNaN(value)) return plain("NaN");
  return formatterOf(unit)(value, decimals);
}

/** {@link formatUnit} as one string. */
export function unitText(value: number, unit: string | undefined, decimals?: number): string {
  const { prefix, text, suffix } = formatUnit(value, unit, decimals);
  return `${prefix}${text}${suffix}`;
}

function formatterOf(unit: string | undefined): Formatter {
  if (!unit) return fixed("");
  if (Object.hasOwn(UNITS, unit)) return UNITS[unit] as Formatter;
  const colon = unit.indexOf(":");
  const kind = unit.slice(0, colon);
  const rest = unit.slice(colon + 1);
  if (kind === "prefix") return (value, decimals) => plain(formatNumber(value, decimals), "", rest);
  if (kind === "suffix") return fixed(rest);
  if (kind === "count") return scaled(1000, COUNT, ` ${rest}`);
  if (kind === "si") return siWithPrefix(rest);
  if (kind === "currency") return money(rest);
  if (kind === "bool") {
    const [yes = "True", no = "False"] = rest.split("/");
    return oneOf(yes, no);
  }
  if (kind === "time") return instant((date) => date.toISOString().replace("T", " ").slice(0, 19));
  return fixed(` ${unit}`);
}

/** `si:mF` is a value in thousandths of F. A single letter is the unit itself. */
function siWithPrefix(rest: string): Formatter {
  const index = rest.length > 1 ? SI.findIndex((prefix) => prefix.trim() !== "" && prefix.trim() === rest[0]) : -1;
  return index >= 0 ? si(rest.slice(1), index) : si(rest);
}
