import { useMemo } from "react";
import { Link } from "wouter";
import { useDeliveries, useRules } from "../api/hooks.ts";
import type { Alert } from "../api/types.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { exploreAddress } from "../explore/address.ts";
import { exactNumber } from "../format/number.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Badge, Failed, LabelChips, Loading, Notice, type Tone } from "../widgets/states.tsx";
import { placeRules, ruleFits, severityOf, stateOf, type PlacedRule } from "./alert-groups.ts";
import { DeliveryList } from "./deliveries.tsx";

const STATES = ["firing", "pending", "inactive"] as const;
const TONES: Readonly<Record<string, Tone>> = { firing: "bad", pending: "warn", inactive: "good" };

export default function AlertsPage() {
  const { params, change } = useUrlState();
  const rules = useRules();
  const deliveries = useDeliveries();
  const placed = useMemo(() => placeRules(rules.data ?? []), [rules.data]);
  const counts = useMemo(() => countAlerts(placed), [placed]);
  const state = params.get("state") ?? "all";
  const search = params.get("search") ?? "";
  const severity = params.get("severity") ?? "all";
  useDocumentTitle(counts.firing > 0 ? `${counts.firing} firing` : "Alerts");

  const severities = [...new Set(placed.map(({ rule }) => severityOf(rule)).filter((one) => one !== undefined))].sort();
  const found = placed.filter(
    (one) => (state === "all" || stateOf(one.rule) === state) && (severity === "all" || severityOf(one.rule) === severity) && ruleFits(one, search),
  );

  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
        <SearchField label="Find alerts" value={search} onChange={(value) => change({ search: value })} />
      </div>
      {rules.data ? (
        <>
          <ul className="tiles" aria-label="Alerts at a glance">
            <Tile tone={counts.firing > 0 ? "bad" : "good"} value={counts.firing} name="Firing" note={counts.firing === 0 ? "Nothing is wrong." : severitySummary(placed)} />
            <Tile tone={counts.pending > 0 ? "warn" : "plain"} value={counts.pending} name="Pending" note="True, but not yet for long enough." />
            <Tile tone="plain" value={placed.length} name="Rules watched" note={`${counts.broken === 0 ? "All" : `${placed.length - counts.broken} of ${placed.length}`} evaluate well.`} />
          </ul>
          <div className="filters">
            <FilterButtons
              label="State"
              value={state}
              onChange={(value) => change({ state: value === "all" ? undefined : value })}
              options={[
                { value: "all", text: "All", count: placed.length },
                ...STATES.map((one) => ({ value: one, text: capital(one), count: placed.filter(({ rule }) => stateOf(rule) === one).length })),
              ]}
            />
            {severities.length > 0 ? (
              <FilterButtons
                label="Severity"
                value={severity}
                onChange={(value) => change({ severity: value === "all" ? undefined : value })}
                options={[{ value: "all", text: "Any severity" }, ...severities.map((one) => ({ value: one, text: one }))]}
              />
            ) : null}
          </div>
          {found.length > 0 ? (
            <ul className="alert-list">
              {found.map((one) => (
                <AlertCard key={`${one.file}/${one.group}/${one.rule.name}/${one.rule.query}`} placed={one} />
              ))}
            </ul>
          ) : (
            <Notice icon="alerts" title={placed.length === 0 ? "There are no alerting rules" : "No alert fits"}>
              <p>{placed.length === 0 ? "Rules are named under rule_files in the configuration." : "Take a filter away to see more."}</p>
            </Notice>
          )}
          {deliveries.data ? <DeliveryList deliveries={deliveries.data} /> : null}
        </>
      ) : rules.error ? (
        <Failed error={rules.error} what="The alerts" retry={() => void rules.refetch()} />
      ) : (
        <Loading what="alerts" />
      )}
    </>
  );
}

function Tile({ tone, value, name, note }: { tone: Tone; value: number; name: string; note: string }) {
  return (
    <li className="tile" data-tone={tone}>
      <span className="tile-value">{value}</span>
      <span className="tile-name">{name}</span>
      <span className="tile-note">{note}</span>
    </li>
  );
}

