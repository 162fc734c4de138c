import { useMemo } from "react";
import { Link } from "wouter";
import { MatcherField } from "../alerting/matcher-field.tsx";
import { matcherText, parseMatchers } from "../alerting/matchers.ts";
import { NoiseView } from "../alerting/noise.tsx";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useAlertHistory, type HistoryEvent } from "../api/history.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useTime } from "../time/clock.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime, type Zone } from "../time/range.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Badge, Failed, LabelChips, Loading, Notice, type Tone } from "../widgets/states.tsx";
import { TimeControls } from "../widgets/time-controls.tsx";

const TONES: Readonly<Record<HistoryEvent["state"], Tone>> = { firing: "bad", pending: "warn", resolved: "good", inactive: "plain", suppressed: "plain", unsuppressed: "info" };
const SHOWN: readonly HistoryEvent["state"][] = ["firing", "resolved", "pending", "inactive", "suppressed", "unsuppressed"];

/** What fired and ended, as long ago as it is kept; and which rules make noise. */
export default function AlertHistoryPage() {
  const { params, change } = useUrlState();
  const time = useTime({ from: "now-24h", to: "now", refresh: "" });
  const typed = params.get("filter") ?? "";
  const search = params.get("search") ?? "";
  const state = SHOWN.find((one) => one === params.get("state"));
  const noise = params.get("view") === "noise";
  const parsed = useMemo(() => parseMatchers(typed), [typed]);
  const { start, end } = time.resolved;
  const range = useMemo(() => {
    const query = new URLSearchParams({ from: String(start / 1000), to: String(end / 1000) });
    for (const matcher of parsed.matchers) query.append("filter", matcherText(matcher));
    return query;
  }, [start, end, parsed]);
  const asked = useMemo(() => {
    const query = new URLSearchParams(range);
    if (state) query.set("state", state);
    else for (const one of ["firing", "resolved", "suppressed", "unsuppressed"]) query.append("state", one);
    if (search !== "") query.set("text", search);
    return query;
  }, [range, state, search]);
  useDocumentTitle(noise ? "Noise" : "Alert history");
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
        {noise ? null : <SearchField label="Find in labels and texts" value={search} onChange={(value) => change({ search: value })} />}
        <TimeControls time={time} />
      </div>
      <AlertTabs />
      <div className="filters">
        <FilterButtons
          label="View"
          value={noise ? "noise" : "events"}
          onChange={(value) => change({ view: value === "noise" ? value : undefined })}
          options={[
            { value: "events", text: "What happened" },
            { value: "noise", text: "Which rules are noisy" },
          ]}
        />
        <MatcherField label="Filter by matchers" value={typed} problem={parsed.problem} onChange={(value) => change({ filter: value })} />
        {noise ? null : (
          <FilterButtons
            label="State"
            value={state ?? "told"}
            onChange={(value) => change({ state: value === "told" ? undefined : value })}
            options={[{ value: "told", text: "All that fired" }, ...SHOWN.map((one) => ({ value: one, text: one.charAt(0).toUpperCase() + one.slice(1) }))]}
          />
        )}
      </div>
      {noise ? <NoiseView params={range} /> : <Events params={asked} zone={time.zone} />}
    </>
  );
}

function Events({ params, zone }: { params: URLSearchParams; zone: Zone }) {
  const history = useAlertHistory(params);
  if (history.error && !history.data) return <Failed error={history.error} what="The history" retry={() => void history.refetch()} />;
  if (!history.data) return <Loading what="history" />;
  const events = history.data.pages.flatMap((page) => page.events);
  const [first] = history.data.pages;
  return (
    <>
      {first?.dropped.map(({ rule, count }) => (
        <p key={rule} className="note" role="status">
          <Icon name="warning" size={13} /> {count} changes of {rule} were not kept: it changed too often.
        </p>
      ))}
      {events.length === 0 ? (
        <Notice icon="history" title="Nothing happened">
          <p>
            No alert changed so in this time.{" "}
            {first?.oldest ? `History is kept since ${formatDateTime(Date.parse(first.oldest), zone)}.` : "Nothing is kept yet."}
          </p>
        </Notice>
      ) : (
        <div className="table-scroll card history-table" role="region" aria-label="History" tabIndex={0}>
          <table className="data-table">
            <caption className="visually-hidden">Changes of alerts, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Change</th>
                <th scope="col">Alert</th>
                <th scope="col">Labels</th>
                <th scope="col">Lasted</th>
                <th scope="col">
                  <span className="visually-hidden">Explain</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {events.map((event) => (
                <EventRow key={event.id} event={event} zone={zone} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {history.hasNextPage ? (
        <p className="card-actions">
          <button type="button" className="button" disabled={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
            Older
          </button>
        </p>
      ) : null}
    </>
  );
}

function EventRow({ event, zone }: { event: HistoryEvent; zone: Zone }) {
  const said = event.annotations["summary"] ?? event.annotations["description"];
  return (
    <tr>
      <td>
        <time dateTime={event.at}>{formatDateTime(Date.parse(event.at), zone)}</time>
      </td>
      <td>
        <Badge tone={TONES[event.state]}>{event.state}</Badge>
        {event.by ? <span className="muted"> by {event.by.kind.replaceAll("_", " ")}</span> : null}
      </td>
      <td className="wrap">
        <span className="strong">{event.labels["alertname"] ?? event.rule}</span>
        {said ? <p className="muted">{said}</p> : null}
      </td>
      <td className="wrap">
        <LabelChips labels={event.labels} omit={["alertname"]} />
      </td>
      <td>{event.lasted === null ? "–" : describeDuration(event.lasted * 1000)}</td>
      <td>
        <Link href={`/alerts/explain?fingerprint=${event.fingerprint}&time=${Date.parse(event.at)}`} className="text-link">
          Explain
        </Link>
      </td>
    </tr>
  );
}
