import type { ReactNode } from "react";
import { ApiError, messageOf } from "../api/errors.ts";
import { useBoot } from "../api/hooks.ts";
import { describeDuration } from "../time/duration.ts";
import type { ResolvedRange } from "../time/range.ts";
import { Icon } from "../widgets/icons.tsx";
import { useEmptyReason } from "./empty-reason.ts";
import { QueryWithError } from "./query-text.tsx";

/** So long after a start a missing answer is more likely too early than wrong. */
const SETTLING_MS = 20_000;

export function PanelLoading({ title }: { title: string }) {
  return (
    <div className="panel-loading" role="status">
      <span className="visually-hidden">Loading {title}</span>
      <span className="skeleton fill" />
    </div>
  );
}

export function PanelError({ error, expr }: { error: unknown; expr: string | undefined }) {
  const span = error instanceof ApiError ? error.span : undefined;
  return (
    <div className="panel-state" data-tone="error">
      <p className="panel-state-title">
        <Icon name="error" /> {error instanceof ApiError && error.unreachable ? "The server is away" : "The query failed"}
      </p>
      <p>{messageOf(error)}</p>
      {expr ? <QueryWithError expr={expr} span={span} /> : null}
    </div>
  );
}

interface EmptyProps {
  title: string;
  exprs: readonly string[];
  reason?: string;
  range?: ResolvedRange;
  /** Set where nobody asked for the query just now, so that a young server may be the reason. */
  patient?: boolean;
}

/** Nothing to draw: says why, and what was asked. */
export function PanelEmpty({ title, exprs, reason, range, patient = false }: EmptyProps): ReactNode {
  const found = useEmptyReason(reason === undefined ? exprs : [], range);
  const boot = useBoot();
  const age = Date.now() - (boot.data?.started_ms ?? 0);
  if (patient && age < SETTLING_MS) {
    return (
      <div className="panel-state">
        <p className="panel-state-title">Gathering</p>
        <p>Watching began {describeDuration(Math.max(0, age))} ago; the first samples are on their way.</p>
      </div>
    );
  }
  return (
    <div className="panel-state">
      <p className="panel-state-title">{title}</p>
      {reason === "" ? null : <p>{reason ?? found}</p>}
      {exprs.slice(0, 2).map((expr) => (
        <QueryWithError key={expr} expr={expr} span={undefined} />
      ))}
    </div>
  );
}
