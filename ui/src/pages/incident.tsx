import { useMemo } from "react";
import { Link } from "wouter";
import { CauseChart } from "../alerting/cause-chart.tsx";
import { causeOf, rangeAround, type Cause } from "../alerting/cause.ts";
import { IncidentActs } from "../alerting/incident-acts.tsx";
import { IncidentBadge } from "../alerting/incident-badge.tsx";
import { severityTone } from "../alerting/severity.ts";
import { AlertTabs } from "../alerting/tabs.tsx";
import { Timeline } from "../alerting/timeline.tsx";
import { useIncident, type IncidentAlert, type IncidentDetail } from "../api/incidents.ts";
import { ApiError } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import type { ChartMark } from "../chart/model.ts";
import { useSecond } from "../time/clock.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { Fact } from "../widgets/facts.tsx";
import { Icon } from "../widgets/icons.tsx";
import { OutsideText } from "../widgets/outside-text.tsx";
import { Badge, Failed, LabelChips, Loading, Notice } from "../widgets/states.tsx";

/** The pictures of a page are few: whoever was woken reads the first. */
const MOST_CAUSES = 4;
const MOST_ALERTS = 100;
/** So often the picture of an open incident moves on. */
const STEP_MS = 15_000;

/** All that is known about one trouble, and what can be done about it. */
export default function IncidentPage({ id }: { id: string }) {
  const incident = useIncident(id);
  useDocumentTitle(incident.data?.title ?? "Incident");
  if (incident.data) return <Incident incident={incident.data} />;
  if (incident.error instanceof ApiError && incident.error.status === 404) {
    return (
      <Notice icon="alerts" title="There is no such incident">
        <p>It may be older than what is kept.</p>
        <p>
          <Link href="/alerts/incidents" className="text-link">
            All incidents
          </Link>
        </p>
      </Notice>
    );
  }
  if (incident.error) return <Failed error={incident.error} what="The incident" retry={() => void incident.refetch()} />;
  return <Loading what="the incident" />;
}

function Incident({ incident }: { incident: IncidentDetail }) {
  const started = Date.parse(incident.startsAt);
  const ended = incident.endsAt === null ? undefined : Date.parse(incident.endsAt);
  return (
    <>
      <div className="page-head">
        <div className="page-title">
          <h1>{incident.title}</h1>
        </div>
      </div>
      <AlertTabs />
      <div className="incident-line incident-summary">
        <IncidentBadge state={incident.state} />
        <Badge tone={severityTone(incident.severity)}>{incident.severity}</Badge>
        <Lasting started={started} ended={ended} />
        <span className="muted">
          to {incident.receiver} · #{incident.id}
        </span>
      </div>
      <div className="incident-page">
        <div className="incident-main">
          <Causes incident={incident} started={started} ended={ended} />
          <section className="card" aria-label="Timeline">
            <h2>Timeline</h2>
            <Timeline events={incident.timeline} start={started} />
          </section>
          <section className="card" aria-label="Alerts of the incident">
            <h2>Alerts</h2>
            <ul className="card-rows">
              {incident.alertList.slice(0, MOST_ALERTS).map((alert) => (
                <AlertLine key={alert.fingerprint} alert={alert} common={incident.commonLabels} />
              ))}
            </ul>
            {incident.alertList.length > MOST_ALERTS ? (
              <p className="note">
                {MOST_ALERTS} of {incident.alertList.length}.
              </p>
            ) : null}
          </section>
        </div>
        <div className="incident-side">
          <IncidentActs incident={incident} />
          <Standing incident={incident} />
        </div>
      </div>
    </>
  );
}

function Lasting({ started, ended }: { started: number; ended: number | undefined }) {
  const now = useSecond();
  return (
    <span>
      {formatDateTime(started, "browser")} · {ended === undefined ? `for ${describeDuration(Math.max(0, now - started))} now` : `lasted ${describeDuration(ended - started)}`}
    </span>
  );
}

