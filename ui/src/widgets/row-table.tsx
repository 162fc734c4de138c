import type { ReactNode } from "react";

interface RowTableProps<Row> {
  name: string;
  rows: readonly Row[];
  /** What is said where there is no row. */
  empty: string;
  /** An empty heading stands over buttons; `Query` over expressions, which may wrap. */
  columns: readonly (readonly [heading: string, cell: (row: Row) => ReactNode])[];
  /** Only so many rows are drawn, and the table says so. */
  most?: number;
  level?: 2 | 3;
}

/** A card with a table: a row for each thing. */
export function RowTable<Row extends { id: number }>({ name, rows, empty, columns, most = 100, level = 2 }: RowTableProps<Row>) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <section className="card table-card">
      <Heading>{name}</Heading>
      {rows.length === 0 ? (
        <p className="muted">{empty}</p>
      ) : (
        <div className="table-scroll" role="region" aria-label={name} tabIndex={0}>
          <table className="data-table">
            <caption className="visually-hidden">{name}</caption>
            <thead>
              <tr>
                {columns.map(([heading]) => (
                  <th key={heading} scope="col">
                    {heading || <span className="visually-hidden">Actions</span>}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, most).map((row) => (
                <tr key={row.id}>
                  {columns.map(([heading, cell]) => (
                    <td key={heading} className={heading === "Query" ? "expr-cell" : undefined}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > most ? (
        <p className="note">
          The newest {most} of {rows.length}.
        </p>
      ) : null}
    </section>
  );
}
