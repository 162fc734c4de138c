import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { fetchData } from "./client.ts";
import type { HistoryEvent } from "./history.ts";

/** One route of Alertmanager's tree. Durations are seconds; `id` is the places on the way down, empty for the root. */
export interface RouteNode {
  id: string;
  receiver: string;
  matchers: string[];
  continue: boolean;
  groupBy: string[];
  groupWait: number;
  groupInterval: number;
  repeatInterval: number;
  muteTimeIntervals: string[];
  activeTimeIntervals: string[];
  labels: Record<string, string>;
  key: string;
  routes: RouteNode[];
  /** In tests and explanations: what became of the alert here, and why. */
  outcome?: "ends_here" | "passed" | "not_matched" | "not_tried";
  why?: string;
}

export interface RouteTree {
  root: RouteNode | null;
  receivers: { name: string; integrations: string[]; fallback: string | null; labels: Record<string, string> }[];
  timeIntervals: string[];
}

export interface Suppression {
  kind: string;
  names: string[];
  text: string;
}

export interface RouteTest {
  labels: Record<string, string>;
  fingerprint: string;
  receivers: string[];
  tree: RouteNode;
  routes: {
    route: string;
    receiver: string;
    groupKey: string;
    groupLabels: Record<string, string>;
    groupWait: number;
    groupInterval: number;
    repeatInterval: number;
    integrations: string[];
    fallback: string | null;
    suppressedBy: Suppression[];
  }[];
  suppressedBy: Suppression[];
  told: string[];
  notes: string[];
}

export interface ExplainStep {
  step: string;
  verdict: "pass" | "stop" | "wait" | "fail" | "unknown";
  at: string | null;
  text: string;
}

export interface Explanation {
  at: string;
  alert: { fingerprint: string; labels: Record<string, string>; annotations: Record<string, string>; source: string; rule: string; group: string; file: string };
  told: "yes" | "no" | "waiting" | "partly";
  summary: string;
  others: number;
  steps: ExplainStep[];
  evaluation: {
    state: string;
    expr: string | null;
    for: number | null;
    keepFiringFor: number | null;
    value: string | null;
    activeAt: string | null;
    firedAt: string | null;
    resolvedAt: string | null;
    lastEvaluation: string | null;
    health: string | null;
    lastError: string | null;
  } | null;
  events: HistoryEvent[];
  routing: { tree: RouteNode | null; changed: boolean };
  destinations: {
    receiver: string;
    groupKey: string;
    groupLabels: Record<string, string>;
    route: string;
    verdict: string;
    text: string;
    timers: { groupWait: number; groupInterval: number; repeatInterval: number; nextFlush: string | null; lastTold: string | null } | null;
    suppressedBy: Suppression[];
    notifications: {
      id: number;
      integration: string;
      reason: string;
      state: string;
      tells: string;
      queuedAt: string;
      nextTry: string | null;
      lastError: string | null;
      attempts: { startedAt: string; outcome: string; status: number | null; latencyMs: number | null; error: string | null }[];
    }[];
  }[];
  notes: string[];
}

export function useRouteTree(): UseQueryResult<RouteTree> {
  return useQuery({ queryKey: ["routes"], queryFn: ({ signal }) => fetchData<RouteTree>("api/v1/routes", { signal }) });
}

/** What would become of an alert with these labels; asked again by itself when they change. */
export function useRouteTest(labels: Readonly<Record<string, string>>): UseQueryResult<RouteTest> {
  return useQuery({
    queryKey: ["route-test", labels],
    queryFn: ({ signal }) =>
      fetchData<RouteTest>("api/v1/routes/test", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ labels }), signal }),
    enabled: Object.keys(labels).length > 0,
    placeholderData: (before) => before,
  });
}

export function useExplanation(params: URLSearchParams, enabled: boolean): UseQueryResult<Explanation> {
  return useQuery({
    queryKey: ["explain", params.toString()],
    queryFn: ({ signal }) => fetchData<Explanation>(`api/v1/alerts/explain?${params}`, { signal }),
    enabled,
  });
}
