import type { AlertingRule, AlertState, RuleGroup } from "../api/types.ts";

/** An alerting rule with where it stands. */
export interface PlacedRule {
  rule: AlertingRule;
  group: string;
  file: string;
}

const SEVERITIES = ["critical", "error", "warning", "info", "none"];
const STATES: readonly AlertState[] = ["firing", "pending", "inactive"];

/** All alerting rules, the most pressing first: by state, then severity, then name. */
export function placeRules(groups: readonly RuleGroup[]): PlacedRule[] {
  const placed = groups.flatMap((group) =>
    group.rules.flatMap((rule): PlacedRule[] => (rule.type === "alerting" ? [{ rule, group: group.name, file: group.file }] : [])),
  );
  return placed.sort(
    (a, b) =>
      STATES.indexOf(stateOf(a.rule)) - STATES.indexOf(stateOf(b.rule)) ||
      severityRank(a.rule) - severityRank(b.rule) ||
      a.rule.name.localeCompare(b.rule.name),
  );
}

export function stateOf(rule: AlertingRule): AlertState {
  return STATES.includes(rule.state) ? rule.state : "inactive";
}

export function severityOf(rule: AlertingRule): string | undefined {
  return rule.labels?.["severity"] ?? rule.alerts.find((alert) => alert.labels["severity"])?.labels["severity"];
}

function severityRank(rule: AlertingRule): number {
  const at = SEVERITIES.indexOf((severityOf(rule) ?? "none").toLowerCase());
  return at < 0 ? SEVERITIES.length : at;
}

/** True when every word is somewhere in the rule, its labels or those of its alerts. */
export function ruleFits({ rule, group }: PlacedRule, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const labels = (set: Readonly<Record<string, string>> | undefined) => Object.entries(set ?? {}).map(([name, value]) => `${name}=${value}`);
  const text = [
    rule.name,
    group,
    rule.query,
    ...labels(rule.labels),
    ...labels(rule.annotations),
    ...rule.alerts.flatMap((alert) => [...labels(alert.labels), ...Object.values(alert.annotations)]),
  ]
    .join("\n")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
