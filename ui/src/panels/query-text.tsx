import type { ErrorSpan } from "../api/errors.ts";
import { toTextSpan } from "../explore/spans.ts";

/** A query as text, with the place an error speaks of marked. */
export function QueryWithError({ expr, span }: { expr: string; span: ErrorSpan | undefined }) {
  const marked = span && toTextSpan(expr, span);
  return (
    <pre className="query-text" tabIndex={0} aria-label="Query">
      {marked ? (
        <>
          {expr.slice(0, marked.start)}
          <mark>{expr.slice(marked.start, marked.end) || "▲"}</mark>
          {expr.slice(marked.end)}
        </>
      ) : (
        expr
      )}
    </pre>
  );
}
