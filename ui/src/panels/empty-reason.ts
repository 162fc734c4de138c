import { useLabelValues } from "../api/hooks.ts";
import type { ResolvedRange } from "../time/range.ts";

const WORDS = new Set(
  "by without on ignoring group_left group_right bool offset and or unless atan2 start end inf nan sum avg min max count stddev stdvar topk bottomk quantile count_values group limitk limit_ratio".split(" "),
);

/** The metric names an expression speaks of, found without parsing it: names outside braces that are not called. */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/g, '""')
    .replace(/\{[^}]*\}/g, " ")
    .replace(/\[[^\]]*\]/g, " ")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi, " ");
  const names = [...bare.matchAll(/(?<![\w:])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])/g)].map((match) => match[0]);
  return [...new Set(names)].filter((name) => !WORDS.has(name.toLowerCase()) && !new RegExp(`\\b${name}\\s*\\(`).test(bare));
}

/** Why a query gave nothing, as far as the server's index can tell. */
export function useEmptyReason(exprs: readonly string[], range: ResolvedRange | undefined): string {
  const names = [...new Set(exprs.flatMap(metricNames))].slice(0, 8);
  // Rounded, so that a panel that stays empty does not ask anew at every refresh.
  const coarse = { start: Math.floor((range?.start ?? 0) / 60_000) * 60_000, end: Math.ceil((range?.end ?? 0) / 60_000) * 60_000 };
  const known = useLabelValues(
    "__name__",
    names.map((name) => `{__name__=${JSON.stringify(name)}}`),
    coarse,
    names.length > 0 && range !== undefined,
  );
  if (names.length === 0) return "The query gave no series in this range.";
  if (!known.data) return "The query gave no series in this range.";
  const missing = names.filter((name) => !known.data.includes(name));
  if (missing.length > 0) {
    return `${missing.length === 1 ? "The metric" : "The metrics"} ${missing.join(", ")} ${missing.length === 1 ? "has" : "have"} no samples in this range.`;
  }
  return "The metrics exist, but no series fits the labels, or too few samples have come in yet.";
}
