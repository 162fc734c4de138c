import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Plugin } from "vite";
import { encodeColumns, type ColumnResult } from "./encode-columns.ts";

const DASHBOARDS = join(import.meta.dirname, "../../content/dashboards");

interface BatchQuery {
  id: string;
  expr: string;
  start: number;
  end: number;
  step: number;
  instant?: boolean;
}

/**
 * Serves `/api/ui/v1/*` on top of any Prometheus, so that the pages can be developed without the server.
 * Development only: it is never part of the built UI.
 */
export function prometheusStandIn(prometheus: string): Plugin {
  const started = Date.now();
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, prometheus, started).catch((error: unknown) => {
      sendJson(response, 502, { status: "error", errorType: "unavailable", error: String(error) });
    });
  };
  return {
    name: "watchfire-stand-in",
    configureServer(server) {
      server.middlewares.use("/api/ui/v1", handle);
    },
    configurePreviewServer(server) {
      server.middlewares.use("/api/ui/v1", handle);
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, prometheus: string, started: number) {
  const path = (request.url ?? "").split("?")[0] ?? "";
  if (path === "/boot") {
    return sendJson(response, 200, {
      version: "0.1.0-dev",
      started_ms: started,
      external_url: "/",
      scrape_interval_s: 5,
      home_dashboard: "host",
    });
  }
  if (path === "/dashboards") {
    const all = await dashboards();
    return sendJson(
      response,
      200,
      all.map((one) => ({ uid: one.uid, title: one.title, tags: one.tags ?? [] })),
    );
  }
  if (path === "/deliveries") return sendJson(response, 200, { outbox: [], deliveries: [] });
  if (path.startsWith("/dashboards/")) {
    const uid = decodeURIComponent(path.slice("/dashboards/".length));
    const found = (await dashboards()).find((one) => one.uid === uid);
    if (!found) return sendJson(response, 404, { status: "error", errorType: "not_found", error: `no dashboard "${uid}"` });
    return sendJson(response, 200, found);
  }
  if (path === "/query" && request.method === "POST") {
    const body = JSON.parse(await readBody(request)) as { queries: BatchQuery[] };
    const results = await Promise.all(body.queries.map((query) => evaluate(prometheus, query)));
    response.writeHead(200, { "content-type": "application/vnd.watchfire.columns" });
    response.end(Buffer.from(encodeColumns(results)));
    return;
  }
  sendJson(response, 404, { status: "error", errorType: "not_found", error: "no such route" });
}

interface DashboardFile {
  uid: string;
  title: string;
  tags?: string[];
}

async function dashboards(): Promise<DashboardFile[]> {
  const extra = process.env["EXTRA_DASHBOARDS"];
  const found: DashboardFile[] = [];
  for (const folder of extra ? [DASHBOARDS, extra] : [DASHBOARDS]) {
    for (const name of (await readdir(folder)).filter((entry) => entry.endsWith(".json"))) {
      const file = JSON.parse(await readFile(join(folder, name), "utf8")) as DashboardFile;
      found.push({ ...file, uid: file.uid ?? name.replace(/\.json$/, "") });
    }
  }
  return found;
}

interface PrometheusAnswer {
  status: string;
  errorType?: string;
  error?: string;
  warnings?: string[];
  infos?: string[];
  data?: {
    resultType: string;
    result: unknown;
  };
}

async function evaluate(prometheus: string, query: BatchQuery): Promise<ColumnResult> {
  const params = new URLSearchParams({ query: query.expr });
  if (query.instant) {
    params.set("time", String(query.end / 1000));
  } else {
    params.set("start", String(query.start / 1000));
    params.set("end", String(query.end / 1000));
    params.set("step", String(query.step / 1000));
  }
  const path = query.instant ? "query" : "query_range";
  const reply = await fetch(`${prometheus}/api/v1/${path}`, { method: "POST", body: params });
  const parsed = (await reply.json()) as PrometheusAnswer;
  if (parsed.status !== "success" || !parsed.data) {
    const message = parsed.error ?? "unknown error";
    const position = /(\d+):(\d+): parse error/.exec(message);
    const start = position ? Number(position[2]) - 1 : undefined;
    return { id: query.id, ok: false, error: { type: parsed.errorType ?? "internal", message, start, end: start } };
  }
  const { resultType, result } = parsed.data;
  const notes = { warnings: parsed.warnings ?? [], infos: parsed.infos ?? [] };
  if (query.instant) {
    const rows =
      resultType === "scalar"
        ? [{ metric: {}, value: result as [number, string] }]
        : (result as { metric: Record<string, string>; value?: [number, string] }[]);
    return {
      id: query.id,
      ok: true,
      kind: "instant",
      time: query.end,
      series: rows.flatMap((row) => (row.value ? [{ labels: row.metric, values: [Number(row.value[1])] }] : [])),
      ...notes,
    };
  }
  const count = Math.floor((query.end - query.start) / query.step) + 1;
  const rows = result as { metric: Record<string, string>; values?: [number, string][] }[];
  return {
    id: query.id,
    ok: true,
    kind: "range",
    start: query.start,
    step: query.step,
    count,
    series: rows.map((row) => {
      const values = Array.from({ length: count }, () => Number.NaN);
      for (const [at, value] of row.values ?? []) values[Math.round((at * 1000 - query.start) / query.step)] = Number(value);
      return { labels: row.metric, values };
    }),
    ...notes,
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function sendJson(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
