import { request } from "./client.ts";
import { decodeColumns, type QueryResult } from "./columns.ts";
import { ApiError } from "./errors.ts";

/** One expression over a range, or at `end` when `instant`. Times and step are milliseconds. */
export interface QuerySpec {
  expr: string;
  start: number;
  end: number;
  step: number;
  instant: boolean;
}

interface Waiting {
  specs: QuerySpec[];
  signal: AbortSignal;
  resolve: (results: QueryResult[]) => void;
  reject: (reason: unknown) => void;
}

type Send = (body: string, signal: AbortSignal) => Promise<ArrayBuffer>;

/**
 * Gathers what all panels ask in one turn of the event loop into one request, and hands each its own share.
 * The request is aborted when everyone who waits for it has gone.
 */
export class QueryBatcher {
  private waiting: Waiting[] = [];
  private readonly send: Send;

  constructor(send: Send = sendToServer) {
    this.send = send;
  }

  /** Results come in the order of `specs`; a query that is wrong is a failed result, not a rejection. */
  load(specs: QuerySpec[], signal: AbortSignal): Promise<QueryResult[]> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) setTimeout(() => void this.flush(), 0);
      this.waiting.push({ specs, signal, resolve, reject });
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.filter((one) => {
      if (one.signal.aborted) one.reject(one.signal.reason);
      return !one.signal.aborted;
    });
    this.waiting = [];
    if (batch.length === 0) return;

    const unique = new Map<string, string>();
    const queries: (QuerySpec & { id: string })[] = [];
    const idOf = (spec: QuerySpec): string => {
      const key = `${spec.instant}|${spec.start}|${spec.end}|${spec.step}|${spec.expr}`;
      const known = unique.get(key);
      if (known !== undefined) return known;
      const id = `q${queries.length}`;
      unique.set(key, id);
      queries.push({ id, ...spec });
      return id;
    };
    const wanted = batch.map((one) => one.specs.map(idOf));

    const controller = new AbortController();
    const abortWhenNobodyWaits = () => {
      if (batch.every((one) => one.signal.aborted)) controller.abort();
    };
    for (const one of batch) one.signal.addEventListener("abort", abortWhenNobodyWaits, { once: true });

    try {
      const answer = await this.send(JSON.stringify({ queries }), controller.signal);
      const byId = new Map(decodeColumns(answer).map((result) => [result.id, result]));
      batch.forEach((one, index) => {
        one.resolve((wanted[index] ?? []).map((id) => byId.get(id) ?? unanswered(id)));
      });
    } catch (error) {
      for (const one of batch) one.reject(one.signal.aborted ? one.signal.reason : error);
    } finally {
      for (const one of batch) one.signal.removeEventListener("abort", abortWhenNobodyWaits);
    }
  }
}

function unanswered(id: string): QueryResult {
  return { kind: "failed", id, error: new ApiError("bad_response", "The server left this query unanswered.") };
}

async function sendToServer(body: string, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await request("api/ui/v1/query", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/vnd.watchfire.columns" },
    body,
    signal,
  });
  return response.arrayBuffer();
}

/** The batcher all pages share. */
export const queryBatcher = new QueryBatcher();
