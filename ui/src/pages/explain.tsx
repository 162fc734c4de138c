import { useMemo, type ReactNode } from "react";
import { Link } from "wouter";
import { MatcherField } from "../alerting/matcher-field.tsx";
import { matcherText, parseMatchers } from "../alerting/matchers.ts";
import { RouteTreeView } from "../alerting/route-tree.tsx";
import { Suppressions } from "../alerting/suppressions.tsx";
import { AlertTabs } from "../alerting/tabs.tsx";
import { ApiError } from "../api/errors.ts";
import { useExplanation, type Explanation, type ExplainStep } from "../api/routes.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { exploreAddress } from "../explore/address.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime, fromInputValue, toInputValue, zoneName } from "../time/range.ts";
import { Fact } from "../widgets/facts.tsx";
import { Icon, type IconName } from "../widgets/icons.tsx";
import { Badge, Failed, LabelChips, Loading, Notice, type Tone } from "../widgets/states.tsx";

const TOLD: Readonly<Record<Explanation["told"], { tone: Tone; text: string }>> = {
  yes: { tone: "good", text: "Told" },
  partly: { tone: "warn", text: "Told in part" },
  waiting: { tone: "warn", text: "Not told yet" },
  no: { tone: "bad", text: "Not told" },
};

const VERDICTS: Readonly<Record<ExplainStep["verdict"], { icon: IconName; tone: string; text: string }>> = {
  pass: { icon: "check", tone: "good", text: "went on" },
  stop: { icon: "mute", tone: "warn", text: "ended here" },
  wait: { icon: "clock", tone: "info", text: "waits" },
  fail: { icon: "error", tone: "bad", text: "failed" },
  unknown: { icon: "info", tone: "plain", text: "not known" },
};

/** Why somebody was told of an alert, or was not. */
export default function ExplainPage() {
  const { params, change } = useUrlState();
  const fingerprint = params.get("fingerprint") ?? "";
  const typed = params.get("filter") ?? "";
  const at = Number(params.get("time")) || undefined;
  const parsed = useMemo(() => parseMatchers(typed), [typed]);
  const asked = useMemo(() => {
    const query = new URLSearchParams();
    if (fingerprint !== "") query.set("fingerprint", fingerprint);
    else for (const matcher of parsed.matchers) query.append("filter", matcherText(matcher));
    if (at !== undefined) query.set("time", String(at / 1000));
    return query;
  }, [fingerprint, parsed, at]);
  const ready = fingerprint !== "" || parsed.matchers.length > 0;
  const answer = useExplanation(asked, ready);
  useDocumentTitle("Explain an alert");
  return (
    <>
      <div className="page-head">
        <h1>Explain an alert</h1>
      </div>
      <AlertTabs />
      <div className="filters">
        {fingerprint === "" ? (
          <MatcherField label="Which alert, by matchers" value={typed} problem={parsed.problem} onChange={(value) => change({ filter: value })} />
        ) : (
          <button type="button" className="button" onClick={() => change({ fingerprint: undefined })}>
            <Icon name="close" /> Another alert
          </button>
        )}
        <label className="inline-field">
          <span className="muted">As it stood at ({zoneName("browser")})</span>
          <input
            className="input"
            type="datetime-local"
            step={1}
            value={at === undefined ? "" : toInputValue(at, "browser")}
            onChange={(event) => {
              const chosen = fromInputValue(event.target.value, "browser");
              change({ time: chosen === undefined ? undefined : String(chosen) });
            }}
          />
        </label>
      </div>
      {!ready ? (
        <Notice icon="search" title="Which alert?">
          <p>Name it by matchers, such as alertname="Down". The one heard of last is explained.</p>
        </Notice>
      ) : answer.data ? (
        <Answer told={answer.data} />
      ) : answer.error instanceof ApiError && answer.error.status === 404 ? (
        <Notice icon="search" title="No such alert was heard of">
          <p>{answer.error.message}</p>
        </Notice>
      ) : answer.error ? (
        <Failed error={answer.error} what="The explanation" retry={() => void answer.refetch()} />
      ) : (
        <Loading what="the explanation" />
      )}
    </>
  );
}

