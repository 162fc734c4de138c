/** One query's answer before it is packed; `values` are copied into the payload, NaN where there is no sample. */
export type ColumnResult =
  | {
      id: string;
      ok: true;
      kind: "range" | "instant";
      start?: number;
      step?: number;
      count?: number;
      time?: number;
      series: { labels: Record<string, string>; values: number[] }[];
      warnings: string[];
      infos: string[];
    }
  | { id: string; ok: false; error: { type: string; message: string; start?: number; end?: number } };

const MOST_SERIES = 500;

/** Packs results as `application/vnd.watchfire.columns`; the counterpart of `src/api/columns.ts`. */
export function encodeColumns(results: ColumnResult[]): Uint8Array {
  const columns: number[][] = [];
  let offset = 0;
  const header = results.map((result) => {
    if (!result.ok) return result;
    const { series, ...rest } = result;
    return {
      ...rest,
      total_series: series.length,
      series: series.slice(0, MOST_SERIES).map(({ labels, values }) => {
        const at = offset;
        columns.push(values);
        offset += values.length;
        return { labels, at };
      }),
    };
  });
  let json = new TextEncoder().encode(JSON.stringify({ results: header }));
  const padding = (8 - ((8 + json.length) % 8)) % 8;
  json = new TextEncoder().encode(JSON.stringify({ results: header }) + " ".repeat(padding));
  const out = new Uint8Array(8 + json.length + offset * 8);
  out.set([0x57, 0x46, 0x43, 0x31]);
  const view = new DataView(out.buffer);
  view.setUint32(4, json.length, true);
  out.set(json, 8);
  let position = 8 + json.length;
  for (const column of columns) {
    for (const value of column) {
      view.setFloat64(position, value, true);
      position += 8;
    }
  }
  return out;
}
