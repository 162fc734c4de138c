import type { ActiveAlert } from "../api/alertmanager.ts";
import type { RuleGroup } from "../api/types.ts";
import type { Matcher } from "./matchers.ts";
import { severityOf, severityRank } from "./severity.ts";

/** Where an alert stands, for the person who looks: the first two ask for attention. */
export type Standing = "firing" | "pending" | "silenced" | "inhibited" | "muted";

/** One alert: what the rules say and what became of it, together. */
export interface AlertItem {
  key: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  severity: string;
  standing: Standing;
  /** Unix milliseconds; `NaN` when nobody said. */
  since: number;
  /** The value its rule saw last, as the rule wrote it; absent for alerts that others sent. */
  value?: string;
  /** The rule's expression; absent for alerts that others sent. */
  query?: string;
  /** Where whoever sent it shows its cause. Never followed unless it is http or https. */
  source?: string;
  receivers: string[];
  silencedBy: string[];
  inhibitedBy: string[];
  mutedBy: string[];
}

/** The alerts the alerting core knows and the pending ones of the rules, the most pressing first. */
export function gatherAlerts(active: readonly ActiveAlert[], rules: readonly RuleGroup[]): AlertItem[] {
  const items = active.map(fromActive);
  const byName = new Map<string, AlertItem[]>();
  for (const item of items) byName.set(item.name, [...(byName.get(item.name) ?? []), item]);
  for (const group of rules) {
    for (const rule of group.rules) {
      if (rule.type !== "alerting") continue;
      for (const alert of rule.alerts) {
        const name = alert.labels["alertname"] ?? rule.name;
        // What was sent on may carry external labels besides.
        const known = alert.state === "firing" ? byName.get(name)?.find((item) => isWithin(alert.labels, item.labels)) : undefined;
        if (known) {
          known.value = alert.value;
          known.query = rule.query;
          continue;
        }
        if (alert.state === "inactive") continue;
        items.push({
          key: `${group.file}/${group.name}/${JSON.stringify(alert.labels)}`,
          name,
          labels: alert.labels,
          annotations: alert.annotations,
          severity: severityOf(alert.labels),
          standing: alert.state,
          since: Date.parse(alert.activeAt ?? ""),
          value: alert.value,
          query: rule.query,
          receivers: [],
          silencedBy: [],
          inhibitedBy: [],
          mutedBy: [],
        });
      }
    }
  }
  return items.sort(pressing);
}

function fromActive(alert: ActiveAlert): AlertItem {
  const { silencedBy, inhibitedBy, mutedBy = [] } = alert.status;
  return {
    key: alert.fingerprint,
    name: alert.labels["alertname"] ?? "(no name)",
    labels: alert.labels,
    annotations: alert.annotations,
    severity: severityOf(alert.labels),
    standing: silencedBy.length > 0 ? "silenced" : inhibitedBy.length > 0 ? "inhibited" : mutedBy.length > 0 ? "muted" : "firing",
    since: Date.parse(alert.startsAt),
    ...(alert.generatorURL ? { source: alert.generatorURL } : {}),
    receivers: alert.receivers.map((receiver) => receiver.name),
    silencedBy,
    inhibitedBy,
    mutedBy,
  };
}

function isWithin(few: Readonly<Record<string, string>>, many: Readonly<Record<string, string>>): boolean {
  return Object.entries(few).every(([name, value]) => many[name] === value);
}

const STANDINGS: readonly Standing[] = ["firing", "pending", "muted", "inhibited", "silenced"];

function pressing(a: AlertItem, b: AlertItem): number {
  return (
    STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) ||
    severityRank(a.severity) - severityRank(b.severity) ||
    a.name.localeCompare(b.name) ||
    (a.since || 0) - (b.since || 0) ||
    a.key.localeCompare(b.key)
  );
}

export interface AlertGroup {
  /** What the alerts have in common; empty when they are not grouped or lack the label. */
  title: string;
  items: AlertItem[];
}

/** Groups by severity, receiver or any label, in the order of each group's most pressing alert. */
export function groupAlerts(items: readonly AlertItem[], by: string): AlertGroup[] {
  if (by === "") return items.length > 0 ? [{ title: "", items: [...items] }] : [];
  const groups = new Map<string, AlertItem[]>();
  for (const item of items) {
    for (const title of titles(item, by)) {
      const group = groups.get(title);
      if (group) group.push(item);
      else groups.set(title, [item]);
    }
  }
  return [...groups].map(([title, found]) => ({ title, items: found }));
}

function titles(item: AlertItem, by: string): readonly string[] {
  if (by === "severity") return [item.severity];
  if (by === "receiver") return item.receivers.length > 0 ? item.receivers : [""];
  return [item.labels[by] ?? ""];
}

/** The labels by which grouping these alerts would say something, the most shared first. */
export function groupingLabels(items: readonly AlertItem[]): string[] {
  const counts = new Map<string, number>();
  for (const item of items) for (const name of Object.keys(item.labels)) counts.set(name, (counts.get(name) ?? 0) + 1);
  counts.delete("severity");
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
}

/** How the page itself judges pending alerts, which the server does not filter for it. */
export function fitsMatchers(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => {
    const value = labels[matcher.name] ?? "";
    return fits(value, matcher) === matcher.isEqual;
  });
}

function fits(value: string, matcher: Matcher): boolean {
  if (!matcher.isRegex) return value === matcher.value;
  try {
    return new RegExp(`^(?:${matcher.value})$`, "su").test(value);
  } catch {
    // The server's expressions know a little that a browser's do not; the server has the last word.
    return !matcher.isEqual;
  }
}
