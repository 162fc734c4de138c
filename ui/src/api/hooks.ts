import { keepPreviousData, QueryClient, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { queryBatcher, type QuerySpec } from "./batch.ts";
import { fetchData, fetchJson } from "./client.ts";
import type { QueryResult } from "./columns.ts";
import { ApiError } from "./errors.ts";
import { parseDuration } from "../time/duration.ts";
import type { Boot, Cardinality, DashboardEntry, Deliveries, RuleGroup, Targets, TsdbStatus } from "./types.ts";

/** How often lists that change by themselves (alerts, targets, rules) are asked again, in milliseconds. */
const LIVE_MS = 5_000;
const FOREVER = Number.POSITIVE_INFINITY;

/** One cache for the page. A query that is wrong is not asked twice; a server that is away is, with patience. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => error instanceof ApiError && error.unreachable && failures < 2,
        retryDelay: 1_000,
        refetchOnWindowFocus: false,
        staleTime: 2_000,
        gcTime: 60_000,
      },
    },
  });
}

export function useBoot(): UseQueryResult<Boot> {
  return useQuery({
    queryKey: ["boot"],
    queryFn: ({ signal }) => fetchJson<Boot>("api/ui/v1/boot", { signal }),
    refetchInterval: (query) => (query.state.data ? 15_000 : LIVE_MS),
  });
}

export function useDashboardList(): UseQueryResult<DashboardEntry[]> {
  return useQuery({
    queryKey: ["dashboards"],
    queryFn: ({ signal }) => fetchJson<DashboardEntry[]>("api/ui/v1/dashboards", { signal }),
    staleTime: 60_000,
  });
}

/** The dashboard's JSON exactly as its author wrote it; `dashboard/model.ts` makes sense of it. */
export function useDashboardFile(uid: string | undefined): UseQueryResult<unknown> {
  return useQuery({
    queryKey: ["dashboard", uid],
    queryFn: ({ signal }) => fetchJson<unknown>(`api/ui/v1/dashboards/${encodeURIComponent(uid ?? "")}`, { signal }),
    enabled: uid !== undefined,
    staleTime: FOREVER,
  });
}

/** Asks several expressions as part of the page's one batched request, keeping the old picture meanwhile. */
export function useExpressions(specs: QuerySpec[], options: { enabled: boolean; scope: string }): UseQueryResult<QueryResult[]> {
  return useQuery({
    queryKey: ["expressions", options.scope, specs],
    queryFn: ({ signal }) => queryBatcher.load(specs, signal),
    enabled: options.enabled && specs.length > 0,
    placeholderData: keepPreviousData,
    staleTime: FOREVER,
    gcTime: 5_000,
    structuralSharing: false,
    retry: false,
  });
}

export function useLabelValues(label: string, matchers: string[], range: { start: number; end: number }, enabled = true) {
  const params = new URLSearchParams();
  for (const matcher of matchers) params.append("match[]", matcher);
  params.set("start", String(range.start / 1000));
  params.set("end", String(range.end / 1000));
  return useQuery({
    queryKey: ["label-values", label, params.toString()],
    queryFn: ({ signal }) => fetchData<string[]>(`api/v1/label/${encodeURIComponent(label)}/values?${params}`, { signal }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    enabled,
  });
}

export function useTargets(): UseQueryResult<Targets> {
  return useQuery({
    queryKey: ["targets"],
    queryFn: ({ signal }) => fetchData<Targets>("api/ui/v1/targets", { signal }),
    refetchInterval: LIVE_MS,
  });
}

/**
 * How far apart samples are, in milliseconds: what the configuration says, or less when every target is asked more
 * often than that. `undefined` until it is known, because a rate over a wrong window would be a wrong picture.
 */
export function useScrapeInterval(): number | undefined {
  const boot = useBoot();
  const targets = useQuery({
    queryKey: ["scrape-intervals"],
    queryFn: async ({ signal }) => {
      const { activeTargets } = await fetchData<Targets>("api/v1/targets?state=active", { signal });
      const intervals = activeTargets.flatMap((target) => parseDuration(target.scrapeInterval ?? "") ?? []);
      return intervals.length > 0 ? Math.max(...intervals) : FOREVER;
    },
    staleTime: 60_000,
    retry: false,
  });
  if (!boot.data || targets.isPending) return undefined;
  return Math.max(1_000, Math.min(boot.data.scrape_interval_s * 1000, targets.data ?? FOREVER));
}

/** What the store holds against its limits; lists of `limit` entries. */
export function useCardinality(limit: number): UseQueryResult<Cardinality> {
  return useQuery({
    queryKey: ["cardinality", limit],
    queryFn: ({ signal }) => fetchJson<Cardinality>(`api/ui/v1/cardinality?limit=${limit}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
  });
}

export function useRules(): UseQueryResult<RuleGroup[]> {
  return useQuery({
    queryKey: ["rules"],
    queryFn: async ({ signal }) => (await fetchData<{ groups: RuleGroup[] | null }>("api/v1/rules", { signal })).groups ?? [],
    refetchInterval: LIVE_MS,
  });
}

/** `null` when this server keeps no record of deliveries. */
export function useDeliveries(): UseQueryResult<Deliveries | null> {
  return useQuery({
    queryKey: ["deliveries"],
    queryFn: async ({ signal }) => {
      try {
        return await fetchJson<Deliveries>("api/ui/v1/deliveries", { signal });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    refetchInterval: (query) => (query.state.data === null ? false : LIVE_MS),
  });
}

export type StatusPage = "buildinfo" | "runtimeinfo" | "flags" | "config" | "tsdb";

export interface StatusData {
  buildinfo: Record<string, unknown>;
  runtimeinfo: Record<string, unknown>;
  flags: Record<string, string>;
  config: { yaml: string };
  tsdb: TsdbStatus;
}

export function useStatus<Page extends StatusPage>(page: Page): UseQueryResult<StatusData[Page]> {
  return useQuery({
    queryKey: ["status", page],
    queryFn: ({ signal }) => fetchData<StatusData[Page]>(`${page === "buildinfo" || page === "runtimeinfo" ? "api/ui/v1" : "api/v1"}/status/${page}`, { signal }),
    staleTime: 10_000,
  });
}