function Answer({ told }: { told: Explanation }) {
  const look = TOLD[told.told];
  return (
    <div className="explain">
      <section className="card" aria-label="Answer">
        <div className="incident-head">
          <Badge tone={look.tone}>{look.text}</Badge>
          <h2 className="explain-name">{told.alert.labels["alertname"] ?? told.alert.fingerprint}</h2>
          <span className="muted">{formatDateTime(Date.parse(told.at), "browser")}</span>
        </div>
        <p className="explain-summary">{told.summary}</p>
        <LabelChips labels={told.alert.labels} omit={["alertname"]} />
        {told.others > 0 ? <p className="muted">{told.others} more alerts fit these matchers; this one was heard of last.</p> : null}
      </section>
      <section className="card" aria-label="Step by step">
        <h2>Step by step</h2>
        <ol className="timeline">
          {told.steps.map((step, index) => (
            <li key={`${step.step} ${index}`} className="timeline-event" data-tone={VERDICTS[step.verdict].tone}>
              <span className="timeline-mark">
                <Icon name={VERDICTS[step.verdict].icon} size={13} />
                <span className="visually-hidden">{VERDICTS[step.verdict].text}</span>
              </span>
              <span className="timeline-time">
                <span className="strong">{step.step}</span>
                {step.at ? <span className="muted"> {formatDateTime(Date.parse(step.at), "browser")}</span> : null}
              </span>
              <p className="timeline-text">{step.text}</p>
            </li>
          ))}
        </ol>
      </section>
      {told.evaluation ? <Evaluation evaluation={told.evaluation} /> : null}
      {told.destinations.map((destination) => (
        <Destination key={`${destination.receiver} ${destination.groupKey}`} destination={destination} />
      ))}
      {told.routing.tree ? (
        <section aria-label="Routes">
          <h2>Its way through the routes</h2>
          {told.routing.changed ? <p className="muted">The configuration was changed since: this is the way it would go today.</p> : null}
          <RouteTreeView root={told.routing.tree} />
        </section>
      ) : null}
      {told.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
    </div>
  );
}

function Evaluation({ evaluation }: { evaluation: NonNullable<Explanation["evaluation"]> }) {
  const time = (name: string, at: string | null): ReactNode => (at ? <Fact name={name}>{formatDateTime(Date.parse(at), "browser")}</Fact> : null);
  return (
    <section className="card" aria-label="Evaluation">
      <h2>What the rule saw</h2>
      <dl className="facts">
        <Fact name="State">{evaluation.state}</Fact>
        {evaluation.expr ? (
          <Fact name="Expression">
            <Link href={exploreAddress([evaluation.expr])} className="mono expr-link">
              {evaluation.expr}
            </Link>
          </Fact>
        ) : null}
        {evaluation.value === null ? null : <Fact name="Value">{evaluation.value}</Fact>}
        {evaluation.for ? <Fact name="Must hold for">{describeDuration(evaluation.for * 1000)}</Fact> : null}
        {evaluation.keepFiringFor ? <Fact name="Kept firing for">{describeDuration(evaluation.keepFiringFor * 1000)}</Fact> : null}
        {time("True since", evaluation.activeAt)}
        {time("Fired", evaluation.firedAt)}
        {time("Resolved", evaluation.resolvedAt)}
        {time("Last evaluated", evaluation.lastEvaluation)}
        {evaluation.lastError ? (
          <Fact name="Error">
            <span className="bad-text">{evaluation.lastError}</span>
          </Fact>
        ) : null}
      </dl>
    </section>
  );
}

function Destination({ destination }: { destination: Explanation["destinations"][number] }) {
  const { timers } = destination;
  return (
    <section className="card" aria-label={`Receiver ${destination.receiver}`}>
      <div className="card-head">
        <h2>{destination.receiver}</h2>
        <Badge tone={destination.verdict === "told" ? "good" : destination.verdict === "dead" || destination.verdict === "not_told" ? "bad" : "warn"}>{destination.verdict.replaceAll("_", " ")}</Badge>
      </div>
      <p>{destination.text}</p>
      <Suppressions list={destination.suppressedBy} />
      {timers ? (
        <p className="muted">
          waits {describeDuration(timers.groupWait * 1000)}, tells changes every {describeDuration(timers.groupInterval * 1000)}, repeats after {describeDuration(timers.repeatInterval * 1000)}
          {timers.lastTold ? `; last told ${formatDateTime(Date.parse(timers.lastTold), "browser")}` : ""}
          {timers.nextFlush ? `; next turn ${formatDateTime(Date.parse(timers.nextFlush), "browser")}` : ""}
        </p>
      ) : null}
      {destination.notifications.length > 0 ? (
        <ul className="card-rows">
          {destination.notifications.map((notification) => (
            <li key={notification.id} className="alert-instance">
              <div className="alert-instance-head">
                <span className="strong">{notification.integration}</span>
                <span className="muted">
                  {notification.reason}, queued {formatDateTime(Date.parse(notification.queuedAt), "browser")}
                </span>
                <Badge tone={notification.state === "done" ? "good" : notification.state === "dead" ? "bad" : "warn"}>{notification.state}</Badge>
              </div>
              <ol className="timeline-attempts">
                {notification.attempts.map((attempt, index) => (
                  <li key={`${attempt.startedAt} ${index}`} className={attempt.error ? "bad-text" : "muted"}>
                    {formatDateTime(Date.parse(attempt.startedAt), "browser")}: {attempt.outcome}
                    {attempt.status === null ? "" : `, HTTP ${attempt.status}`}
                    {attempt.latencyMs === null ? "" : `, ${attempt.latencyMs} ms`}
                    {attempt.error ? `: ${attempt.error}` : ""}
                  </li>
                ))}
              </ol>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
