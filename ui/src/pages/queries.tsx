import { Link } from "wouter";
import { messageOf } from "../api/errors.ts";
import { useKillQuery, useQueries, type ActiveQuery, type SlowQuery } from "../api/queries.ts";
import { useDocumentTitle } from "../app/title.ts";
import { exploreAddress } from "../explore/address.ts";
import { unitText } from "../format/units.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { RowTable } from "../widgets/row-table.tsx";
import { Badge, Failed, Loading, type Tone } from "../widgets/states.tsx";

const OUTCOMES: Readonly<Record<SlowQuery["outcome"], Tone>> = { done: "good", failed: "bad", killed: "warn", left: "plain" };

/** What is being asked now, by whom it is held up, and what was slow. */
export default function QueriesPage() {
  useDocumentTitle("Queries");
  const queries = useQueries();
  const kill = useKillQuery();
  return (
    <>
      <div className="page-head">
        <h1>Queries</h1>
      </div>
      {kill.error ? (
        <p className="field-problem" role="alert">
          The query was not stopped: {messageOf(kill.error)}
        </p>
      ) : null}
      {queries.data ? (
        <>
          <RowTable<ActiveQuery>
            name={`Under way: ${queries.data.active.length}, at most ${queries.data.slots} at once`}
            rows={queries.data.active}
            empty="Nothing is asked at this moment."
            columns={[
              ["Query", QueryText],
              ["Over", overText],
              ["For", (query) => describeDuration(query.seconds * 1000)],
              ["State", (query) => <Badge tone={query.queued ? "warn" : "info"}>{query.queued ? "waits" : "runs"}</Badge>],
              ["Samples", (query) => unitText(query.samples_read, "short")],
              ["Memory", (query) => unitText(query.held_bytes, "bytes")],
              [
                "",
                (query) => (
                  <button type="button" className="button" disabled={kill.isPending} aria-label={`Stop query ${query.id}`} onClick={() => kill.mutate(query.id)}>
                    Stop
                  </button>
                ),
              ],
            ]}
          />
          <RowTable<SlowQuery>
            name="Slow lately"
            rows={queries.data.slow}
            empty="No query was slow since the start."
            columns={[
              ["Query", QueryText],
              ["Over", overText],
              ["When", (query) => formatDateTime(Date.parse(query.asked), "browser")],
              ["Took", (query) => describeDuration(query.seconds * 1000)],
              ["Waited", (query) => describeDuration(query.queued_seconds * 1000)],
              ["End", (query) => <Badge tone={OUTCOMES[query.outcome] ?? "plain"}>{query.outcome}</Badge>],
              ["Samples", (query) => unitText(query.samples_read, "short")],
              ["Memory", (query) => unitText(query.peak_bytes, "bytes")],
            ]}
          />
        </>
      ) : queries.error ? (
        <Failed error={queries.error} what="The queries" retry={() => void queries.refetch()} />
      ) : (
        <Loading what="queries" />
      )}
    </>
  );
}

function QueryText({ query, start, end }: { query: string; start: number; end: number }) {
  const range = end > start ? { from: String(start), to: String(end) } : undefined;
  return (
    <Link href={exploreAddress([query], range)} className="mono expr-link">
      {query}
    </Link>
  );
}

function overText({ start, end, step }: { start: number; end: number; step: number }): string {
  return step === 0 ? `at ${formatDateTime(end, "browser")}` : `${describeDuration(end - start)} by ${describeDuration(step)}`;
}
