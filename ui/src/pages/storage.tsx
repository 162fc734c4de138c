import { useCardinality, useStatus } from "../api/hooks.ts";
import type { Cardinality, Holder } from "../api/types.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { unitText } from "../format/units.ts";
import { describeAgo } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { FilterButtons } from "../widgets/filter-bar.tsx";
import { Facts } from "../widgets/facts.tsx";
import { Badge, Failed, Loading, Notice } from "../widgets/states.tsx";
import { Bars } from "./storage-bars.tsx";
import { HolderTable, holderName } from "./storage-holders.tsx";
import { MemoryCard } from "./storage-memory.tsx";

const LISTED = 20;
const OWNERS = ["targets", "jobs", "tenants", "churning"] as const;
type Owners = (typeof OWNERS)[number];

/** What the store holds against its limits, and whose series they are. */
export default function StoragePage() {
  useDocumentTitle("Storage");
  const { params, change } = useUrlState();
  const answer = useCardinality(LISTED);
  const owners = OWNERS.find((name) => name === params.get("by")) ?? "targets";
  return (
    <>
      <div className="page-head">
        <h1>Storage</h1>
      </div>
      {answer.error && answer.data ? <Notice icon="warning" tone="warning" title="These numbers are old: the server does not answer" /> : null}
      {answer.data ? (
        <Contents data={answer.data} owners={owners} choose={(value) => change({ by: value === "targets" ? undefined : value })} />
      ) : answer.error ? (
        <Failed error={answer.error} what="The store's statistics" retry={() => void answer.refetch()} />
      ) : (
        <Loading what="the store's statistics" rows={10} />
      )}
    </>
  );
}

interface ContentsProps {
  data: Cardinality;
  owners: Owners;
  choose: (owners: string) => void;
}

function Contents({ data, owners, choose }: ContentsProps) {
  return (
    <>
      {data.read_only ? (
        <Notice icon="error" tone="error" title="Nothing is written now">
          <p>{data.read_only}</p>
        </Notice>
      ) : null}
      <Refusals data={data} />
      <Tiles data={data} />
      <div className="status-grid">
        <MemoryCard memory={data.memory} />
        <DiskCard data={data} />
      </div>
      <section className="card table-card">
        <div className="card-head">
          <h2>Who has the series</h2>
          <FilterButtons
            label="Series by"
            value={owners}
            onChange={choose}
            options={[
              { value: "targets", text: "Targets", count: data.counts.targets },
              { value: "jobs", text: "Jobs", count: data.counts.jobs },
              { value: "tenants", text: "Tenants", count: data.counts.tenants },
              { value: "churning", text: "Most new", count: data.churning.length },
            ]}
          />
        </div>
        <HolderTable name={OWNER_NAMES[owners]} holders={data[owners]} empty={emptyText(owners, data)} />
      </section>
      <div className="status-grid">
        <Bars title="Series by metric" rows={data.metrics} />
        <Bars title="Values by label" rows={data.labels} />
        <Bars title="Memory by label" rows={data.label_bytes} format={(bytes) => unitText(bytes, "bytes")} />
        <Bars title="Series by label pair" rows={data.pairs} />
      </div>
    </>
  );
}

const OWNER_NAMES: Readonly<Record<Owners, string>> = {
  targets: "Targets with the most series",
  jobs: "Jobs with the most series",
  tenants: "Tenants with the most series",
  churning: "Targets that made the most series within the hour",
};

function emptyText(owners: Owners, data: Cardinality): string {
  if (owners === "tenants") return `No series has the label "${data.limits.tenant_label}", which names the tenant.`;
  if (owners === "churning") return "No series was made within the hour.";
  return "There are no series yet. They come with the first scrape.";
}

/** Who is refused new series, by which limit, and the label to blame. */
function Refusals({ data }: { data: Cardinality }) {
  if (data.refused.length === 0) return null;
  return (
    <section className="card refusals" aria-labelledby="refusals">
      <h2 id="refusals">New series are refused</h2>
      <p className="muted">Known series are served as ever. Take the label off at its source, or raise the limit that is named.</p>
      <ul>
        {data.refused.map((holder) => (
          <li key={`${holder.scope} ${holder.name} ${holder.instance}`}>
            <Refusal holder={holder} now={data.now_ms} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Refusal({ holder, now }: { holder: Holder; now: number }) {
  return (
    <>
      <p>
        <Badge tone="warn">{holder.scope}</Badge> <strong>{holderName(holder)}</strong>
        {holder.culprit && holder.culprit.label !== "" ? (
          <>
            {" "}
            by label <code className="culprit">{holder.culprit.label}</code>
          </>
        ) : null}
        <span className="muted">
          {" "}
          {count(holder.refused_per_hour)} attempts within the hour
          {holder.last_refused_ms === null ? "" : `, the last ${describeAgo(holder.last_refused_ms, now)}`}
        </span>
      </p>
      {holder.reason ? <p className="mono wrap">{holder.reason}</p> : null}
    </>
  );
}

function Tiles({ data }: { data: Cardinality }) {
  const { total } = data;
  const tiles: [string, string, string][] = [
    ["Series", count(total.series), total.limit > 0 ? `of at most ${count(total.limit)}` : `in ${count(data.counts.targets)} targets`],
    ["New", count(total.made_per_hour), "series made within the hour"],
    ["Ended", count(total.forgotten_per_hour), "series forgotten within the hour"],
    ["Label pairs", count(data.counts.label_pairs), `in ${count(data.counts.chunks)} chunks in memory`],
  ];
  return (
    <div className="tiles">
      {tiles.map(([name, value, note]) => (
        <div key={name} className="tile">
          <span className="tile-value">{value}</span>
          <span className="tile-name">{name}</span>
          <span className="tile-note">{note}</span>
        </div>
      ))}
    </div>
  );
}

function DiskCard({ data }: { data: Cardinality }) {
  const runtime = useStatus("runtimeinfo");
  const { parts } = data;
  const refused = data.samples.refused.filter((entry) => entry.samples > 0);
  const time = (at: number | null) => (at === null ? "–" : formatDateTime(at, "browser"));
  const kept = runtime.data?.storageRetention;
  const facts: [string, string][] = [
    ["Kept for", typeof kept === "string" && kept !== "" ? kept : "–"],
    ["Parts", `${count(parts.count)}, ${unitText(parts.bytes, "bytes")}`],
    ["Samples in parts", count(parts.samples)],
    ["Oldest, newest", `${time(parts.min_ms)}, ${time(parts.max_ms)}`],
    ["Samples kept since the start", count(data.samples.appended)],
    ["Samples refused", refused.length === 0 ? "none" : refused.map((entry) => `${count(entry.samples)} ${entry.reason.replaceAll("_", " ")}`).join(", ")],
    ["Failed flushes and merges", count(data.compaction_failures)],
  ];
  return (
    <section className="card">
      <h2>Disk</h2>
      {data.corruptions > 0 ? (
        <p className="bad-text">
          {count(data.corruptions)} damaged places were found since the start. What they held is left out of answers, which say so; watchfire verify names the
          files.
        </p>
      ) : null}
      <Facts entries={facts} />
    </section>
  );
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
