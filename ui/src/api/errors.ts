/** Bytes of the query text, counted in UTF-8, that an error speaks of: from `start` up to, not including, `end`. */
export interface ErrorSpan {
  start: number;
  end: number;
}

/** An answer that is not the one asked for. `type` is Prometheus's `errorType`, or ours for what it has no word for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly type: string;
  readonly status: number;
  readonly span: ErrorSpan | undefined;

  constructor(type: string, message: string, status = 0, span?: ErrorSpan) {
    super(message);
    this.type = type;
    this.status = status;
    this.span = span;
  }

  /** True when no server answered at all, which is about the connection and not about the question. */
  get unreachable(): boolean {
    return this.type === "unreachable";
  }
}

/** What to tell a person about any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
