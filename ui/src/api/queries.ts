import { useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { fetchJson, request } from "./client.ts";

interface Asked {
  id: number;
  query: string;
  /** Unix milliseconds; `step` is 0 for an instant query. */
  start: number;
  end: number;
  step: number;
  /** RFC 3339. */
  asked: string;
  /** Seconds. */
  seconds: number;
  samples_read: number;
}

/** A query under way. */
export interface ActiveQuery extends Asked {
  /** Waits for others to end. */
  queued: boolean;
  held_bytes: number;
}

/** A query that took long, and has ended. */
export interface SlowQuery extends Asked {
  outcome: "done" | "failed" | "killed" | "left";
  queued_seconds: number;
  peak_bytes: number;
}

export interface Queries {
  /** How many may run at once. */
  slots: number;
  active: ActiveQuery[];
  slow: SlowQuery[];
}

export function useQueries(): UseQueryResult<Queries> {
  return useQuery({
    queryKey: ["queries"],
    queryFn: ({ signal }) => fetchJson<Queries>("api/ui/v1/queries", { signal }),
    refetchInterval: 2_000,
  });
}

export function useKillQuery() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => request(`api/ui/v1/queries/${id}/kill`, { method: "POST" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["queries"] }),
  });
}
