import { keepPreviousData, useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { fetchData } from "./client.ts";

/** One change of an alert. Times are RFC 3339, durations seconds. */
export interface HistoryEvent {
  id: number;
  at: string;
  state: "pending" | "firing" | "resolved" | "inactive" | "suppressed" | "unsuppressed";
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  value: string | null;
  rule: string;
  group: string;
  file: string;
  source: "rule" | "outside";
  activeAt: string | null;
  firedAt: string | null;
  resolvedAt: string | null;
  lasted: number | null;
  groups: { key: string; receiver: string }[];
  by: { kind: string; names: string[] } | null;
}

export interface HistoryPage {
  events: HistoryEvent[];
  cursor: string | null;
  from: string;
  to: string;
  retention: number;
  oldest: string | null;
  dropped: { rule: string; count: number }[];
}

interface Spread {
  count: number;
  median: number | null;
  p90: number | null;
}

/** How much noise one rule makes. */
export interface Noise {
  fired: number;
  instances: number;
  firing: number;
  pendingOnly: number;
  notifications: number;
  notificationsFailed: number;
  firingSeconds: number;
  timeToResolve: Spread;
  timeToAcknowledge: Spread;
  flaps: number;
  shortLived: number | null;
  receivers: { receiver: string; notifications: number }[];
}

export interface RuleNoise extends Noise {
  rule: string;
  group: string;
  file: string;
  source: "rule" | "outside";
}

export interface Statistics {
  from: string;
  to: string;
  within: number;
  flap: number;
  rules: RuleNoise[];
  total: Noise;
  days: { day: string; fired: number; notifications: number }[];
  truncated: boolean;
}

/** Pages of history, the newest first. */
export function useAlertHistory(params: URLSearchParams) {
  return useInfiniteQuery({
    queryKey: ["alert-history", params.toString()],
    queryFn: ({ signal, pageParam }) => {
      const asked = new URLSearchParams(params);
      if (pageParam !== "") asked.set("cursor", pageParam);
      return fetchData<HistoryPage>(`api/v1/alerts/history?${asked}`, { signal });
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export function useAlertStatistics(params: URLSearchParams): UseQueryResult<Statistics> {
  return useQuery({
    queryKey: ["alert-statistics", params.toString()],
    queryFn: ({ signal }) => fetchData<Statistics>(`api/v1/alerts/statistics?${params}`, { signal }),
    placeholderData: keepPreviousData,
  });
}