function AlertCard({ placed: { rule, group } }: { placed: PlacedRule }) {
  const now = useSecond();
  const state = stateOf(rule);
  const severity = severityOf(rule);
  const [alert] = rule.alerts;
  return (
    <li>
      <details className="alert-card" data-state={state} open={state === "firing"}>
        <summary>
          <Icon name="chevron" size={14} />
          <Badge tone={TONES[state] ?? "plain"}>{capital(state)}</Badge>
          <span className="alert-name">{rule.name}</span>
          {severity ? <Badge tone={severity === "critical" ? "bad" : severity === "warning" ? "warn" : "info"}>{severity}</Badge> : null}
          {rule.health === "err" ? <Badge tone="bad">rule fails</Badge> : null}
          {rule.alerts.length > 0 ? <span className="muted">{rule.alerts.length === 1 ? sinceText(rule.alerts[0], now) : `${rule.alerts.length} alerts`}</span> : null}
          {alert ? (
            rule.alerts.length === 1 && <span className="alert-summary">{alert.annotations["summary"]}</span>
          ) : (
            <span className="alert-expr mono">{rule.query}</span>
          )}
        </summary>
        <div className="alert-body">
          {rule.alerts.map((alert) => (
            <AlertInstance key={JSON.stringify(alert.labels)} alert={alert} now={now} />
          ))}
          <dl className="facts">
            <dt>Expression</dt>
            <dd>
              <Link href={exploreAddress([rule.query])} className="mono expr-link">
                {rule.query}
              </Link>
            </dd>
            <dt>For</dt>
            <dd>{rule.duration > 0 ? describeDuration(rule.duration * 1000) : "fires at once"}</dd>
            <dt>Group</dt>
            <dd>{group}</dd>
            <dt>Evaluated</dt>
            <dd>{evaluatedText(rule.lastEvaluation, rule.evaluationTime, now)}</dd>
            {rule.lastError ? (
              <>
                <dt>Error</dt>
                <dd className="bad-text">{rule.lastError}</dd>
              </>
            ) : null}
          </dl>
        </div>
      </details>
    </li>
  );
}

function AlertInstance({ alert, now }: { alert: Alert; now: number }) {
  const { summary, description, ...others } = alert.annotations;
  const value = Number(alert.value);
  return (
    <div className="alert-instance">
      <p className="alert-instance-head">
        <Badge tone={TONES[alert.state] ?? "plain"}>{capital(alert.state)}</Badge>
        <span>{sinceText(alert, now)}</span>
        <span className="muted">value {Number.isNaN(value) ? alert.value : exactNumber(Number(value.toPrecision(6)))}</span>
      </p>
      {summary ? <p className="alert-text">{summary}</p> : null}
      {description ? <p className="alert-text">{description}</p> : null}
      <LabelChips labels={alert.labels} omit={["alertname"]} />
      {Object.keys(others).length > 0 ? (
        <dl className="facts">
          {Object.entries(others).map(([name, text]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{/^https?:\/\//.test(text) ? <SafeLink href={text} /> : text}</dd>
            </div>
          ))}
        </dl>
      ) : null}
    </div>
  );
}

function SafeLink({ href }: { href: string }) {
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {href}
    </a>
  );
}

function sinceText(alert: Alert | undefined, now: number): string {
  const at = Date.parse(alert?.activeAt ?? "");
  return Number.isNaN(at) ? "" : `since ${formatDateTime(at, "browser")} (${describeDuration(now - at)})`;
}

function evaluatedText(last: string, seconds: number, now: number): string {
  const at = Date.parse(last);
  if (Number.isNaN(at) || at <= 0) return "not yet";
  return `${describeAgo(at, now)}, took ${describeDuration(seconds * 1000)}`;
}

function countAlerts(placed: readonly PlacedRule[]) {
  const alerts = placed.flatMap(({ rule }) => rule.alerts);
  return {
    firing: alerts.filter((alert) => alert.state === "firing").length,
    pending: alerts.filter((alert) => alert.state === "pending").length,
    broken: placed.filter(({ rule }) => rule.health === "err").length,
  };
}

function severitySummary(placed: readonly PlacedRule[]): string {
  const counts = new Map<string, number>();
  for (const { rule } of placed) {
    for (const alert of rule.alerts) {
      if (alert.state !== "firing") continue;
      const severity = alert.labels["severity"] ?? "no severity";
      counts.set(severity, (counts.get(severity) ?? 0) + 1);
    }
  }
  return [...counts].map(([severity, count]) => `${count} ${severity}`).join(", ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
