/** One condition on a label, as the Alertmanager API writes it. */
export interface Matcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export const OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type Operator = (typeof OPERATORS)[number];

export function operatorOf(matcher: Pick<Matcher, "isRegex" | "isEqual">): Operator {
  if (matcher.isRegex) return matcher.isEqual ? "=~" : "!~";
  return matcher.isEqual ? "=" : "!=";
}

export function withOperator(matcher: Matcher, operator: Operator): Matcher {
  return { ...matcher, isRegex: operator.endsWith("~"), isEqual: operator.startsWith("=") };
}

/** The matcher as Alertmanager reads it, its value quoted: `severity="critical"`. */
export function matcherText(matcher: Matcher): string {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(matcher.name) ? matcher.name : quoted(matcher.name);
  return `${name}${operatorOf(matcher)}${quoted(matcher.value)}`;
}

/** The matchers that fit exactly the alerts with these labels. */
export function matchersOf(labels: Readonly<Record<string, string>>): Matcher[] {
  return Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
}

export interface ParsedMatchers {
  matchers: Matcher[];
  /** What is wrong, and where to look; absent when the text is right. */
  problem?: string;
}

/**
 * Reads `severity="critical", team=~"ml.*"`, with or without braces; a value of plain letters needs no quotes.
 * An empty text has no matchers and no problem.
 */
export function parseMatchers(text: string): ParsedMatchers {
  const matchers: Matcher[] = [];
  let rest = text.trim();
  if (rest.startsWith("{") && rest.endsWith("}")) rest = rest.slice(1, -1).trim();
  while (rest !== "") {
    const found = ONE.exec(rest);
    if (!found) return { matchers, problem: `“${shorten(rest)}” is not a matcher such as severity="critical"` };
    const [whole, name = "", operator = "", value = ""] = found;
    const [plainName, plainValue] = [unquoted(name), unquoted(value)];
    if (plainName === undefined || plainValue === undefined) return { matchers, problem: `“${shorten(whole)}” has quotes that do not fit` };
    matchers.push(withOperator({ name: plainName, value: plainValue, isRegex: false, isEqual: true }, operator as Operator));
    rest = rest.slice(whole.length).trim();
    if (rest === "") break;
    if (!rest.startsWith(",")) return { matchers, problem: `a comma is missing before “${shorten(rest)}”` };
    rest = rest.slice(1).trim();
  }
  return { matchers };
}

const ONE = /^("(?:[^"\\]|\\.)*"|[^\s"'{}!=~,]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s"'{}!=~,]*(?!"))/;

function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

function unquoted(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  if (!/^"(?:[^"\\]|\\.)*"$/s.test(text)) return undefined;
  return text.slice(1, -1).replace(/\\(.)/gs, (_, one: string) => (one === "n" ? "\n" : one === "t" ? "\t" : one));
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