function Causes({ incident, started, ended }: { incident: IncidentDetail; started: number; ended: number | undefined }) {
  const now = useSecond();
  const moved = ended === undefined ? Math.floor(now / STEP_MS) * STEP_MS : 0;
  const range = useMemo(() => rangeAround(started, ended, ended === undefined ? moved : Date.now()), [started, ended, moved]);
  const marks = useMemo(() => marksOf(incident, started, ended), [incident, started, ended]);
  const causes = new Map<string, { name: string; cause: Cause }>();
  for (const alert of incident.alertList) {
    const cause = causeOf(alert.generatorURL);
    if (cause) causes.set(cause.expr, causes.get(cause.expr) ?? { name: alert.labels["alertname"] ?? "Alert", cause });
  }
  return [...causes.values()].slice(0, MOST_CAUSES).map(({ name, cause }) => <CauseChart key={cause.expr} name={name} cause={cause} range={range} marks={marks} />);
}

/** The trouble itself as a stretch, and what people did as lines. */
function marksOf(incident: IncidentDetail, started: number, ended: number | undefined): ChartMark[] {
  const stretch = { key: "incident", start: started, end: ended ?? Date.now(), title: "Incident", text: incident.title, tags: [incident.severity], color: "red" };
  const colors: Readonly<Record<string, string>> = { acknowledged: "yellow", escalated: "orange", note: "blue" };
  const acts = incident.timeline.flatMap((event, index): ChartMark[] => {
    const color = colors[event.kind];
    const at = Date.parse(event.at);
    return color ? [{ key: `${index}`, start: at, end: at, title: event.kind, text: event.text, tags: event.actor ? [event.actor] : [], color }] : [];
  });
  return [stretch, ...acts];
}

function Standing({ incident }: { incident: IncidentDetail }) {
  const now = useSecond();
  const { acknowledgement, escalation } = incident;
  const annotations = Object.entries(incident.commonAnnotations);
  return (
    <section className="card" aria-label="How it stands">
      <h2>How it stands</h2>
      <dl className="facts">
        <Fact name="Owner">
          {acknowledgement ? `${acknowledgement.owner}, since ${formatDateTime(Date.parse(acknowledgement.at), "browser")}` : "nobody yet"}
        </Fact>
        {acknowledgement?.note ? <Fact name="Note">{acknowledgement.note}</Fact> : null}
        {acknowledgement?.until ? <Fact name="Expires">in {describeDuration(Math.max(0, Date.parse(acknowledgement.until) - now))}</Fact> : null}
        {acknowledgement?.nextReminderAt ? <Fact name="Next reminder">in {describeDuration(Math.max(0, Date.parse(acknowledgement.nextReminderAt) - now))}</Fact> : null}
        {escalation ? (
          <Fact name="Escalation">
            {escalation.policy}, step {escalation.step} of {escalation.steps}
            {escalation.repeat > 0 ? `, round ${escalation.round + 1} of ${escalation.repeat + 1}` : ""}
          </Fact>
        ) : null}
        {escalation?.nextStepAt ? <Fact name="Next step">in {describeDuration(Math.max(0, Date.parse(escalation.nextStepAt) - now))}</Fact> : null}
        {annotations.map(([name, text]) => (
          <Fact key={name} name={name}>
            <OutsideText text={text} />
          </Fact>
        ))}
      </dl>
      <h3>Labels they share</h3>
      <LabelChips labels={incident.commonLabels} />
      <p className="card-actions">
        <Link href={`/alerts/silences/new?matchers=${encodeURIComponent(Object.entries(incident.groupLabels).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", "))}`} className="button">
          <Icon name="mute" /> Silence the group
        </Link>
      </p>
    </section>
  );
}

function AlertLine({ alert, common }: { alert: IncidentAlert; common: Readonly<Record<string, string>> }) {
  const summary = alert.annotations["summary"] ?? alert.annotations["description"];
  return (
    <li className="alert-instance">
      <div className="alert-instance-head">
        <Badge tone={alert.status === "firing" ? "bad" : "good"}>{alert.status}</Badge>
        <span className="alert-name">{alert.labels["alertname"] ?? "(no name)"}</span>
        <span className="muted">
          {formatDateTime(Date.parse(alert.startsAt), "browser")}
          {alert.endsAt ? ` to ${formatDateTime(Date.parse(alert.endsAt), "browser")}` : ""}
        </span>
        <Link href={`/alerts/explain?fingerprint=${alert.fingerprint}`} className="text-link">
          Explain
        </Link>
      </div>
      {summary ? <p className="alert-text">{summary}</p> : null}
      <LabelChips labels={alert.labels} omit={["alertname", ...Object.keys(common)]} />
    </li>
  );
}
