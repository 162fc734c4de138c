import { keepPreviousData, useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { matcherText, type Matcher } from "../alerting/matchers.ts";
import { fetchJson, request } from "./client.ts";

/** How often alerts and silences are asked for again, in milliseconds. */
const LIVE_MS = 5_000;

/** An alert as `GET /api/v2/alerts` tells it. Times are RFC 3339. */
export interface ActiveAlert {
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  generatorURL?: string;
  receivers: { name: string }[];
  status: { state: "unprocessed" | "active" | "suppressed"; silencedBy: string[]; inhibitedBy: string[]; mutedBy?: string[] };
}

export type SilenceState = "active" | "pending" | "expired";

export interface Silence {
  id: string;
  status: { state: SilenceState };
  matchers: Matcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
}

/** A silence as it is sent. With an id it changes that one; without it makes a new one. */
export type SilenceDraft = Pick<Silence, "matchers" | "startsAt" | "endsAt" | "createdBy" | "comment"> & { id?: string };

function filterParams(matchers: readonly Matcher[]): URLSearchParams {
  const params = new URLSearchParams();
  for (const matcher of matchers) params.append("filter", matcherText(matcher));
  return params;
}

/** Every alert that fits all matchers, silenced and inhibited ones too. */
export function useActiveAlerts(matchers: readonly Matcher[], enabled = true): UseQueryResult<ActiveAlert[]> {
  const params = filterParams(matchers);
  return useQuery({
    queryKey: ["am-alerts", params.toString()],
    queryFn: ({ signal }) => fetchJson<ActiveAlert[]>(`api/v2/alerts?${params}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
    enabled,
  });
}

/** How many alerts fire, whoever evaluated them; those that silences or other alerts mute stand apart. */
export function useAlertCount(): UseQueryResult<{ active: number; suppressed: number }> {
  return useQuery({
    queryKey: ["am-alerts", "count"],
    queryFn: ({ signal }) => fetchJson<{ active: number; suppressed: number }>("api/ui/v1/alerts/count", { signal }),
    refetchInterval: LIVE_MS,
  });
}

export function useSilences(): UseQueryResult<Silence[]> {
  return useQuery({
    queryKey: ["silences"],
    queryFn: ({ signal }) => fetchJson<Silence[]>("api/v2/silences", { signal }),
    refetchInterval: LIVE_MS,
  });
}

export function useSilence(id: string | undefined): UseQueryResult<Silence> {
  return useQuery({
    queryKey: ["silence", id],
    queryFn: ({ signal }) => fetchJson<Silence>(`api/v2/silence/${encodeURIComponent(id ?? "")}`, { signal }),
    enabled: id !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** Makes or changes a silence; resolves with its id, once it is on disk. */
export function useSaveSilence() {
  const after = useForgetSilences();
  return useMutation({
    mutationFn: async (draft: SilenceDraft) =>
      (
        await fetchJson<{ silenceID: string }>("api/v2/silences", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(draft),
        })
      ).silenceID,
    onSuccess: after,
  });
}

export function useExpireSilence() {
  const after = useForgetSilences();
  return useMutation({
    mutationFn: (id: string) => request(`api/v2/silence/${encodeURIComponent(id)}`, { method: "DELETE" }),
    onSuccess: after,
  });
}

function useForgetSilences() {
  const client = useQueryClient();
  return async () => {
    await Promise.all(["silences", "silence", "am-alerts"].map((key) => client.invalidateQueries({ queryKey: [key] })));
  };
}
