import { Link } from "wouter";
import { useRules } from "../api/hooks.ts";
import type { Rule, RuleGroup } from "../api/types.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { exploreAddress } from "../explore/address.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Badge, Failed, LabelChips, Loading, Notice, type Tone } from "../widgets/states.tsx";

const KINDS = ["all", "alerting", "recording", "failing"] as const;

export default function RulesPage() {
  useDocumentTitle("Rules");
  const { params, change } = useUrlState();
  const rules = useRules();
  const search = params.get("search") ?? "";
  const kind = params.get("kind") ?? "all";
  const fits = (rule: Rule, group: RuleGroup) =>
    (kind === "all" || (kind === "failing" ? rule.health === "err" : rule.type === kind)) &&
    `${rule.name} ${group.name} ${rule.query}`.toLowerCase().includes(search.toLowerCase());
  const all = (rules.data ?? []).flatMap((group) => group.rules);
  const groups = (rules.data ?? []).map((group) => ({ group, found: group.rules.filter((rule) => fits(rule, group)) })).filter(({ found }) => found.length > 0);
  const count = (one: (typeof KINDS)[number]) =>
    one === "all" ? all.length : all.filter((rule) => (one === "failing" ? rule.health === "err" : rule.type === one)).length;

  return (
    <>
      <div className="page-head">
        <h1>Rules</h1>
        <SearchField label="Find rules" value={search} onChange={(value) => change({ search: value })} />
        <Link href="/rules/backtest" className="button">
          Backtest
        </Link>
      </div>
      {rules.data ? (
        <>
          <div className="filters">
            <FilterButtons
              label="Kind"
              value={kind}
              onChange={(value) => change({ kind: value === "all" ? undefined : value })}
              options={KINDS.map((one) => ({ value: one, text: one.charAt(0).toUpperCase() + one.slice(1), count: count(one) }))}
            />
          </div>
          {groups.length > 0 ? (
            groups.map(({ group, found }) => <GroupCard key={`${group.file}/${group.name}`} group={group} rules={found} />)
          ) : (
            <Notice icon="rules" title={all.length === 0 ? "There are no rules" : "No rule fits"}>
              <p>{all.length === 0 ? "Rule files are named under rule_files in the configuration." : "Take a filter away to see more."}</p>
            </Notice>
          )}
        </>
      ) : rules.error ? (
        <Failed error={rules.error} what="The rules" retry={() => void rules.refetch()} />
      ) : (
        <Loading what="rules" />
      )}
    </>
  );
}

function GroupCard({ group, rules }: { group: RuleGroup; rules: readonly Rule[] }) {
  const now = useSecond();
  return (
    <section className="card table-card">
      <h2 className="card-head">
        {group.name}
        <span className="muted">
          every {describeDuration(group.interval * 1000)}, took {describeDuration(group.evaluationTime * 1000)}
        </span>
      </h2>
      <p className="muted mono">{group.file}</p>
      <div className="table-scroll" role="region" aria-label={`Rules of ${group.name}`} tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">Rules of {group.name}</caption>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Kind</th>
              <th scope="col">State</th>
              <th scope="col">Expression</th>
              <th scope="col">Evaluated</th>
              <th scope="col" className="numeric">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule) => {
              const at = Date.parse(rule.lastEvaluation);
              return (
                <tr key={`${rule.name}${rule.query}${JSON.stringify(rule.labels)}`}>
                  <th scope="row">
                    <span className="strong">{rule.name}</span>
                    {rule.type === "alerting" ? (
                      <p>
                        <Link href={`/rules/backtest?rule=${encodeURIComponent(rule.name)}&group=${encodeURIComponent(group.name)}`} className="text-link small">
                          Backtest<span className="visually-hidden"> {rule.name}</span>
                        </Link>
                      </p>
                    ) : null}
                    {rule.labels && Object.keys(rule.labels).length > 0 ? <LabelChips labels={rule.labels} /> : null}
                  </th>
                  <td>{rule.type === "alerting" ? "Alerting" : "Recording"}</td>
                  <td>
                    <Badge tone={toneOf(rule)}>{stateText(rule)}</Badge>
                  </td>
                  <td className="expr-cell">
                    <Link href={exploreAddress([rule.query])} className="mono expr-link">
                      {rule.query}
                    </Link>
                    {rule.lastError ? <p className="bad-text">{rule.lastError}</p> : null}
                  </td>
                  <td>{at > 0 ? describeAgo(at, now) : "not yet"}</td>
                  <td className="numeric">{describeDuration(rule.evaluationTime * 1000)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function toneOf(rule: Rule): Tone {
  if (rule.health === "err") return "bad";
  if (rule.type === "alerting" && rule.state === "firing") return "bad";
  if (rule.type === "alerting" && rule.state === "pending") return "warn";
  return rule.health === "ok" ? "good" : "plain";
}

function stateText(rule: Rule): string {
  if (rule.health === "err") return "fails";
  if (rule.type === "alerting" && rule.health === "ok") return rule.state;
  return rule.health;
}
