import type { ReactNode } from "react";
import type { Attempt, Deliveries, WaitingJob } from "../api/types.ts";
import { formatDateTime } from "../time/range.ts";
import { Badge } from "../widgets/states.tsx";

const MOST_ROWS = 50;

/** What still waits to be sent, and how the newest attempts went. */
export function DeliveryList({ deliveries }: { deliveries: Deliveries }) {
  const dead = deliveries.counts.dead;
  return (
    <section className="deliveries">
      <h2>Delivery</h2>
      {dead > 0 ? (
        <p className="note">
          <Badge tone="bad">{dead} dead</Badge> Receivers refused these notifications for good; the attempts below say why.
        </p>
      ) : null}
      <Table<WaitingJob>
        name="Waiting to be delivered"
        rows={deliveries.outbox}
        empty="Nothing waits: every notification has been confirmed."
        columns={[
          ["Receiver", (job) => job.receiver],
          ["Why", (job) => job.reason],
          ["Firing", (job) => job.firing],
          ["Resolved", (job) => job.resolved],
          ["Attempts", (job) => job.attempts],
          ["Next try", (job) => formatDateTime(job.next_try_ms, "browser")],
          ["Last error", (job) => job.last_error ?? ""],
        ]}
      />
      <Table<Attempt>
        name="Attempts"
        rows={deliveries.deliveries}
        empty="Nothing has been sent yet."
        columns={[
          ["When", (attempt) => formatDateTime(attempt.started_ms, "browser")],
          ["Receiver", (attempt) => attempt.receiver],
          ["Outcome", (attempt) => <Badge tone={OUTCOMES[attempt.outcome] ?? "plain"}>{attempt.outcome}</Badge>],
          ["Answer", (attempt) => attempt.status ?? ""],
          ["Took", (attempt) => (attempt.latency_ms === null ? "" : `${attempt.latency_ms} ms`)],
          ["Group", (attempt) => <span className="mono">{attempt.group_key}</span>],
          ["Error", (attempt) => attempt.error ?? ""],
        ]}
      />
    </section>
  );
}

const OUTCOMES: Readonly<Record<string, "good" | "warn" | "bad">> = { delivered: "good", retry: "warn", dead: "bad" };

interface TableProps<Row> {
  name: string;
  rows: readonly Row[];
  empty: string;
  columns: readonly (readonly [heading: string, cell: (row: Row) => ReactNode])[];
}

function Table<Row extends { id: number }>({ name, rows, empty, columns }: TableProps<Row>) {
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
                {columns.map(([heading]) => (
                  <th key={heading} scope="col">
                    {heading}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, MOST_ROWS).map((row) => (
                <tr key={row.id}>
                  {columns.map(([heading, cell]) => (
                    <td key={heading}>{cell(row)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > MOST_ROWS ? (
        <p className="note">
          The newest {MOST_ROWS} of {rows.length}.
        </p>
      ) : null}
    </div>
  );
}
