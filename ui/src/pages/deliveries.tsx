import type { Attempt, Deliveries, WaitingJob } from "../api/types.ts";
import { formatDateTime } from "../time/range.ts";
import { RowTable } from "../widgets/row-table.tsx";
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
      <RowTable<WaitingJob>
        level={3}
        most={MOST_ROWS}
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
      <RowTable<Attempt>
        level={3}
        most={MOST_ROWS}
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
