import type { PrometheusClient } from "@prometheus-io/codemirror-promql";
import { fetchData } from "../api/client.ts";
import type { MetricMetadata } from "../api/types.ts";

const FRESH_MS = 60_000;
/** Names older than this are not offered. */
const LOOKBACK_MS = 12 * 3_600_000;

interface Kept {
  at: number;
  answer: Promise<unknown>;
}

/** Answers the editor's questions about names, labels and values from the server, each remembered for a minute. */
export class CompletionClient implements PrometheusClient {
  private readonly kept = new Map<string, Kept>();

  labelNames(metric?: string): Promise<string[]> {
    return this.list("api/v1/labels", metric);
  }

  labelValues(label: string, metric?: string): Promise<string[]> {
    return this.list(`api/v1/label/${encodeURIComponent(label)}/values`, metric);
  }

  metricNames(): Promise<string[]> {
    return this.list("api/v1/label/__name__/values");
  }

  metricMetadata(): Promise<Record<string, MetricMetadata[]>> {
    return this.ask<Record<string, MetricMetadata[]>>("api/v1/metadata", {});
  }

  async series(metric: string): Promise<Map<string, string>[]> {
    const found = await this.list<Record<string, string>>("api/v1/series", metric);
    return found.map((labels) => new Map(Object.entries(labels)));
  }

  flags(): Promise<Record<string, string>> {
    return this.ask<Record<string, string>>("api/v1/status/flags", {});
  }

  private list<T = string>(path: string, metric?: string): Promise<T[]> {
    const now = Math.floor(Date.now() / FRESH_MS) * FRESH_MS;
    const params = new URLSearchParams({ start: String((now - LOOKBACK_MS) / 1000), end: String((now + FRESH_MS) / 1000) });
    if (metric) params.set("match[]", `{__name__=${JSON.stringify(metric)}}`);
    return this.ask<T[]>(`${path}?${params}`, []);
  }

  /** Completion is a help: when the server does not answer, nothing is offered and nothing breaks. */
  private ask<T>(path: string, otherwise: T): Promise<T> {
    const known = this.kept.get(path);
    if (known && Date.now() - known.at < FRESH_MS) return known.answer as Promise<T>;
    const answer = fetchData<T>(path).then(
      (data) => {
        // A server that has just started knows little yet, and more in a moment.
        if (Array.isArray(data) && data.length === 0) this.kept.delete(path);
        return data;
      },
      () => {
        this.kept.delete(path);
        return otherwise;
      },
    );
    this.kept.set(path, { at: Date.now(), answer });
    return answer;
  }
}
