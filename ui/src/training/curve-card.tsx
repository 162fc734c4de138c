import { useMemo, useState } from "react";
import type { RunSeries } from "../api/training.ts";
import { useTheme } from "../app/theme.ts";
import { Chart } from "../chart/chart.tsx";
import { ChartDataTable } from "../chart/data-table.tsx";
import { useSize } from "../widgets/measure.ts";
import { curvesOf, extentOf, type CurveStyle } from "./curves.ts";

const HEIGHT = 200;

interface CurveCardProps {
  metric: string;
  series: readonly RunSeries[];
  /** The runs of the page: their places give the colours. */
  order: readonly string[];
  style: CurveStyle;
}

/** One metric of one run or several, as a picture or as numbers. */
export function CurveCard({ metric, series, order, style }: CurveCardProps) {
  const theme = useTheme();
  const [ref, size] = useSize<HTMLDivElement>();
  const [asTable, setAsTable] = useState(false);
  const model = useMemo(() => curvesOf(series, order, style, theme), [series, order, style, theme]);
  const thinned = series.find((one) => one.decimated);
  return (
    <section className="card curve" aria-label={`Curve of ${metric}`}>
      <div className="card-head">
        <h3 className="curve-name">{metric}</h3>
        {thinned ? (
          <span className="muted curve-thinned" title="The smallest and the largest of each stretch are among them.">
            {thinned.values.length} of {thinned.total.toLocaleString("en")} points
          </span>
        ) : null}
        <button type="button" className="link-button" onClick={() => setAsTable(!asTable)}>
          {asTable ? "Chart" : "Table"}
          <span className="visually-hidden"> of {metric}</span>
        </button>
      </div>
      <div ref={ref} style={{ minHeight: HEIGHT }}>
        {!size ? null : asTable ? (
          <ChartDataTable model={model} zone="browser" label={metric} />
        ) : (
          <Chart model={model} range={extentOf(model)} zone="browser" label={`Chart: ${metric}`} width={size.width} height={HEIGHT} syncKey={`training ${style.x}`} />
        )}
      </div>
    </section>
  );
}
