import { useMemo, useState } from "react";
import { Link } from "wouter";
import { useExpressions, useScrapeInterval } from "../api/hooks.ts";
import { useTheme } from "../app/theme.ts";
import { Chart } from "../chart/chart.tsx";
import { ChartDataTable } from "../chart/data-table.tsx";
import { ChartLegend } from "../chart/legend.tsx";
import type { ChartMark } from "../chart/model.ts";
import type { Target } from "../dashboard/model.ts";
import { exploreAddress } from "../explore/address.ts";
import { PanelEmpty, PanelError, PanelLoading } from "../panels/states.tsx";
import { buildTimeseries } from "../panels/timeseries-model.ts";
import type { ResolvedRange } from "../time/range.ts";
import { alignRange, chooseStep } from "../time/step.ts";
import { useSize } from "../widgets/measure.ts";
import type { Cause } from "./cause.ts";

const HEIGHT = 220;

interface CauseChartProps {
  name: string;
  cause: Cause;
  range: ResolvedRange;
  marks: readonly ChartMark[];
}

/** What the rule looked at, before, during and after, with the line it was compared with. */
export function CauseChart({ name, cause, range, marks }: CauseChartProps) {
  const theme = useTheme();
  const [ref, size] = useSize<HTMLDivElement>();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [asTable, setAsTable] = useState(false);
  const scrapeInterval = useScrapeInterval();
  const width = size?.width ?? 0;
  const specs = useMemo(() => {
    if (width === 0 || scrapeInterval === undefined) return [];
    const step = chooseStep(range, width, Math.min(5_000, scrapeInterval));
    return [{ expr: cause.expr, ...alignRange(range, step), step, instant: false }];
  }, [cause, range, width, scrapeInterval]);
  const answer = useExpressions(specs, { enabled: specs.length > 0, scope: `cause/${cause.expr}` });
  const model = useMemo(() => {
    const target: Target = { refId: "A", expr: cause.expr, legendFormat: "", instant: false, format: "time_series", interval: "", hide: false };
    const line =
      cause.threshold === undefined
        ? {}
        : { thresholds: { mode: "absolute" as const, steps: [{ value: null, color: "green" }, { value: cause.threshold, color: "red" }] }, custom: { thresholdsStyle: { mode: "line" }, fillOpacity: 0 } };
    return buildTimeseries({ defaults: { unit: "explore", ...line }, overrides: [] }, [target], answer.data ?? [], theme, hidden);
  }, [cause, answer.data, theme, hidden]);
  const [result] = answer.data ?? [];
  return (
    <section className="card cause" aria-label={`Graph of ${name}`}>
      <div className="card-head">
        <h2>{name}</h2>
        <Link href={exploreAddress([cause.expr], { from: String(Math.round(range.start)), to: String(Math.round(range.end)) })} className="mono expr-link">
          {cause.expr}
        </Link>
      </div>
      <div ref={ref} className="cause-chart" style={{ minHeight: HEIGHT }}>
        {result?.kind === "failed" ? (
          <PanelError error={result.error} expr={cause.expr} />
        ) : answer.error && !answer.data ? (
          <PanelError error={answer.error} expr={undefined} />
        ) : !result || !size ? (
          <PanelLoading title={name} />
        ) : result.series.length === 0 ? (
          <PanelEmpty title="No data" exprs={[]} reason="There are no samples of it in this time." />
        ) : asTable ? (
          <ChartDataTable model={model} zone="browser" label={name} />
        ) : (
          <Chart model={model} range={range} zone="browser" label={`Chart: ${name}`} width={size.width} height={HEIGHT} marks={marks} />
        )}
      </div>
      {result && result.kind !== "failed" && result.series.length > 0 ? (
        <>
          <div className="cause-legend">
            <ChartLegend model={model} mode="list" calcs={[]} hidden={hidden} onHide={setHidden} label={`Series of ${name}`} />
          </div>
          <button type="button" className="link-button" onClick={() => setAsTable(!asTable)}>
            {asTable ? "Show the chart" : "Show the chart's data as a table"}
          </button>
        </>
      ) : null}
    </section>
  );
}
