import { useMemo } from "react";
import { useTargets } from "../api/hooks.ts";
import type { DroppedTarget, ScrapeTarget } from "../api/types.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Badge, Failed, LabelChips, Loading, Notice, type Tone } from "../widgets/states.tsx";

const TONES: Readonly<Record<string, Tone>> = { up: "good", down: "bad", unknown: "plain" };

export default function TargetsPage() {
  useDocumentTitle("Targets");
  const { params, change } = useUrlState();
  const targets = useTargets();
  const search = params.get("search") ?? "";
  const health = params.get("health") ?? "all";
  const active = useMemo(() => targets.data?.activeTargets ?? [], [targets.data]);
  const dropped = targets.data?.droppedTargets ?? [];
  const faults = targets.data?.discoveryFaults ?? [];
  const pools = useMemo(() => groupByPool(active, health, search), [active, health, search]);
  const count = (wanted: string) => active.filter((target) => target.health === wanted).length;

  return (
    <>
      <div className="page-head">
        <h1>Targets</h1>
        <SearchField label="Find targets" value={search} onChange={(value) => change({ search: value })} />
      </div>
      {targets.data ? (
        <>
          <div className="filters">
            <FilterButtons
              label="Health"
              value={health}
              onChange={(value) => change({ health: value === "all" ? undefined : value })}
              options={[
                { value: "all", text: "All", count: active.length },
                { value: "up", text: "Up", count: count("up") },
                { value: "down", text: "Down", count: count("down") },
                { value: "unknown", text: "Unknown", count: count("unknown") },
                { value: "dropped", text: "Dropped", count: dropped.length },
              ]}
            />
          </div>
          {faults.length > 0 ? (
            <Notice icon="targets" title="Some targets cannot be found">
              {faults.map((fault) => (
                <p key={fault} className="mono">
                  {fault}
                </p>
              ))}
            </Notice>
          ) : null}
          {health === "dropped" ? (
            <DroppedList dropped={dropped.filter((target) => JSON.stringify(target.discoveredLabels).toLowerCase().includes(search.toLowerCase()))} />
          ) : pools.length > 0 ? (
            pools.map(([pool, members]) => <PoolCard key={pool} pool={pool} members={members} all={active.filter((one) => one.scrapePool === pool)} />)
          ) : (
            <Notice icon="targets" title={active.length === 0 ? "There are no targets" : "No target fits"}>
              <p>{active.length === 0 ? "Name targets under scrape_configs in the configuration file, or let it collect this machine with collect: {}." : "Take a filter away to see more."}</p>
            </Notice>
          )}
        </>
      ) : targets.error ? (
        <Failed error={targets.error} what="The targets" retry={() => void targets.refetch()} />
      ) : (
        <Loading what="targets" />
      )}
    </>
  );
}

function groupByPool(targets: readonly ScrapeTarget[], health: string, search: string): [string, ScrapeTarget[]][] {
  const pools = new Map<string, ScrapeTarget[]>();
  for (const target of targets) {
    const text = `${target.scrapePool} ${target.scrapeUrl} ${target.lastError} ${target.lastWarning ?? ""} ${Object.entries(target.labels).map(([name, value]) => `${name}=${value}`).join(" ")}`;
    if (health !== "all" && target.health !== health) continue;
    if (!text.toLowerCase().includes(search.toLowerCase())) continue;
    const pool = pools.get(target.scrapePool) ?? [];
    pool.push(target);
    pools.set(target.scrapePool, pool);
  }
  const down = (members: readonly ScrapeTarget[]) => members.filter((target) => target.health === "down").length;
  return [...pools].sort((a, b) => Math.sign(down(b[1])) - Math.sign(down(a[1])) || a[0].localeCompare(b[0]));
}

function PoolCard({ pool, members, all }: { pool: string; members: readonly ScrapeTarget[]; all: readonly ScrapeTarget[] }) {
  const now = useSecond();
  const up = all.filter((target) => target.health === "up").length;
  return (
    <section className="card table-card">
      <h2 className="card-head">
        {pool}
        <Badge tone={up === all.length ? "good" : "bad"}>
          {up} of {all.length} up
        </Badge>
      </h2>
      <div className="table-scroll" role="region" aria-label={`Targets of ${pool}`} tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">Targets of {pool}</caption>
          <thead>
            <tr>
              <th scope="col">Endpoint</th>
              <th scope="col">Health</th>
              <th scope="col">Labels</th>
              <th scope="col">Last scrape</th>
              <th scope="col" className="numeric">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {members.map((target) => {
              const at = Date.parse(target.lastScrape);
              return (
                <tr key={`${target.scrapeUrl}${JSON.stringify(target.labels)}`}>
                  <th scope="row" className="mono wrap">
                    {target.scrapeUrl}
                    {target.lastError ? <p className="bad-text">{target.lastError}</p> : null}
                    {target.lastWarning ? <p className="warn-text">{target.lastWarning}</p> : null}
                  </th>
                  <td>
                    <Badge tone={TONES[target.health] ?? "plain"}>{target.health}</Badge>
                  </td>
                  <td className="wrap">
                    <LabelChips labels={target.labels} />
                  </td>
                  <td>
                    {at > 0 ? describeAgo(at, now) : "not yet"}
                    {target.scrapeInterval ? <span className="muted"> every {target.scrapeInterval}</span> : null}
                  </td>
                  <td className="numeric">{at > 0 ? describeDuration(target.lastScrapeDuration * 1000) : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const MOST_DROPPED = 200;

function DroppedList({ dropped }: { dropped: readonly DroppedTarget[] }) {
  if (dropped.length === 0) {
    return <Notice icon="targets" title="No target is dropped">{<p>Relabelling keeps every target that was found.</p>}</Notice>;
  }
  return (
    <ul className="card-rows">
      {dropped.slice(0, MOST_DROPPED).map((target) => (
        <li key={JSON.stringify(target.discoveredLabels)} className="card">
          <p className="muted">Found, then dropped by relabelling:</p>
          <LabelChips labels={target.discoveredLabels} />
        </li>
      ))}
      {dropped.length > MOST_DROPPED ? <li className="note">The first {MOST_DROPPED} of {dropped.length}.</li> : null}
    </ul>
  );
}
