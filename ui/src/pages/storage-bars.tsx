import type { NamedCount } from "../api/types.ts";

interface BarsProps {
  title: string;
  rows: readonly NamedCount[];
  format?: (value: number) => string;
}

/** A list of names by size, each with a bar. */
export function Bars({ title, rows, format = (value) => value.toLocaleString("en-US") }: BarsProps) {
  const most = Math.max(1, rows[0]?.value ?? 1);
  return (
    <section className="card">
      <h2>{title}</h2>
      {rows.length === 0 ? <p className="muted">Nothing is in memory.</p> : null}
      <ol className="bars">
        {rows.map((row) => (
          <li key={row.name}>
            <span className="bar-name">{row.name}</span>
            <span className="bar-value">{format(row.value)}</span>
            <span className="bar" aria-hidden="true" style={{ width: `${(row.value / most) * 100}%` }} />
          </li>
        ))}
      </ol>
    </section>
  );
}
