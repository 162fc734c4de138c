import { expect, test } from "vitest";
import { encodeColumns } from "../../dev/encode-columns.ts";
import { QueryBatcher } from "./batch.ts";
import { decodeColumns, type QueryResult } from "./columns.ts";

const buffer = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer;
const notes = { warnings: [], infos: [] };

test("ranges, instants and errors come back as they were sent", () => {
  const answer = encodeColumns([
    { id: "a", ok: true, kind: "range", start: 1000, step: 500, count: 3, series: [{ labels: { job: "ü<img>" }, values: [1, Number.NaN, 3] }, { labels: {}, values: [4, 5, 6] }], warnings: ["w"], infos: [] },
    { id: "b", ok: true, kind: "instant", time: 2000, series: [{ labels: { x: "1" }, values: [7] }], ...notes },
    { id: "c", ok: false, error: { type: "bad_data", message: "1:5: parse error", start: 4, end: 7 } },
  ]);
  const [range, instant, failed] = decodeColumns(buffer(answer));
  expect(range).toMatchObject({ kind: "range", start: 1000, step: 500, count: 3, totalSeries: 2, warnings: ["w"] });
  expect(range?.kind === "range" && range.series.map((one) => [one.labels, [...one.values]])).toEqual([
    [{ job: "ü<img>" }, [1, Number.NaN, 3]],
    [{}, [4, 5, 6]],
  ]);
  expect(instant).toMatchObject({ kind: "instant", time: 2000, series: [{ labels: { x: "1" }, value: 7 }] });
  expect(failed?.kind === "failed" && [failed.error.type, failed.error.message, failed.error.span]).toEqual(["bad_data", "1:5: parse error", { start: 4, end: 7 }]);
});

test("an answer cut at the server's limit still tells the whole number", () => {
  const series = Array.from({ length: 501 }, (_, index) => ({ labels: { i: String(index) }, values: [index] }));
  const [result] = decodeColumns(buffer(encodeColumns([{ id: "a", ok: true, kind: "instant", time: 0, series, ...notes }])));
  expect(result?.kind === "instant" && [result.series.length, result.totalSeries]).toEqual([500, 501]);
});

test("a torn or foreign answer is refused, wherever it is torn", () => {
  const whole = encodeColumns([{ id: "a", ok: true, kind: "range", start: 0, step: 1, count: 4, series: [{ labels: {}, values: [1, 2, 3, 4] }], ...notes }]);
  for (let length = 0; length < whole.length; length += 1) {
    expect(() => decodeColumns(buffer(whole.subarray(0, length)))).toThrow(/cannot be read/);
  }
  expect(() => decodeColumns(buffer(new TextEncoder().encode('{"status":"success"}')))).toThrow(/WFC1/);
});

const spec = (expr: string) => ({ expr, start: 0, end: 1000, step: 1000, instant: true });

test("what is asked in one turn goes out as one request, equal questions once", async () => {
  const sent: string[] = [];
  const batcher = new QueryBatcher((body) => {
    sent.push(body);
    const { queries } = JSON.parse(body) as { queries: { id: string; expr: string }[] };
    return Promise.resolve(buffer(encodeColumns(queries.map(({ id, expr }) => ({ id, ok: true, kind: "instant", time: 0, series: [{ labels: { expr }, values: [1] }], ...notes })))));
  });
  const signal = new AbortController().signal;
  const [first, second] = await Promise.all([batcher.load([spec("a"), spec("b")], signal), batcher.load([spec("b")], signal)]);
  const labels = (results: QueryResult[]) => results.map((result) => result.kind === "instant" && result.series[0]?.labels["expr"]);
  expect(sent).toHaveLength(1);
  expect((JSON.parse(sent[0] ?? "") as { queries: unknown[] }).queries).toHaveLength(2);
  expect([labels(first), labels(second)]).toEqual([["a", "b"], ["b"]]);
});

test("the request is aborted only when nobody waits for it any more", async () => {
  let request: AbortSignal | undefined;
  const batcher = new QueryBatcher(
    (_, signal) =>
      new Promise((_resolve, reject) => {
        request = signal;
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      }),
  );
  const [one, two] = [new AbortController(), new AbortController()];
  const waiting = [batcher.load([spec("a")], one.signal), batcher.load([spec("b")], two.signal)].map((load) => load.catch(() => "gone"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  one.abort();
  expect(request?.aborted).toBe(false);
  two.abort();
  expect(request?.aborted).toBe(true);
  expect(await Promise.all(waiting)).toEqual(["gone", "gone"]);
});
