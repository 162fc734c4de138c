import type { ReactNode } from "react";

/** Names and what they are, in two columns. */
export function Facts({ entries, mono = false }: { entries: readonly (readonly [string, string])[]; mono?: boolean }) {
  if (entries.length === 0) return <p className="muted">Nothing to show.</p>;
  return (
    <dl className="facts" data-mono={mono ? "" : undefined}>
      {entries.map(([name, value]) => (
        <div key={name} className="fact">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** One name and what it is, inside a `<dl className="facts">`. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
