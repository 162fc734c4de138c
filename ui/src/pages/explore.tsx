import * as Ariakit from "@ariakit/react";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { useExpressions, useScrapeInterval } from "../api/hooks.ts";
import type { QueryResult } from "../api/columns.ts";
import { messageOf } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { interpolate } from "../dashboard/interpolate.ts";
import { timeVariables } from "../dashboard/plan.ts";
import { fromPrometheusGraph } from "../explore/address.ts";
import { PlainEditor } from "../explore/plain-editor.tsx";
import { readHistory, remember } from "../explore/query-history.ts";
import { ExploreGraph, ExploreTable } from "../explore/results.tsx";
import { toTextSpan } from "../explore/spans.ts";
import { PanelEmpty } from "../panels/states.tsx";
import { useTime } from "../time/clock.ts";
import { alignRange, chooseStep } from "../time/step.ts";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import { TimeControls } from "../widgets/time-controls.tsx";

const Editor = lazy(() => import("../explore/editor.tsx"));

const POINTS = 800;
const FINEST_STEP_MS = 5_000;
const DEFAULT_SCRAPE_MS = 15_000;

/** Ask anything. What was run stands in the URL; what is being typed does not, until it is run. */
export default function ExplorePage() {
  useDocumentTitle("Explore");
  const { params, change } = useUrlState();
  const foreign = useMemo(() => fromPrometheusGraph(params), [params]);
  const exprs = useMemo(() => {
    const own = params.getAll("q");
    return own.length > 0 ? own : foreign.exprs;
  }, [params, foreign]);
  const tab = (params.get("tab") ?? (foreign.exprs.length > 0 && params.getAll("q").length === 0 ? foreign.tab : "graph")) === "table" ? "table" : "graph";
  const stacked = params.get("stacked") === "1";
  const time = useTime({ from: foreign.range?.from ?? "now-1h", to: foreign.range?.to ?? "now", refresh: "" });

  const [drafts, setDrafts] = useState<string[]>(exprs.length > 0 ? exprs : [""]);
  useEffect(() => setDrafts(exprs.length > 0 ? exprs : [""]), [exprs]);

  const scrapeInterval = useScrapeInterval() ?? DEFAULT_SCRAPE_MS;
  const specs = useMemo(() => {
    const step = chooseStep(time.resolved, POINTS, Math.min(FINEST_STEP_MS, scrapeInterval));
    const range = tab === "table" ? time.resolved : alignRange(time.resolved, step);
    const variables = timeVariables(time.resolved, step, scrapeInterval);
    return exprs
      .filter((expr) => expr.trim() !== "")
      .map((expr) => ({ expr: interpolate(expr, variables, "query"), ...range, step, instant: tab === "table" }));
  }, [exprs, time.resolved, tab, scrapeInterval]);
  const answer = useExpressions(specs, { enabled: true, scope: `explore-${tab}` });
  // The kept answer of other queries would stand under the wrong editor.
  const results = answer.data?.length === specs.length && (!answer.isPlaceholderData || sameKind(answer.data, tab)) ? answer.data : undefined;

  const run = (wanted: readonly string[]) => {
    const asked = wanted.map((expr) => expr.trim()).filter((expr) => expr !== "");
    remember(asked);
    if (asked.join("\n") === exprs.join("\n")) time.refreshNow();
    else change({ ...withoutForeign(params), q: asked, tab }, { push: true });
  };
  const edit = (index: number, expr: string) => setDrafts((old) => old.map((one, at) => (at === index ? expr : one)));

  return (
    <div className="explore">
      <div className="page-head">
        <h1>Explore</h1>
        <TimeControls time={time} />
      </div>
      <form
        className="queries"
        aria-label="Queries"
        onSubmit={(event) => {
          event.preventDefault();
          run(drafts);
        }}
      >
        {drafts.map((draft, index) => {
          const error = draft === exprs[index] ? errorOf(results?.[index], specs[index]?.expr ?? draft) : undefined;
          const props = { value: draft, label: drafts.length > 1 ? `Query ${index + 1}` : "Query", error, onChange: (value: string) => edit(index, value), onRun: () => run(drafts) };
          return (
            // Rows have no identity but their place.
            // oxlint-disable-next-line react/no-array-index-key
            <div key={index} className="query-row">
              <div className="editor-box" data-invalid={error ? "" : undefined}>
                <Suspense fallback={<PlainEditor {...props} />}>
                  <Editor {...props} />
                </Suspense>
              </div>
              {drafts.length > 1 ? (
                <button type="button" className="button icon-button" aria-label={`Remove query ${index + 1}`} onClick={() => run(drafts.filter((_, at) => at !== index))}>
                  <Icon name="close" />
                </button>
              ) : null}
              {error ? (
                <p className="query-error" role="alert">
                  <Icon name="error" size={14} /> {error.message}
                </p>
              ) : null}
            </div>
          );
        })}
        <div className="query-actions">
          <button type="submit" className="button primary" aria-keyshortcuts="Control+Enter Meta+Enter">
            <Icon name="play" size={14} /> Run
          </button>
          <button type="button" className="button" onClick={() => setDrafts([...drafts, ""])}>
            <Icon name="plus" size={14} /> Add query
          </button>
          <HistoryMenu onChoose={(expr) => edit(drafts.length - 1, expr)} />
          <span className="muted run-hint">Ctrl Enter runs</span>
        </div>
      </form>
      <Ariakit.TabProvider selectedId={tab} setSelectedId={(next) => change({ tab: next ?? "graph" })}>
        <div className="tab-bar">
          <Ariakit.TabList className="tabs" aria-label="Results">
            <Ariakit.Tab id="graph" className="tab">
              Graph
            </Ariakit.Tab>
            <Ariakit.Tab id="table" className="tab">
              Table
            </Ariakit.Tab>
          </Ariakit.TabList>
          {tab === "graph" ? (
            <label className="radio">
              <input type="checkbox" checked={stacked} onChange={(event) => change({ stacked: event.target.checked ? "1" : undefined })} />
              Stacked
            </label>
          ) : null}
          <Summary results={results} busy={answer.isFetching} />
        </div>
        <Ariakit.TabPanel tabId={tab} className="tab-panel" focusable={false}>
          {content()}
        </Ariakit.TabPanel>
      </Ariakit.TabProvider>
    </div>
  );

  function content() {
    if (specs.length === 0) {
      return (
        <Notice icon="explore" title="Ask for a metric">
          <p>Type a metric name or a PromQL expression above: names, labels and functions are offered as you type.</p>
        </Notice>
      );
    }
    if (answer.error) return <Failed error={answer.error} what="The answer" retry={() => void answer.refetch()} />;
    if (!results) return <Loading what="the answer" />;
    if (results.every((result) => result.kind === "failed")) return null;
    const asked = specs.map((spec) => spec.expr);
    if (results.every((result) => result.kind === "failed" || result.series.length === 0)) {
      return <PanelEmpty title="No data" exprs={asked} range={time.resolved} />;
    }
    return tab === "table" ? (
      <ExploreTable exprs={asked} results={results} time={time} />
    ) : (
      <div className="card">
        <ExploreGraph exprs={asked} results={results} time={time} stacked={stacked} />
      </div>
    );
  }
}

