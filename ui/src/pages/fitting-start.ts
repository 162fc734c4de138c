import { useQuery } from "@tanstack/react-query";
import { queryBatcher } from "../api/batch.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CHOICES = [5, 15, 30];

/** Where the earliest sample of the last hour stands, at a minute's resolution. */
const FIRST_SAMPLE = "min(min_over_time(timestamp(up)[1h:1m]))";

/**
 * The start of the shortest range that holds all there is, for a server that began to watch less than an hour ago:
 * ten seconds of data at the edge of an empty hour say little. `undefined` when the dashboard's own range is right,
 * `"pending"` while the server is asked.
 */
export function useFittingStart(startedAt: number | undefined): string | undefined {
  const young = startedAt !== undefined && Date.now() - startedAt < HOUR - 5 * MINUTE;
  const first = useQuery({
    queryKey: ["first-sample"],
    queryFn: async ({ signal }) => {
      const now = Date.now();
      const [result] = await queryBatcher.load([{ expr: FIRST_SAMPLE, start: now, end: now, step: 1000, instant: true }], signal);
      return result?.kind === "instant" ? (result.series[0]?.value ?? now / 1000) * 1000 : undefined;
    },
    enabled: young,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  if (!young) return undefined;
  if (first.isPending) return "pending";
  return fittingStart(first.data, Date.now());
}

/** `now-5m`, `now-15m` or `now-30m`, when that reaches back to the first sample. */
export function fittingStart(firstSample: number | undefined, now: number): string | undefined {
  if (firstSample === undefined) return undefined;
  const minutes = CHOICES.find((choice) => now - firstSample <= choice * MINUTE);
  return minutes === undefined ? undefined : `now-${minutes}m`;
}
