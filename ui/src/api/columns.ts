import { ApiError } from "./errors.ts";

/** The labels of one series, the metric name under `__name__`. */
export type Labels = Readonly<Record<string, string>>;

/** One series of a range query: `values[i]` belongs to `start + i * step`, NaN where there is no sample. */
export interface RangeSeries {
  labels: Labels;
  values: Float64Array;
}

interface Common {
  id: string;
  /** How many series the query has; more than were sent when the server cut the answer. */
  totalSeries: number;
  warnings: string[];
  infos: string[];
}

export interface RangeResult extends Common {
  kind: "range";
  /** Unix milliseconds of the first step. */
  start: number;
  step: number;
  count: number;
  series: RangeSeries[];
}

export interface InstantResult extends Common {
  kind: "instant";
  /** Unix milliseconds at which the query was evaluated. */
  time: number;
  series: { labels: Labels; value: number }[];
}

export interface FailedResult {
  kind: "failed";
  id: string;
  error: ApiError;
}

export type QueryResult = RangeResult | InstantResult | FailedResult;

const MAGIC = 0x31434657; // "WFC1", little endian
const PREFIX_BYTES = 8;
const VALUE_BYTES = 8;

interface WireSeries {
  labels?: Record<string, string>;
  at: number;
}

interface WireResult {
  id: string;
  ok: boolean;
  kind?: "range" | "instant";
  start?: number;
  step?: number;
  count?: number;
  time?: number;
  series?: WireSeries[];
  total_series?: number;
  warnings?: string[];
  infos?: string[];
  error?: { type?: string; message?: string; start?: number; end?: number };
}

/**
 * Reads `application/vnd.watchfire.columns`: a magic word, the length of a JSON header, the header, then
 * little-endian doubles that the header points into by element. Values are views, not copies.
 */
export function decodeColumns(buffer: ArrayBuffer): QueryResult[] {
  const view = new DataView(buffer);
  if (buffer.byteLength < PREFIX_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw broken("it does not begin with WFC1");
  }
  const headerLength = view.getUint32(4, true);
  const payloadAt = PREFIX_BYTES + headerLength;
  if (payloadAt > buffer.byteLength) throw broken("its header is longer than the answer");
  if (payloadAt % VALUE_BYTES !== 0) throw broken("its numbers are not aligned");
  const text = new TextDecoder().decode(new Uint8Array(buffer, PREFIX_BYTES, headerLength));
  let header: { results?: WireResult[] };
  try {
    header = JSON.parse(text) as { results?: WireResult[] };
  } catch {
    throw broken("its header is not JSON");
  }
  const values = new Float64Array(buffer, payloadAt, Math.floor((buffer.byteLength - payloadAt) / VALUE_BYTES));
  return (header.results ?? []).map((result) => decodeResult(result, values));
}

function decodeResult(result: WireResult, values: Float64Array): QueryResult {
  if (!result.ok) {
    const { type, message, start, end } = result.error ?? {};
    const span = start === undefined ? undefined : { start, end: end ?? start };
    return { kind: "failed", id: result.id, error: new ApiError(type ?? "internal", message ?? "The query failed.", 0, span) };
  }
  const series = result.series ?? [];
  const common = {
    id: result.id,
    totalSeries: result.total_series ?? series.length,
    warnings: result.warnings ?? [],
    infos: result.infos ?? [],
  };
  if (result.kind === "instant") {
    return {
      ...common,
      kind: "instant",
      time: result.time ?? 0,
      series: series.map(({ labels, at }) => ({ labels: labels ?? {}, value: slice(values, at, 1)[0] ?? Number.NaN })),
    };
  }
  const count = result.count ?? 0;
  return {
    ...common,
    kind: "range",
    start: result.start ?? 0,
    step: result.step ?? 1,
    count,
    series: series.map(({ labels, at }) => ({ labels: labels ?? {}, values: slice(values, at, count) })),
  };
}

function slice(values: Float64Array, at: number, count: number): Float64Array {
  if (at < 0 || at + count > values.length) throw broken("a series lies outside its numbers");
  return values.subarray(at, at + count);
}

function broken(why: string): ApiError {
  return new ApiError("bad_response", `The answer to the queries cannot be read: ${why}.`);
}
