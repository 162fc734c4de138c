import type { AlertingRule, RuleGroup } from "../api/types.ts";
import { formatDuration } from "../time/duration.ts";

/** The rule as a rule file writes it, alone in its group; every text quoted as JSON, which YAML reads too. */
export function ruleText(group: Pick<RuleGroup, "name" | "interval">, rule: AlertingRule): string {
  const lines = ["groups:", `  - name: ${JSON.stringify(group.name)}`, `    interval: ${formatDuration(group.interval * 1000)}`, "    rules:", `      - alert: ${JSON.stringify(rule.name)}`];
  lines.push(`        expr: ${JSON.stringify(rule.query)}`);
  if (rule.duration > 0) lines.push(`        for: ${formatDuration(rule.duration * 1000)}`);
  if (rule.keepFiringFor) lines.push(`        keep_firing_for: ${formatDuration(rule.keepFiringFor * 1000)}`);
  for (const [key, map] of [["labels", rule.labels] as const, ["annotations", rule.annotations] as const]) {
    const entries = Object.entries(map ?? {});
    if (entries.length === 0) continue;
    lines.push(`        ${key}:`, ...entries.map(([name, value]) => `          ${JSON.stringify(name)}: ${JSON.stringify(value)}`));
  }
  return `${lines.join("\n")}\n`;
}
