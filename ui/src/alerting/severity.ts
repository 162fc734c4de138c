import type { Tone } from "../widgets/states.tsx";

const KNOWN = ["critical", "page", "error", "warning", "info", "none"];

/** The severity an alert names itself, in lower case; `none` where it names none. */
export function severityOf(labels: Readonly<Record<string, string>>): string {
  return (labels["severity"] ?? "none").toLowerCase() || "none";
}

/** Smaller is more pressing. What is not known stands after warnings: it may matter. */
export function severityRank(severity: string): number {
  const at = KNOWN.indexOf(severity);
  return at < 0 ? 3.5 : at;
}

export function severityTone(severity: string): Tone {
  const rank = severityRank(severity);
  if (rank <= 2) return "bad";
  if (rank <= 3.5) return "warn";
  return rank === 4 ? "info" : "plain";
}
