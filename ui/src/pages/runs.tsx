import { useMemo } from "react";
import { Link } from "wouter";
import { RUN_STATUSES, useExperiments, useRuns, type Run, type RunList } from "../api/training.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { figure, money, nameOf, share } from "../training/figures.ts";
import { RunProgressBar } from "../training/progress.tsx";
import { RunStatusBadge } from "../training/run-status.tsx";
import { Choice } from "../widgets/choice.tsx";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Pager } from "../widgets/pager.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import "../styles/training.css";

const PAGE = 50;
const MOST_COMPARED = 50;

const ORDERS = [
  { value: "start", text: "Newest first" },
  { value: "-start", text: "Oldest first" },
  { value: "name", text: "By name" },
  { value: "duration", text: "Shortest first" },
];

/** What is being trained, and what was. */
export default function RunsPage() {
  useDocumentTitle("Training");
  const { params, change } = useUrlState();
  const status = params.get("status") ?? "all";
  const search = params.get("search") ?? "";
  const filter = params.get("filter") ?? "";
  const experiment = params.get("experiment") ?? "";
  const order = params.get("order") ?? "start";
  const offset = Math.max(0, Number(params.get("offset")) || 0);
  const chosen = params.getAll("run");
  const query = useMemo(() => {
    const asked = new URLSearchParams({ limit: String(PAGE), offset: String(offset), order });
    if (status !== "all") asked.append("status", status);
    if (experiment !== "") asked.append("experiment", experiment);
    if (search !== "") asked.set("q", search);
    if (filter !== "") asked.set("filter", filter);
    return asked;
  }, [status, experiment, search, filter, order, offset]);
  const list = useRuns(query);
  const experiments = useExperiments();
  const narrow = (key: string, value: string | undefined) => change({ [key]: value, offset: undefined });
  const counts = list.data?.counts;
  const all = counts && RUN_STATUSES.reduce((sum, one) => sum + counts[one], 0);
  const narrowed = search !== "" || filter !== "" || experiment !== "" || status !== "all";
  const orders = [...ORDERS, ...(list.data?.metricKeys ?? []).slice(0, 20).flatMap((key) => [{ value: `metric:${key}`, text: `Smallest ${key}` }, { value: `-metric:${key}`, text: `Largest ${key}` }])];
  return (
    <>
      <div className="page-head">
        <h1>Training</h1>
        <SearchField label="Find runs" value={search} onChange={(value) => narrow("search", value)} />
      </div>
      <div className="filters">
        <input
          className="input run-filter mono"
          aria-label="Filter runs by metrics, params and tags"
          placeholder={'metrics.loss < 0.5 and params.lr = "0.001"'}
          defaultValue={filter}
          key={filter}
          onKeyDown={(event) => event.key === "Enter" && narrow("filter", event.currentTarget.value.trim() || undefined)}
          onBlur={(event) => event.currentTarget.value.trim() !== filter && narrow("filter", event.currentTarget.value.trim() || undefined)}
        />
        <FilterButtons
          label="Status"
          value={status}
          onChange={(value) => narrow("status", value === "all" ? undefined : value)}
          options={[
            { value: "all", text: "All", ...(all === undefined ? {} : { count: all }) },
            ...RUN_STATUSES.filter((one) => one !== "scheduled" || (counts?.scheduled ?? 0) > 0).map((one) => ({ value: one, text: titled(one), ...(counts ? { count: counts[one] } : {}) })),
          ]}
        />
        {(experiments.data?.experiments.length ?? 0) > 0 ? (
          <Choice
            label="Experiment"
            value={experiment}
            options={[{ value: "", text: "All experiments" }, ...(experiments.data?.experiments ?? []).map((one) => ({ value: one.id, text: `${one.name} (${one.runs})` }))]}
            onChange={(value) => narrow("experiment", value || undefined)}
          />
        ) : null}
        <Choice label="Order" value={order} options={orders} onChange={(value) => narrow("order", value === "start" ? undefined : value)} />
      </div>
      {chosen.length > 0 ? (
        <p className="run-chosen" role="status">
          {chosen.length === 1 ? "One run chosen." : `${chosen.length} runs chosen.`}{" "}
          <Link href={`/training/compare?${new URLSearchParams(chosen.map((id) => ["run", id]))}`} className="button">
            Compare
          </Link>{" "}
          <button type="button" className="link-button" onClick={() => change({ run: undefined })}>
            Choose none
          </button>
        </p>
      ) : null}
      {list.error ? <Failed error={list.error} what="The runs" retry={() => void list.refetch()} /> : null}
      {list.data ? (
        list.data.runs.length > 0 ? (
          <>
            <RunTable
              list={list.data}
              chosen={chosen}
              choose={(id, on) => change({ run: on ? [...chosen, id].slice(-MOST_COMPARED) : chosen.filter((one) => one !== id) })}
            />
            <Pager offset={offset} size={PAGE} total={list.data.total} go={(next) => change({ offset: next === 0 ? undefined : String(next) }, { push: true })} />
          </>
        ) : narrowed ? (
          <Notice icon="training" title="No run fits">
            <p>Take a filter away to see more.</p>
          </Notice>
        ) : (
          <NoRuns />
        )
      ) : list.error ? null : (
        <Loading what="runs" />
      )}
    </>
  );
}

