import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { queryBatcher } from "../api/batch.ts";
import { fetchData } from "../api/client.ts";
import type { ResolvedRange } from "../time/range.ts";
import type { Dashboard } from "./model.ts";
import { resolveVariables, type ResolvedVariable, type VariableSource } from "./variables.ts";

/** Options are asked for a range rounded outwards to this, so that a live page does not ask anew every few seconds. */
const COARSE_MS = 300_000;
const EMPTY_AGAIN_MS = 2_000;

/** The dashboard's variables with their options and what the URL chooses of them (`var-name=value`). */
export function useVariables(dashboard: Dashboard | undefined, params: URLSearchParams, range: ResolvedRange, scrapeInterval: number) {
  const client = useQueryClient();
  const chosen = useMemo(
    () => (dashboard?.variables ?? []).map((variable) => [variable.name, params.getAll(`var-${variable.name}`)] as const),
    [dashboard, params],
  );
  const coarse = useMemo(
    () => ({ start: Math.floor(range.start / COARSE_MS) * COARSE_MS, end: Math.ceil(range.end / COARSE_MS) * COARSE_MS }),
    [range],
  );
  const source = useMemo((): VariableSource => {
    const values = (path: string, query: URLSearchParams) =>
      client.fetchQuery({
        queryKey: ["variable", path, query.toString()],
        queryFn: ({ signal }) => fetchData<string[]>(`${path}?${query}`, { signal }),
        staleTime: 1_000,
      });
    const bounds = ({ start, end }: ResolvedRange) => new URLSearchParams({ start: String(start / 1000), end: String(end / 1000) });
    return {
      labelValues(label, matcher, over) {
        const query = bounds(over);
        if (matcher) query.append("match[]", matcher);
        return values(`api/v1/label/${encodeURIComponent(label)}/values`, query);
      },
      labelNames: (over) => values("api/v1/labels", bounds(over)),
      async instant(expr, time) {
        const [result] = await queryBatcher.load([{ expr, start: time, end: time, step: 1000, instant: true }], new AbortController().signal);
        if (result?.kind === "failed") throw result.error;
        return result?.kind === "instant" ? result.series : [];
      },
    };
  }, [client]);

  return useQuery({
    queryKey: ["variables", dashboard?.uid, chosen, coarse],
    queryFn: (): Promise<ResolvedVariable[]> =>
      dashboard
        ? resolveVariables(dashboard, (name) => chosen.find(([known]) => known === name)?.[1] ?? [], coarse, scrapeInterval, source)
        : Promise.resolve([]),
    enabled: dashboard !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    // A server that has just started has nothing to choose from yet.
    refetchInterval: (query) => (query.state.data?.some((one) => one.variable.type === "query" && one.options.length === 0) ? EMPTY_AGAIN_MS : false),
  });
}
