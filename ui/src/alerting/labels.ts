import { parseMatchers } from "./matchers.ts";

/** Reads `alertname="Down", severity=critical` as the labels of an alert: only equalities name a label's value. */
export function parseLabels(text: string): { labels: Record<string, string>; problem: string | undefined } {
  const { matchers, problem } = parseMatchers(text);
  const other = matchers.find((matcher) => matcher.isRegex || !matcher.isEqual);
  if (other) return { labels: {}, problem: `An alert has one value for ${other.name}: write ${other.name}="…".` };
  return { labels: Object.fromEntries(matchers.map((matcher) => [matcher.name, matcher.value])), problem };
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ");
}
