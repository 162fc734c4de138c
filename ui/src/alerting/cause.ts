import { fromPrometheusGraph } from "../explore/address.ts";

/** What an alert is about, as a picture: the expression without its last comparison, and the number compared with. */
export interface Cause {
  expr: string;
  threshold: number | undefined;
}

/**
 * Reads the expression off the address a rule gives its alerts (`/graph?g0.expr=…`). A comparison with a number at its
 * end is taken off, so that the picture shows the value on both sides of the line and not only where the alert fired.
 */
export function causeOf(generatorUrl: string): Cause | undefined {
  let expr: string | undefined;
  try {
    expr = fromPrometheusGraph(new URL(generatorUrl, "http://local.invalid").searchParams).exprs[0]?.trim();
  } catch {
    return undefined;
  }
  if (!expr) return undefined;
  const compared = /^(.+?)\s*(?:==|!=|>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/is.exec(expr);
  const left = compared?.[1];
  if (left === undefined || !isWhole(left)) return { expr, threshold: undefined };
  return { expr: left, threshold: Number(compared?.[2]) };
}

/** Whether brackets close, and no operator outside of them binds more loosely than the comparison. */
function isWhole(text: string): boolean {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, "''");
  let depth = 0;
  let outside = "";
  for (const letter of plain) {
    if ("([{".includes(letter)) depth += 1;
    if (depth === 0) outside += letter;
    if (")]}".includes(letter)) depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0 && !/\b(and|or|unless)\b|[<>]|[=!]=/i.test(outside);
}

const HOUR_MS = 3_600_000;

/** A stretch of time that shows how a trouble began, within a day, and how it ended. */
export function rangeAround(startsAt: number, endsAt: number | undefined, now: number): { start: number; end: number } {
  const end = endsAt ?? now;
  const lead = Math.min(6 * HOUR_MS, Math.max(HOUR_MS / 2, (end - startsAt) / 2));
  return { start: Math.max(startsAt, end - 24 * HOUR_MS) - lead, end: endsAt === undefined ? now : Math.min(now, endsAt + lead / 2) };
}
