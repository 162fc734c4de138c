import { useEffect, useState, type FormEvent } from "react";
import { Link } from "wouter";
import { DayBars } from "../alerting/day-bars.tsx";
import { ruleText } from "../alerting/rule-text.ts";
import { useBacktest, type Backtest, type BacktestRule } from "../api/backtest.ts";
import { messageOf } from "../api/errors.ts";
import { useRules } from "../api/hooks.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { exactNumber } from "../format/number.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { Field } from "../widgets/field.tsx";
import { FilterButtons } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { LabelChips } from "../widgets/states.tsx";
import { Tile } from "../widgets/tile.tsx";

const SPANS = [
  { value: "1", text: "1 day" },
  { value: "7", text: "7 days" },
  { value: "30", text: "30 days" },
] as const;
const MOST_LIVES = 50;
const EXAMPLE = 'groups:\n  - name: trial\n    interval: 1m\n    rules:\n      - alert: TargetDown\n        expr: up == 0\n        for: 5m\n        labels: { severity: warning }\n';

/** How often a rule would have paged, before it pages. */
export default function BacktestPage() {
  useDocumentTitle("Backtest");
  const { params } = useUrlState();
  const rules = useRules();
  const backtest = useBacktest();
  const [text, setText] = useState<string>();
  const [days, setDays] = useState("7");
  const [tried, setTried] = useState(false);
  const named = params.get("rule");

  // The rule that was asked for stands in the field as soon as it is known, unless somebody wrote already.
  useEffect(() => {
    if (text !== undefined || !rules.data) return;
    for (const group of rules.data) {
      for (const rule of group.rules) {
        if (rule.type === "alerting" && rule.name === named && (params.get("group") ?? group.name) === group.name) {
          setText(ruleText(group, rule));
          return;
        }
      }
    }
    setText(EXAMPLE);
  }, [rules.data, named, params, text]);

  const problem = tried && (text ?? "").trim() === "" ? "A rule file with an alert." : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if ((text ?? "").trim() === "") return;
    const to = Date.now();
    backtest.mutate({ rules: text ?? "", from: new Date(to - Number(days) * 86_400_000).toISOString(), to: new Date(to).toISOString() });
  };
  return (
    <>
      <div className="page-head">
        <h1>Backtest</h1>
        <Link href="/rules" className="button">
          <Icon name="back" /> Rules
        </Link>
      </div>
      <p className="muted backtest-lead">What these rules and the routing in force would have done over stored data. Nothing is sent, nothing is kept.</p>
      <form className="card backtest-form" onSubmit={submit} noValidate>
        <Field label="Rule file" problem={problem}>
          {(props) => <textarea {...props} className="input text-area mono" rows={12} spellCheck={false} value={text ?? ""} onChange={(event) => setText(event.target.value)} />}
        </Field>
        <div className="card-actions">
          <FilterButtons label="How far back" value={days} options={SPANS} onChange={setDays} />
          <button type="submit" className="button primary" disabled={backtest.isPending}>
            <Icon name="play" size={14} /> {backtest.isPending ? "Asking…" : "Run"}
          </button>
        </div>
        {backtest.error ? (
          <p className="field-problem preserve" role="alert">
            {messageOf(backtest.error)}
          </p>
        ) : null}
      </form>
      <div role="status" className="visually-hidden">
        {backtest.data ? `${backtest.data.pages.firing} pages` : ""}
      </div>
      {backtest.data ? <Answer backtest={backtest.data} /> : null}
    </>
  );
}

function Answer({ backtest }: { backtest: Backtest }) {
  const { pages } = backtest;
  const suppressed = Object.entries(backtest.suppressed).filter(([, count]) => count > 0);
  return (
    <div className="explain">
      <ul className="tiles" aria-label="What would have happened">
        <Tile value={pages.firing} name={pages.firing === 1 ? "page" : "pages"} note="notifications of something that fires" />
        <Tile value={pages.resolved} name="all-clears" note="notifications that tell ends alone" />
        {pages.receivers.map((one) => (
          <Tile key={one.receiver} value={one.firing} name={one.receiver} note={`pages, ${one.repeats} of them repeats`} />
        ))}
      </ul>
      <DayBars name="Pages by day" days={pages.days.map(({ day, firing }) => ({ day, count: firing, text: firing === 1 ? "1 page" : `${firing} pages` }))} />
      {suppressed.length > 0 ? <p className="muted">Kept quiet: {suppressed.map(([kind, count]) => `${count} by ${kind.replaceAll("_", " ")}`).join(", ")}.</p> : null}
      {backtest.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
      {backtest.rules.map((rule) => (
        <RuleAnswer key={`${rule.group} ${rule.rule}`} rule={rule} />
      ))}
    </div>
  );
}

function RuleAnswer({ rule }: { rule: BacktestRule }) {
  const lives = rule.lives.toReversed();
  return (
    <section className="card table-card" aria-label={rule.rule}>
      <div className="card-head">
        <h2>{rule.rule}</h2>
        <span className="muted">
          fired {rule.fired} times for {describeDuration(rule.firingSeconds * 1000)} together{rule.fired > 0 ? `, at longest ${describeDuration(rule.longest * 1000)}` : ""}; {rule.pendingOnly} times only pending
        </span>
      </div>
      {rule.error ? (
        <p className="field-problem" role="alert">
          {rule.error}
        </p>
      ) : null}
      {rule.missing.map((gap) => (
        <p key={`${gap.selector} ${gap.from}`} className="field-problem">
          <Icon name="warning" size={13} /> No data of <code>{gap.selector}</code> from {formatDateTime(Date.parse(gap.from), "browser")} to {formatDateTime(Date.parse(gap.to), "browser")}.
        </p>
      ))}
      {lives.length > MOST_LIVES || rule.livesLeftOut > 0 ? (
        <p className="note">
          The newest {Math.min(MOST_LIVES, lives.length)} of {lives.length + rule.livesLeftOut}.
        </p>
      ) : null}
      {lives.length > 0 ? (
        <div className="table-scroll" role="region" aria-label={`Alerts of ${rule.rule}`} tabIndex={0}>
          <table className="data-table">
            <caption className="visually-hidden">Alerts that would have been, the newest first</caption>
            <thead>
              <tr>
                <th scope="col">True from</th>
                <th scope="col">Fired</th>
                <th scope="col">Until</th>
                <th scope="col" className="numeric">
                  Peak
                </th>
                <th scope="col">Labels</th>
              </tr>
            </thead>
            <tbody>
              {lives.slice(0, MOST_LIVES).map((life) => (
                <tr key={`${life.fingerprint} ${life.activeAt}`}>
                  <td>{formatDateTime(Date.parse(life.activeAt), "browser")}</td>
                  <td>{life.firedAt ? formatDateTime(Date.parse(life.firedAt), "browser") : "never"}</td>
                  <td>{life.resolvedAt ? formatDateTime(Date.parse(life.resolvedAt), "browser") : "still"}</td>
                  <td className="numeric">{numberText(life.peak)}</td>
                  <td className="wrap">
                    <LabelChips labels={life.labels} omit={["alertname"]} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}

function numberText(text: string): string {
  const value = Number(text);
  return Number.isNaN(value) ? text : exactNumber(Number(value.toPrecision(6)));
}
