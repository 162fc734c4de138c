import { useMemo, type ReactNode } from "react";
import { Link } from "wouter";
import { AlertCard } from "../alerting/alert-card.tsx";
import { fitsMatchers, gatherAlerts, groupAlerts, groupingLabels, type AlertItem, type Standing } from "../alerting/alerts.ts";
import { MatcherField } from "../alerting/matcher-field.tsx";
import { parseMatchers } from "../alerting/matchers.ts";
import { severityRank, severityTone } from "../alerting/severity.ts";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useActiveAlerts } from "../api/alertmanager.ts";
import { useRules } from "../api/hooks.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { Choice } from "../widgets/choice.tsx";
import { FilterButtons } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import { Tile } from "../widgets/tile.tsx";

const MOST_SHOWN = 300;
const QUIET: readonly Standing[] = ["silenced", "inhibited", "muted"];

/** What is wrong now, the most pressing first; no click needed to see it. */
export default function AlertsPage() {
  const { params, change } = useUrlState();
  const typed = params.get("filter") ?? "";
  const parsed = useMemo(() => parseMatchers(typed), [typed]);
  const alerts = useActiveAlerts(parsed.matchers);
  const rules = useRules();
  const items = useMemo(
    () => gatherAlerts(alerts.data ?? [], rules.data ?? []).filter((item) => fitsMatchers(item.labels, parsed.matchers)),
    [alerts.data, rules.data, parsed],
  );
  const show = params.get("show") ?? "open";
  const severity = params.get("severity") ?? "all";
  const by = params.get("by") ?? "alertname";
  const firing = items.filter((item) => item.standing === "firing");
  useDocumentTitle(firing.length > 0 ? `${firing.length} firing` : "Alerts");

  const standing = items.filter((item) => isShown(item, show));
  const found = standing.filter((item) => severity === "all" || item.severity === severity);
  const severities = [...new Set(standing.map((item) => item.severity))].sort((a, b) => severityRank(a) - severityRank(b));
  const count = (what: string) => items.filter((item) => isShown(item, what)).length;

  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
        <Link href="/alerts/silences/new" className="button">
          <Icon name="plus" /> New silence
        </Link>
      </div>
      <AlertTabs />
      {alerts.data || rules.data ? (
        <>
          <Tiles items={items} />
          <div className="filters">
            <MatcherField label="Filter alerts by matchers" value={typed} problem={parsed.problem} onChange={(value) => change({ filter: value })} />
            <FilterButtons
              label="State"
              value={show}
              onChange={(value) => change({ show: value === "open" ? undefined : value })}
              options={[
                { value: "open", text: "Open", count: count("open") },
                { value: "firing", text: "Firing", count: count("firing") },
                { value: "pending", text: "Pending", count: count("pending") },
                { value: "quiet", text: "Kept quiet", count: count("quiet") },
              ]}
            />
            {severities.length > 1 ? (
              <FilterButtons
                label="Severity"
                value={severity}
                onChange={(value) => change({ severity: value === "all" ? undefined : value })}
                options={[{ value: "all", text: "Any severity" }, ...severities.map((one) => ({ value: one, text: one }))]}
              />
            ) : null}
            <Choice
              label="Group by"
              value={by}
              options={[
                { value: "", text: "Not grouped" },
                { value: "severity", text: "By severity" },
                { value: "receiver", text: "By receiver" },
                ...groupingLabels(items).map((name) => ({ value: name, text: `By ${name}` })),
              ]}
              onChange={(value) => change({ by: value })}
            />
          </div>
          {alerts.error ? <Failed error={alerts.error} what="What became of the alerts" retry={() => void alerts.refetch()} /> : null}
          <Groups items={found} by={by} />
          {found.length === 0 ? <Nothing any={items.length > 0} rules={rules.data?.length ?? 0} /> : null}
        </>
      ) : rules.error ? (
        <Failed error={rules.error} what="The alerts" retry={() => void rules.refetch()} />
      ) : (
        <Loading what="alerts" />
      )}
    </>
  );
}

function isShown(item: AlertItem, show: string): boolean {
  if (show === "quiet") return QUIET.includes(item.standing);
  if (show === "open") return item.standing === "firing" || item.standing === "pending";
  return item.standing === show;
}

function Tiles({ items }: { items: readonly AlertItem[] }) {
  const firing = items.filter((item) => item.standing === "firing");
  const severities = [...new Set(["critical", "warning", ...firing.map((item) => item.severity)])].sort((a, b) => severityRank(a) - severityRank(b));
  const quiet = items.filter((item) => QUIET.includes(item.standing)).length;
  const pending = items.filter((item) => item.standing === "pending").length;
  return (
    <ul className="tiles" aria-label="Alerts at a glance">
      {severities.map((severity) => {
        const found = firing.filter((item) => item.severity === severity).length;
        return <Tile key={severity} tone={found > 0 ? severityTone(severity) : "plain"} value={found} name={severity === "none" ? "no severity" : severity} note="firing" />;
      })}
      <Tile tone={pending > 0 ? "warn" : "plain"} value={pending} name="pending" note="true, not yet for long enough" />
      <Tile tone="plain" value={quiet} name="kept quiet" note="silenced, inhibited or muted" />
    </ul>
  );
}

function Groups({ items, by }: { items: readonly AlertItem[]; by: string }): ReactNode {
  const now = useSecond();
  const shown = items.slice(0, MOST_SHOWN);
  return (
    <>
      {groupAlerts(shown, by).map((group) => (
        <section key={group.title} className="alert-group">
          {by === "" ? null : (
            <h2 className="group-head">
              {group.title === "" ? <span className="muted">without {by}</span> : group.title}
              <span className="muted">{group.items.length}</span>
            </h2>
          )}
          <ul className="alert-list">
            {group.items.map((item) => (
              <AlertCard key={item.key} item={item} now={now} />
            ))}
          </ul>
        </section>
      ))}
      {items.length > MOST_SHOWN ? (
        <p className="note">
          The most pressing {MOST_SHOWN} of {items.length}: filter to see others.
        </p>
      ) : null}
    </>
  );
}

function Nothing({ any, rules }: { any: boolean; rules: number }) {
  if (any)
    return (
      <Notice icon="alerts" title="No alert fits">
        <p>Take a filter away to see more.</p>
      </Notice>
    );
  return (
    <Notice icon="check" title="Nothing is wrong">
      <p>{rules === 0 ? "No rule watches yet: rules are named under rule_files in the configuration." : <Link href="/rules" className="text-link">See what is watched</Link>}</p>
    </Notice>
  );
}
