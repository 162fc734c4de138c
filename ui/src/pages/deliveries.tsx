import type { Deliveries, DeliveryRow } from "../api/types.ts";
import { formatDateTime } from "../time/range.ts";

const MOST_ROWS = 50;

/** What has been sent out, and what still waits. Rows are shown by the columns they have. */
export function DeliveryList({ deliveries }: { deliveries: Deliveries }) {
  return (
    <section className="deliveries">
      <h2>Delivery</h2>
      <DeliveryTable name="Waiting to be delivered" rows={deliveries.outbox ?? []} empty="Nothing waits: every notification has been confirmed." />
      <DeliveryTable name="Delivered" rows={deliveries.deliveries ?? []} empty="Nothing has been sent yet." />
    </section>
  );
}

function DeliveryTable({ name, rows, empty }: { name: string; rows: readonly DeliveryRow[]; empty: string }) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((column) => rows.some((row) => isPlain(row[column])));
  return (
    <div className="card table-card">
      <h3>{name}</h3>
      {rows.length === 0 ? (
        <p className="muted">{empty}</p>
      ) : (
        <div className="table-scroll" role="region" aria-label={name} tabIndex={0}>
          <table className="data-table">
            <caption className="visually-hidden">{name}</caption>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {heading(column)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, MOST_ROWS).map((row, index) => (
                // Rows are a log and carry no key of their own that is promised.
                // oxlint-disable-next-line react/no-array-index-key
                <tr key={index}>
                  {columns.map((column) => (
                    <td key={column}>{cell(column, row[column])}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > MOST_ROWS ? <p className="note">The newest {MOST_ROWS} of {rows.length}.</p> : null}
    </div>
  );
}

function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function heading(column: string): string {
  const words = column.replace(/_(ms|at)$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function cell(column: string, value: unknown): string {
  if (typeof value === "number" && column.endsWith("_ms") && value > 1e12) return formatDateTime(value, "browser");
  return isPlain(value) ? String(value) : "";
}
