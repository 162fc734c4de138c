const STORED = "watchfire.queries";
const MOST = 50;

/** Queries that were run in this browser, newest first. */
export function readHistory(): string[] {
  try {
    const stored: unknown = JSON.parse(window.localStorage.getItem(STORED) ?? "[]");
    return Array.isArray(stored) ? stored.filter((entry) => typeof entry === "string").slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Puts queries at the top; each is kept once. */
export function remember(exprs: readonly string[]): void {
  const fresh = exprs.map((expr) => expr.trim()).filter((expr) => expr !== "");
  const next = [...new Set([...fresh, ...readHistory()])].slice(0, MOST);
  try {
    window.localStorage.setItem(STORED, JSON.stringify(next));
  } catch {
    // Without storage there is no history, and nothing else is lost.
  }
}
