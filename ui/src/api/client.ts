import { serverUrl } from "./base.ts";
import { reportReachable, reportUnreachable } from "./connection.ts";
import { ApiError } from "./errors.ts";

/** What every endpoint under `/api/v1` wraps its data in. */
interface Envelope {
  status?: unknown;
  data?: unknown;
  errorType?: unknown;
  error?: unknown;
  warnings?: unknown;
}

/** The one place that talks to the network. Rejects with {@link ApiError}, or with the abort reason. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(serverUrl(path), { credentials: "same-origin", ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    reportUnreachable();
    throw new ApiError("unreachable", "The server does not answer.");
  }
  // A proxy in front of a stopped server answers 502 to 504 in its place.
  if (response.status >= 502 && response.status <= 504 && !isJson(response)) {
    reportUnreachable();
    throw new ApiError("unreachable", `The server does not answer (HTTP ${response.status}).`, response.status);
  }
  reportReachable();
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Asks an endpoint of the Prometheus API and unwraps its `data`. */
export async function fetchData<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await request(path, init);
  const body = (await parseJson(response)) as Envelope;
  if (body.status !== "success") throw new ApiError("internal", "The answer has no data.", response.status);
  return body.data as T;
}

/** Asks an endpoint of our own API, which answers plain JSON. */
export async function fetchJson<T>(path: string, init?: RequestInit): Promise<T> {
  return (await parseJson(await request(path, init))) as T;
}

async function parseJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new ApiError("bad_response", "The answer is not JSON.", response.status);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  if (isJson(response)) {
    const answer: unknown = await response.json().catch(() => ({}));
    // The Alertmanager API answers a bare text.
    if (typeof answer === "string") return new ApiError("http", answer, response.status);
    const body = (answer ?? {}) as Envelope & { message?: unknown };
    if (typeof body.message === "string") return new ApiError("http", body.message, response.status);
    if (typeof body.error === "string") {
      const type = typeof body.errorType === "string" ? body.errorType : "error";
      return new ApiError(type, body.error, response.status);
    }
  }
  return new ApiError("http", `The server answered HTTP ${response.status}.`, response.status);
}

function isJson(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").includes("json");
}