function sameKind(results: readonly QueryResult[], tab: "graph" | "table"): boolean {
  return results.every((result) => result.kind === (tab === "table" ? "instant" : "range"));
}

function errorOf(result: QueryResult | undefined, expr: string) {
  if (result?.kind !== "failed") return undefined;
  return { message: messageOf(result.error), span: result.error.span && toTextSpan(expr, result.error.span) };
}

function withoutForeign(params: URLSearchParams): Record<string, undefined> {
  return Object.fromEntries([...params.keys()].filter((key) => /^g\d+\./.test(key)).map((key) => [key, undefined]));
}

function Summary({ results, busy }: { results: readonly QueryResult[] | undefined; busy: boolean }) {
  let shown = 0;
  let total = 0;
  const notes = new Set<string>();
  for (const result of results ?? []) {
    if (result.kind === "failed") continue;
    shown += result.series.length;
    total += result.totalSeries;
    for (const note of [...result.warnings, ...result.infos]) notes.add(note);
  }
  return (
    <div className="summary" role="status" data-busy={busy ? "" : undefined}>
      {results ? <span>{total > shown ? `showing ${shown} of ${total} series` : `${shown} series`}</span> : null}
      {[...notes].map((note) => (
        <span key={note} className="summary-note">
          <Icon name="warning" size={13} /> {note}
        </span>
      ))}
    </div>
  );
}

function HistoryMenu({ onChoose }: { onChoose: (expr: string) => void }) {
  const menu = Ariakit.useMenuStore({ placement: "bottom-start" });
  const open = Ariakit.useStoreState(menu, "open");
  const entries = open ? readHistory() : [];
  return (
    <>
      <Ariakit.MenuButton store={menu} className="button">
        <Icon name="history" size={14} /> History
      </Ariakit.MenuButton>
      <Ariakit.Menu store={menu} className="popover menu history-menu" gutter={4} unmountOnHide aria-label="Queries run before">
        {entries.length === 0 ? <p className="note">No query was run in this browser yet.</p> : null}
        {entries.map((expr) => (
          <Ariakit.MenuItem key={expr} className="menu-item mono" onClick={() => onChoose(expr)}>
            <span className="menu-item-text">{expr}</span>
          </Ariakit.MenuItem>
        ))}
      </Ariakit.Menu>
    </>
  );
}
