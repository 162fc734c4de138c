import { useMutation } from "@tanstack/react-query";
import { fetchData } from "./client.ts";

/** What a rule and the routing would have done over stored data. Times are RFC 3339, durations seconds. */
export interface Backtest {
  from: string;
  to: string;
  evaluations: number;
  rules: BacktestRule[];
  pages: {
    total: number;
    firing: number;
    resolved: number;
    receivers: { receiver: string; total: number; firing: number; resolved: number; repeats: number }[];
    days: { day: string; total: number; firing: number; receivers: { receiver: string; total: number; firing: number }[] }[];
  };
  notifications: { at: string; receiver: string; reason: string; groupKey: string; firing: number; resolved: number; alerts: string[] }[];
  notificationsLeftOut: number;
  suppressed: Record<string, number>;
  notes: string[];
}

export interface BacktestRule {
  rule: string;
  group: string;
  interval: number;
  for: number;
  keepFiringFor: number;
  fired: number;
  pendingOnly: number;
  firingSeconds: number;
  longest: number;
  pages: number;
  lives: { labels: Record<string, string>; fingerprint: string; activeAt: string; firedAt: string | null; resolvedAt: string | null; value: string; peak: string }[];
  livesLeftOut: number;
  missing: { selector: string; from: string; to: string }[];
  error: string | null;
}

export interface BacktestQuestion {
  rules: string;
  rule?: string;
  from: string;
  to: string;
  configuration?: string;
}

export function useBacktest() {
  return useMutation({
    mutationFn: (question: BacktestQuestion) =>
      fetchData<Backtest>("api/v1/rules/backtest", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question) }),
  });
}
