import { useMemo } from "react";
import { Link } from "wouter";
import { IncidentBadge } from "../alerting/incident-badge.tsx";
import { MatcherField } from "../alerting/matcher-field.tsx";
import { matcherText, parseMatchers } from "../alerting/matchers.ts";
import { severityTone } from "../alerting/severity.ts";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useIncidents, type Incident, type IncidentState } from "../api/incidents.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Pager } from "../widgets/pager.tsx";
import { Badge, Failed, Loading, Notice } from "../widgets/states.tsx";

const STATES: readonly IncidentState[] = ["firing", "acknowledged", "resolved"];
const PAGE = 50;

/** What people are, were or should be busy with. */
export default function IncidentsPage() {
  const { params, change } = useUrlState();
  const state = params.get("state") ?? "open";
  const typed = params.get("filter") ?? "";
  const search = params.get("search") ?? "";
  const offset = Math.max(0, Number(params.get("offset")) || 0);
  const parsed = useMemo(() => parseMatchers(typed), [typed]);
  const query = useMemo(() => {
    const asked = new URLSearchParams({ limit: String(PAGE), offset: String(offset) });
    for (const one of state === "open" ? ["firing", "acknowledged"] : STATES.filter((known) => known === state)) asked.append("state", one);
    for (const matcher of parsed.matchers) asked.append("filter", matcherText(matcher));
    if (search !== "") asked.set("q", search);
    return asked;
  }, [state, parsed, search, offset]);
  const list = useIncidents(query);
  const counts = list.data?.counts;
  useDocumentTitle(counts && counts.firing > 0 ? `${counts.firing} open incidents` : "Incidents");
  const narrow = (key: string, value: string | undefined) => change({ [key]: value, offset: undefined });
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
        <SearchField label="Find incidents" value={search} onChange={(value) => narrow("search", value)} />
      </div>
      <AlertTabs />
      <div className="filters">
        <MatcherField label="Filter incidents by matchers" value={typed} problem={parsed.problem} onChange={(value) => narrow("filter", value)} />
        <FilterButtons
          label="State"
          value={state}
          onChange={(value) => narrow("state", value === "open" ? undefined : value)}
          options={[
            { value: "open", text: "Open", ...countOf(counts && counts.firing + counts.acknowledged) },
            { value: "firing", text: "Nobody’s yet", ...countOf(counts?.firing) },
            { value: "acknowledged", text: "Acknowledged", ...countOf(counts?.acknowledged) },
            { value: "resolved", text: "Resolved", ...countOf(counts?.resolved) },
          ]}
        />
      </div>
      {list.data ? (
        <>
          {list.data.incidents.length > 0 ? (
            <ul className="alert-list">
              {list.data.incidents.map((incident) => (
                <IncidentRow key={incident.id} incident={incident} />
              ))}
            </ul>
          ) : (
            <Notice icon="check" title={typed === "" && search === "" && state === "open" ? "No incident is open" : "No incident fits"}>
              <p>{state === "open" ? "An incident opens when a group of alerts is first told to a receiver." : "Take a filter away to see more."}</p>
            </Notice>
          )}
          <Pager offset={offset} size={PAGE} total={list.data.total} go={(next) => change({ offset: next === 0 ? undefined : String(next) }, { push: true })} />
        </>
      ) : list.error ? (
        <Failed error={list.error} what="The incidents" retry={() => void list.refetch()} />
      ) : (
        <Loading what="incidents" />
      )}
    </>
  );
}

function countOf(count: number | undefined): { count?: number } {
  return count === undefined ? {} : { count };
}

function IncidentRow({ incident }: { incident: Incident }) {
  const now = useSecond();
  const started = Date.parse(incident.startsAt);
  const ended = incident.endsAt === null ? undefined : Date.parse(incident.endsAt);
  const { acknowledgement, escalation } = incident;
  return (
    <li className="card incident" data-state={incident.state} data-tone={severityTone(incident.severity)}>
      <div className="incident-head">
        <IncidentBadge state={incident.state} />
        <Badge tone={severityTone(incident.severity)}>{incident.severity}</Badge>
        <Link href={`/alerts/incidents/${incident.id}`} className="incident-title">
          {incident.title}
        </Link>
        <span className="muted incident-id">#{incident.id}</span>
      </div>
      <p className="muted incident-line">
        <span title={formatDateTime(started, "browser")}>{ended === undefined ? `since ${describeDuration(Math.max(0, now - started))}` : `${describeDuration(ended - started)}, ended ${describeAgo(ended, now)}`}</span>
        <span>
          {incident.alerts.firing > 0 ? `${incident.alerts.firing} firing` : "all ended"}
          {incident.alerts.resolved > 0 && incident.alerts.firing > 0 ? `, ${incident.alerts.resolved} ended` : ""}
        </span>
        <span>to {incident.receiver}</span>
        {incident.reopened > 0 ? <span>reopened {incident.reopened === 1 ? "once" : `${incident.reopened} times`}</span> : null}
        {acknowledgement ? <span className="strong">{acknowledgement.owner} has it</span> : null}
        {escalation?.nextStepAt && incident.state === "firing" ? <span>next step of {escalation.policy} in {describeDuration(Math.max(0, Date.parse(escalation.nextStepAt) - now))}</span> : null}
      </p>
    </li>
  );
}
