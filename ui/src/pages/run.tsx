import { useMemo } from "react";
import { Link } from "wouter";
import { useComparison, useMarkEnded, useRun, type RunDetail } from "../api/training.ts";
import { ApiError, messageOf } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeAgo, describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { CurveCard } from "../training/curve-card.tsx";
import { CurveControls, useCurveStyle } from "../training/curve-controls.tsx";
import { figure, money, nameOf, share } from "../training/figures.ts";
import { RunProgressBar } from "../training/progress.tsx";
import { RunStatusBadge } from "../training/run-status.tsx";
import { Fact, Facts } from "../widgets/facts.tsx";
import { SearchField } from "../widgets/filter-bar.tsx";
import { Badge, Failed, Loading, Notice } from "../widgets/states.tsx";
import "../styles/training.css";

/** So many pictures at once; the rest is found by typing. */
const MOST_CURVES = 24;

/** One training run: how far it is, how it does, what it was started with. */
export default function RunPage({ id }: { id: string }) {
  const run = useRun(id);
  useDocumentTitle(run.data ? nameOf(run.data) : "Run");
  if (run.data) return <RunView run={run.data} />;
  if (run.error instanceof ApiError && run.error.status === 404) {
    return (
      <Notice icon="training" title="There is no such run">
        <p>
          <Link href="/training" className="text-link">
            All runs
          </Link>
        </p>
      </Notice>
    );
  }
  if (run.error) return <Failed error={run.error} what="The run" retry={() => void run.refetch()} />;
  return <Loading what="the run" />;
}

function RunView({ run }: { run: RunDetail }) {
  const now = useSecond();
  const started = Date.parse(run.startedAt);
  const { progress } = run;
  return (
    <>
      <div className="page-head">
        <div className="page-title">
          <h1>{nameOf(run)}</h1>
        </div>
        <Link href="/training" className="button">
          All runs
        </Link>
      </div>
      <div className="incident-line incident-summary">
        <RunStatusBadge run={run} />
        {run.deleted ? <Badge tone="warn">deleted</Badge> : null}
        <span title={formatDateTime(started, "browser")}>
          {run.endedAt === null ? `for ${describeDuration(Math.max(0, now - started))}` : `${describeDuration(run.durationSeconds * 1000)}, ended ${describeAgo(Date.parse(run.endedAt), now)}`}
        </span>
        <span className="muted">
          <Link href={`/training?experiment=${encodeURIComponent(run.experiment.id)}`} className="text-link">
            {run.experiment.name}
          </Link>{" "}
          {[run.user ? `by ${run.user}` : "", run.host ? `on ${run.host}` : "", run.source ?? "", `told by ${run.reporter}`].filter(Boolean).join(" · ")}
        </span>
      </div>
      <section className="card run-state" aria-label="Progress">
        <RunProgressBar run={run} />
        <dl className="facts">
          {progress.epoch === null ? null : (
            <Fact name="Epoch">
              {figure(progress.epoch)}
              {progress.totalEpochs === null ? "" : ` of ${figure(progress.totalEpochs)}`}
            </Fact>
          )}
          <Fact name="Loss">
            {figure(progress.loss)} {progress.lossKey ? <span className="muted">{progress.lossKey}</span> : null}
          </Fact>
          <Fact name="Validation loss">
            {figure(progress.validationLoss)} {progress.validationLossKey ? <span className="muted">{progress.validationLossKey}</span> : null}
          </Fact>
          <Fact name="Steps a second">{figure(progress.stepsPerSecond)}</Fact>
          <Fact name="GPUs">{progress.gpus === null ? "not known" : `${progress.gpus}, ${share(progress.gpuUtilization)} in use`}</Fact>
          <Fact name="Cost">{progress.cost === null ? "no price is configured" : `${money(progress.cost, progress.currency)}, ${money(progress.costPerStep, progress.currency)} a step`}</Fact>
        </dl>
        {run.status === "running" ? <MarkEnded run={run} now={now} /> : null}
      </section>
      <Curves run={run} />
      <div className="run-facts">
        <section className="card" aria-label="Parameters">
          <h2>Parameters</h2>
          <Facts entries={Object.entries(run.params)} mono />
        </section>
        <section className="card" aria-label="Tags">
          <h2>Tags</h2>
          <Facts entries={Object.entries(run.tags)} mono />
        </section>
        {run.inputs.length > 0 ? (
          <section className="card" aria-label="Data">
            <h2>Data</h2>
            <Facts entries={run.inputs.map((input) => [`${input.name}${input.context ? ` (${input.context})` : ""}`, input.digest] as const)} mono />
          </section>
        ) : null}
      </div>
    </>
  );
}

function MarkEnded({ run, now }: { run: RunDetail; now: number }) {
  const end = useMarkEnded(run.id);
  return (
    <p className="run-end">
      <span className="muted">{run.updatedAt === null ? "Nothing was measured yet." : `Last measured ${describeAgo(Date.parse(run.updatedAt), now)}.`}</span>{" "}
      <button type="button" className="button" disabled={end.isPending} onClick={() => end.mutate()}>
        Mark as ended
      </button>
      {end.error ? (
        <span className="field-problem" role="alert">
          {messageOf(end.error)}
        </span>
      ) : null}
    </p>
  );
}

function Curves({ run }: { run: RunDetail }) {
  const { params, change } = useUrlState();
  const style = useCurveStyle();
  const search = params.get("metric") ?? "";
  const found = useMemo(() => Object.keys(run.metrics).filter((key) => key.toLowerCase().includes(search.toLowerCase())), [run.metrics, search]);
  const shown = useMemo(() => found.slice(0, MOST_CURVES), [found]);
  const order = useMemo(() => [run.id], [run.id]);
  const curves = useComparison(order, shown, style.x);
  const broken = Object.entries(run.metrics).filter(([, metric]) => metric.hasNaN);
  if (Object.keys(run.metrics).length === 0) {
    return (
      <Notice icon="training" title="Nothing was measured yet">
        <p>The curves appear with the first metric that the run logs.</p>
      </Notice>
    );
  }
  return (
    <section aria-label="Curves">
      <div className="page-head">
        <h2>Curves</h2>
        <SearchField label="Find metrics" value={search} onChange={(value) => change({ metric: value })} />
      </div>
      <CurveControls style={style} />
      {broken.length > 0 ? (
        <p className="note" role="status">
          Not a number at some steps: {broken.map(([key]) => key).join(", ")}.
        </p>
      ) : null}
      {curves.error ? <Failed error={curves.error} what="The curves" retry={() => void curves.refetch()} /> : null}
      {curves.data ? (
        <div className="curves">
          {shown.map((metric) => (
            <CurveCard key={metric} metric={metric} series={curves.data.series.filter((one) => one.metric === metric)} order={order} style={style} />
          ))}
        </div>
      ) : curves.error ? null : (
        <Loading what="curves" />
      )}
      {found.length > shown.length ? (
        <p className="note">
          {shown.length} of {found.length} metrics are drawn: type to narrow down.
        </p>
      ) : null}
    </section>
  );
}
