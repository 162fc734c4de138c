import { useMemo } from "react";
import { Link } from "wouter";
import { useComparison, type Comparison, type Run } from "../api/training.ts";
import { useTheme } from "../app/theme.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { seriesColor } from "../format/colors.ts";
import { CurveCard } from "../training/curve-card.tsx";
import { CurveControls, useCurveStyle } from "../training/curve-controls.tsx";
import { figure, nameOf } from "../training/figures.ts";
import { RunStatusBadge } from "../training/run-status.tsx";
import { SearchField } from "../widgets/filter-bar.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import "../styles/training.css";

const MOST_CURVES = 24;

/** Several runs beside one another: what differs, and what came of it. */
export default function CompareRunsPage() {
  useDocumentTitle("Compare runs");
  const { params, change } = useUrlState();
  const runs = useMemo(() => params.getAll("run"), [params]);
  const search = params.get("metric") ?? "";
  const style = useCurveStyle();
  // First without curves: which metrics there are is only known then.
  const overview = useComparison(runs, NO_METRICS, style.x);
  const found = useMemo(() => (overview.data?.metrics ?? []).map((one) => one.key).filter((key) => key.toLowerCase().includes(search.toLowerCase())), [overview.data, search]);
  const shown = useMemo(() => found.slice(0, MOST_CURVES), [found]);
  const curves = useComparison(shown.length > 0 ? runs : NO_METRICS, shown, style.x);
  if (runs.length === 0) {
    return (
      <Notice icon="training" title="No runs are chosen">
        <p>
          <Link href="/training" className="text-link">
            Choose some of all runs
          </Link>
        </p>
      </Notice>
    );
  }
  return (
    <>
      <div className="page-head">
        <h1>Compare runs</h1>
        <SearchField label="Find metrics" value={search} onChange={(value) => change({ metric: value })} />
        <Link href={`/training?${new URLSearchParams(runs.map((run) => ["run", run]))}`} className="button">
          Choose others
        </Link>
      </div>
      {overview.error ? <Failed error={overview.error} what="The runs" retry={() => void overview.refetch()} /> : null}
      {overview.data ? (
        <>
          <CurveControls style={style} />
          <RunKey runs={overview.data.runs} />
          <div className="curves">
            {shown.map((metric) => (
              <CurveCard key={metric} metric={metric} series={(curves.data?.series ?? []).filter((one) => one.metric === metric)} order={runs} style={style} />
            ))}
          </div>
          {found.length > shown.length ? (
            <p className="note">
              {shown.length} of {found.length} metrics are drawn: type to narrow down.
            </p>
          ) : null}
          <ComparisonTable data={overview.data} />
        </>
      ) : overview.error ? null : (
        <Loading what="the runs" />
      )}
    </>
  );
}

const NO_METRICS: readonly string[] = [];

/** Which colour is which run, once for all pictures. */
function RunKey({ runs }: { runs: readonly Run[] }) {
  const theme = useTheme();
  return (
    <ul className="legend legend-list run-key" aria-label="Runs">
      {runs.map((run, index) => (
        <li key={run.id}>
          <span className="swatch" style={{ background: seriesColor(index, theme) }} />
          <Link href={`/training/runs/${run.id}`} className="text-link">
            {nameOf(run)}
          </Link>
          <RunStatusBadge run={run} />
        </li>
      ))}
    </ul>
  );
}

function ComparisonTable({ data }: { data: Comparison }) {
  const rows = [
    ...data.params.map((one) => ({ key: `param ${one.key}`, kind: "Parameter", name: one.key, cells: one.values.map((value) => value ?? "–"), differs: one.differs && data.runs.length > 1 })),
    ...data.metrics.map((one) => ({ key: `metric ${one.key}`, kind: "Metric", name: one.key, cells: one.last.map((value) => figure(value)), differs: false })),
  ];
  return (
    <section className="card table-card" aria-label="Parameters and results">
      <h2>Parameters and results</h2>
      <div className="table-scroll" role="region" aria-label="Parameters and results" tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">Parameters and results of the runs; parameters that differ come first</caption>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Name</th>
              {data.runs.map((run) => (
                <th key={run.id} scope="col">
                  {nameOf(run)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.key} data-differs={row.differs ? "" : undefined}>
                <td className="muted">{row.differs ? `${row.kind}, differs` : row.kind}</td>
                <th scope="row" className="mono">
                  {row.name}
                </th>
                {row.cells.map((cell, index) => (
                  <td key={data.runs[index]?.id ?? index} className="mono">
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