function RunTable({ list, chosen, choose }: { list: RunList; chosen: readonly string[]; choose: (id: string, on: boolean) => void }) {
  const now = useSecond();
  return (
    <section className="card table-card" aria-label="Runs">
      <div className="table-scroll" role="region" aria-label="Runs" tabIndex={0}>
        <table className="data-table run-table">
          <caption className="visually-hidden">Training runs</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">Compare</span>
              </th>
              <th scope="col">Run</th>
              <th scope="col">Status</th>
              <th scope="col">Progress</th>
              <th scope="col" className="numeric">
                Loss
              </th>
              <th scope="col" className="numeric">
                Validation
              </th>
              <th scope="col" className="numeric">
                Steps/s
              </th>
              <th scope="col" className="numeric">
                GPUs
              </th>
              <th scope="col" className="numeric">
                Cost
              </th>
              <th scope="col">Started</th>
            </tr>
          </thead>
          <tbody>
            {list.runs.map((run) => (
              <RunRow key={run.id} run={run} now={now} chosen={chosen.includes(run.id)} choose={(on) => choose(run.id, on)} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function RunRow({ run, now, chosen, choose }: { run: Run; now: number; chosen: boolean; choose: (on: boolean) => void }) {
  const { progress } = run;
  const started = Date.parse(run.startedAt);
  return (
    <tr>
      <td>
        <input type="checkbox" aria-label={`Compare ${nameOf(run)}`} checked={chosen} onChange={(event) => choose(event.target.checked)} />
      </td>
      <th scope="row" className="run-name">
        <Link href={`/training/runs/${run.id}`} className="text-link" title={nameOf(run)}>
          {nameOf(run)}
        </Link>
        <span className="muted run-experiment">{run.experiment.name}</span>
      </th>
      <td>
        <RunStatusBadge run={run} />
      </td>
      <td>
        <RunProgressBar run={run} />
      </td>
      <td className="numeric" title={progress.lossKey ?? undefined}>
        {figure(progress.loss)}
      </td>
      <td className="numeric" title={progress.validationLossKey ?? undefined}>
        {figure(progress.validationLoss)}
      </td>
      <td className="numeric">{run.status === "running" ? figure(progress.stepsPerSecond) : "–"}</td>
      <td className="numeric">{progress.gpus === null ? "–" : `${progress.gpus} · ${share(progress.gpuUtilization)}`}</td>
      <td className="numeric">{money(progress.cost, progress.currency)}</td>
      <td title={formatDateTime(started, "browser")}>
        {describeAgo(started, now)}
        <span className="muted run-experiment">{describeDuration(run.endedAt === null ? Math.max(0, now - started) : run.durationSeconds * 1000)} long</span>
      </td>
    </tr>
  );
}

function NoRuns() {
  return (
    <Notice icon="training" title="Nothing was trained here yet">
      <p>An MLflow client reports here, and with it Hugging Face’s Trainer and Lightning, when it is told where:</p>
      <pre className="config">MLFLOW_TRACKING_URI={new URL(".", document.baseURI).href.replace(/\/$/, "")} python train.py</pre>
      <p>TensorBoard’s event files are followed where the configuration names their folders, and a script of your own needs two lines of Python: the documentation has them.</p>
    </Notice>
  );
}

function titled(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
