import { useMemo, useState } from "react";
import type { InstantResult, QueryResult } from "../api/columns.ts";
import { useTheme } from "../app/theme.ts";
import { Chart } from "../chart/chart.tsx";
import { ChartDataTable } from "../chart/data-table.tsx";
import { ChartLegend } from "../chart/legend.tsx";
import type { Target } from "../dashboard/model.ts";
import { exactNumber } from "../format/number.ts";
import { buildTimeseries } from "../panels/timeseries-model.ts";
import type { TimeState } from "../time/clock.ts";
import { formatDateTime } from "../time/range.ts";
import { useSize } from "../widgets/measure.ts";

const CHART_HEIGHT = 380;

interface GraphProps {
  exprs: readonly string[];
  results: readonly QueryResult[];
  time: TimeState;
  stacked: boolean;
}

export function ExploreGraph({ exprs, results, time, stacked }: GraphProps) {
  const theme = useTheme();
  const [ref, size] = useSize<HTMLDivElement>();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [asTable, setAsTable] = useState(false);
  const model = useMemo(() => {
    const targets = exprs.map(
      (expr, index): Target => ({ refId: String.fromCharCode(65 + index), expr, legendFormat: "", instant: false, format: "time_series", interval: "", hide: false }),
    );
    const custom = { fillOpacity: stacked ? 40 : 0, stacking: { mode: stacked ? "normal" : "none" } };
    return buildTimeseries({ defaults: { unit: "explore", custom }, overrides: [] }, targets, results, theme, hidden);
  }, [exprs, results, theme, hidden, stacked]);
  return (
    <div className="explore-graph">
      <div ref={ref} className="explore-chart">
        {size && !asTable ? (
          <Chart
            model={model}
            range={time.resolved}
            zone={time.zone}
            label="Chart of the queries"
            width={size.width}
            height={CHART_HEIGHT}
            onZoom={({ start, end }) => time.setRange({ from: String(start), to: String(end) })}
          />
        ) : null}
        {asTable ? <ChartDataTable model={model} zone={time.zone} label="Values of the queries" /> : null}
      </div>
      <div className="explore-legend">
        <ChartLegend model={model} mode="table" calcs={["lastNotNull", "min", "mean", "max"]} hidden={hidden} onHide={setHidden} label="Series" />
      </div>
      <button type="button" className="link-button" onClick={() => setAsTable(!asTable)}>
        {asTable ? "Show the chart" : "Show the chart's data as a table"}
      </button>
    </div>
  );
}

const MOST_ROWS = 500;

export function ExploreTable({ exprs, results, time }: { exprs: readonly string[]; results: readonly QueryResult[]; time: TimeState }) {
  return (
    <>
      {results.map((result, index) =>
        result.kind === "instant" ? (
          <InstantTable key={`${exprs[index]}`} expr={exprs[index] ?? ""} result={result} titled={results.length > 1} zone={time.zone} />
        ) : null,
      )}
    </>
  );
}

function InstantTable({ expr, result, titled, zone }: { expr: string; result: InstantResult; titled: boolean; zone: TimeState["zone"] }) {
  const names = [...new Set(result.series.flatMap((one) => Object.keys(one.labels)))].sort((a, b) =>
    a === "__name__" ? -1 : b === "__name__" ? 1 : a.localeCompare(b),
  );
  return (
    <section className="card table-card">
      {titled ? <h2 className="mono">{expr}</h2> : null}
      <div className="table-scroll" role="region" aria-label={`Values of ${expr}`} tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">
            {expr} at {formatDateTime(result.time, zone)}
          </caption>
          <thead>
            <tr>
              {names.map((name) => (
                <th key={name} scope="col">
                  {name === "__name__" ? "Metric" : name}
                </th>
              ))}
              <th scope="col" className="numeric">
                Value
              </th>
            </tr>
          </thead>
          <tbody>
            {result.series.slice(0, MOST_ROWS).map((one, row) => (
              <tr key={row}>
                {names.map((name) => (
                  <td key={name} className="mono">
                    {one.labels[name] ?? ""}
                  </td>
                ))}
                <td className="numeric mono">{exactNumber(one.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="note">
        {result.totalSeries > result.series.length ? `Showing ${result.series.length} of ${result.totalSeries} series` : `${result.series.length} series`} at{" "}
        {formatDateTime(result.time, zone)}
      </p>
    </section>
  );
}
