import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useUrlState } from "../app/url.ts";
import { parseDuration } from "./duration.ts";
import { isLive, resolveRange, type ResolvedRange, type TimeRange, type Zone } from "./range.ts";

export const REFRESH_CHOICES = ["off", "5s", "10s", "30s", "1m", "5m", "15m"] as const;

export interface TimeDefaults {
  from: string;
  to: string;
  refresh: string;
  zone?: Zone | undefined;
  /** Refresh every second instead, where refreshing is on: something is about to appear. */
  hurry?: boolean;
}

export interface TimeState {
  range: TimeRange;
  resolved: ResolvedRange;
  /** As in the URL: `5s`, or empty when off. */
  refresh: string;
  zone: Zone;
  setRange: (range: TimeRange) => void;
  setRefresh: (refresh: string) => void;
  setZone: (zone: Zone) => void;
  /** Asks again: a live range moves to this moment. */
  refreshNow: () => void;
}

/** The page's time: a range in the URL, fixed anew at each refresh, resting while the page is hidden. */
export function useTime(defaults: TimeDefaults): TimeState {
  const { params, change } = useUrlState();
  const from = params.get("from") ?? defaults.from;
  const to = params.get("to") ?? defaults.to;
  const refresh = normalRefresh(params.get("refresh") ?? defaults.refresh);
  const named = params.get("timezone");
  const zone: Zone = (named ?? defaults.zone) === "utc" ? "utc" : "browser";
  const range = useMemo(() => ({ from, to }), [from, to]);
  const live = isLive(range);
  const client = useQueryClient();
  const [now, moveNow] = useNow(!live || refresh === "" ? "" : defaults.hurry ? "1s" : refresh);
  const resolved = useMemo(() => resolveRange(range, now), [range, now]);
  const setRange = useCallback((next: TimeRange) => change({ from: next.from, to: next.to }, { push: true }), [change]);
  // A range that stands still asks the same again; one that moves asks for what is new.
  const refreshNow = useCallback(() => {
    if (live) moveNow();
    else void client.invalidateQueries({ queryKey: ["expressions"] });
  }, [live, moveNow, client]);
  const setRefresh = useCallback((next: string) => change({ refresh: next }), [change]);
  const setZone = useCallback((next: Zone) => change({ timezone: next }), [change]);
  return { range, resolved, refresh, zone, setRange, setRefresh, setZone, refreshNow };
}

function normalRefresh(text: string): string {
  return parseDuration(text) ? text : "";
}

/** The current time, moved on by every refresh. A page nobody sees asks nothing and catches up when it is seen. */
function useNow(refresh: string): [number, () => void] {
  const [now, setNow] = useState(() => Date.now());
  const move = useCallback(() => setNow(Date.now()), []);
  useEffect(() => {
    const every = parseDuration(refresh);
    if (!every) return;
    let timer: number | undefined;
    const start = () => {
      timer ??= window.setInterval(move, Math.max(1_000, every));
    };
    const stop = () => {
      window.clearInterval(timer);
      timer = undefined;
    };
    const follow = () => {
      stop();
      if (document.hidden) return;
      move();
      start();
    };
    if (!document.hidden) start();
    document.addEventListener("visibilitychange", follow);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", follow);
    };
  }, [refresh, move]);
  return [now, move];
}

/** The current time to the second, for ages such as `12 s ago`. */
export function useSecond(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, 1_000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
