import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors.ts";
import { useBoot, useStatus } from "../api/hooks.ts";
import type { NamedCount, TsdbStatus } from "../api/types.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { unitText } from "../format/units.ts";
import { useSecond } from "../time/clock.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { SearchField } from "../widgets/filter-bar.tsx";
import { Facts } from "../widgets/facts.tsx";
import { Failed, Loading } from "../widgets/states.tsx";

export default function StatusPage() {
  useDocumentTitle("Status");
  const build = useStatus("buildinfo");
  const runtime = useStatus("runtimeinfo");
  const tsdb = useStatus("tsdb");
  const flags = useStatus("flags");
  const config = useStatus("config");
  const { params, change } = useUrlState();
  const search = params.get("flag") ?? "";
  return (
    <>
      <div className="page-head">
        <h1>Status</h1>
      </div>
      <div className="status-grid">
        <Card title="Server">
          <ServerFacts />
        </Card>
        <Card title="Build">
          <Answered answer={build} what="build information">
            {(data) => <Facts entries={buildFacts(data)} />}
          </Answered>
        </Card>
        <Card title="Runtime">
          <Answered answer={runtime} what="runtime information">
            {(data) => <Facts entries={Object.entries(data).map(([name, value]) => [spaced(name), plain(value)])} />}
          </Answered>
        </Card>
        <Card title="Storage">
          <Answered answer={tsdb} what="storage statistics">
            {(data) => <HeadFacts stats={data.headStats ?? {}} />}
          </Answered>
        </Card>
      </div>
      <Answered answer={tsdb} what="storage statistics" quiet>
        {(data) => <Cardinality tsdb={data} />}
      </Answered>
      <section className="card table-card">
        <div className="card-head">
          <h2>Flags</h2>
          <SearchField label="Find flags" value={search} onChange={(value) => change({ flag: value })} />
        </div>
        <Answered answer={flags} what="flags">
          {(data) => (
            <Facts
              entries={Object.entries(data)
                .filter(([name, value]) => `${name} ${value}`.toLowerCase().includes(search.toLowerCase()))
                .map(([name, value]) => [`--${name}`, value === "" ? "(empty)" : value])}
              mono
            />
          )}
        </Answered>
      </section>
      <section className="card table-card">
        <h2>Configuration</h2>
        <Answered answer={config} what="configuration">
          {(data) => (
            <pre className="config" tabIndex={0} aria-label="Configuration in force">
              {data.yaml || "The built-in defaults are in force; no configuration file was given."}
            </pre>
          )}
        </Answered>
      </section>
    </>
  );
}

function ServerFacts() {
  const boot = useBoot();
  const now = useSecond();
  if (!boot.data) return <Loading what="server" rows={3} />;
  return (
    <Facts
      entries={[
        ["Version", boot.data.version],
        ["Started", formatDateTime(boot.data.started_ms, "browser")],
        ["Up for", describeDuration(now - boot.data.started_ms)],
        ["Scrape interval", describeDuration(boot.data.scrape_interval_s * 1000)],
        ["Address", boot.data.external_url],
      ]}
    />
  );
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface AnsweredProps<T> {
  answer: UseQueryResult<T>;
  what: string;
  /** Says nothing while loading or failed, because another place does. */
  quiet?: boolean;
  children: (data: T) => ReactNode;
}

function Answered<T>({ answer, what, quiet, children }: AnsweredProps<T>) {
  if (answer.data !== undefined) return children(answer.data);
  if (quiet) return null;
  if (answer.error instanceof ApiError && answer.error.status === 404) return <p className="muted">This server does not tell.</p>;
  if (answer.error) return <Failed error={answer.error} what={`The ${what}`} retry={() => void answer.refetch()} />;
  return <Loading what={what} rows={4} />;
}

function HeadFacts({ stats }: { stats: NonNullable<TsdbStatus["headStats"]> }) {
  return <Facts entries={Object.entries(stats).map(([name, value]) => [spaced(name), statText(name, value)])} />;
}

function statText(name: string, value: number | null): string {
  // Prometheus says that there are no samples with the extremes of its integers.
  if (typeof value !== "number" || Math.abs(value) > 1e15) return "–";
  return /time$/i.test(name) && value > 0 ? formatDateTime(value, "browser") : value.toLocaleString("en-US");
}

function Cardinality({ tsdb }: { tsdb: TsdbStatus }) {
  const tables: [string, NamedCount[] | undefined, (value: number) => string][] = [
    ["Series by metric", tsdb.seriesCountByMetricName, (value) => value.toLocaleString("en-US")],
    ["Values by label", tsdb.labelValueCountByLabelName, (value) => value.toLocaleString("en-US")],
    ["Memory by label", tsdb.memoryInBytesByLabelName, (value) => unitText(value, "bytes")],
    ["Series by label pair", tsdb.seriesCountByLabelValuePair, (value) => value.toLocaleString("en-US")],
  ];
  return (
    <div className="status-grid">
      {tables.map(([title, rows, format]) =>
        rows && rows.length > 0 ? (
          <section key={title} className="card">
            <h2>{title}</h2>
            <ol className="bars">
              {rows.map((row) => (
                <li key={row.name}>
                  <span className="bar-name">{row.name}</span>
                  <span className="bar-value">{format(row.value)}</span>
                  <span className="bar" aria-hidden="true" style={{ width: `${(row.value / Math.max(1, rows[0]?.value ?? 1)) * 100}%` }} />
                </li>
              ))}
            </ol>
          </section>
        ) : null,
      )}
    </div>
  );
}

function plain(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === "" || value === null || value === undefined) return "–";
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)) return formatDateTime(Date.parse(value), "browser");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `storageRetention` is `Storage retention`. */
function spaced(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1).replace(/ [A-Z](?=[a-z])/g, (part) => part.toLowerCase());
}

/** Prometheus's own fields are for its clients: its version says whose answers these are, the empty ones say nothing. */
function buildFacts(data: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(data)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [name === "version" && "watchfireVersion" in data ? "Answers as Prometheus" : spaced(name), plain(value)]);
}
