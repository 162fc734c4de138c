import { useMemo, useState } from "react";
import { useTheme } from "../app/theme.ts";
import { Chart } from "../chart/chart.tsx";
import { ChartDataTable } from "../chart/data-table.tsx";
import { ChartLegend } from "../chart/legend.tsx";
import { usePanelSurroundings } from "./context.ts";
import type { DrawnPanel } from "./panel.tsx";
import { buildTimeseries } from "./timeseries-model.ts";

interface LegendOptions {
  showLegend?: boolean;
  displayMode?: string;
  placement?: string;
  calcs?: string[];
}

const ROW_PX = 22;
/** Below this width a legend beside the chart leaves no room for the chart. */
const LEAST_FOR_RIGHT = 460;

export function TimeseriesPanel({ panel, title, planned, results, width, height, asTable }: DrawnPanel) {
  const theme = useTheme();
  const around = usePanelSurroundings();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const model = useMemo(
    () => buildTimeseries(panel, planned.map((query) => query.target), results, theme, hidden),
    [panel, planned, results, theme, hidden],
  );
  if (asTable) return <ChartDataTable model={model} zone={around.zone} label={title} />;

  const legend = (panel.options["legend"] ?? {}) as LegendOptions;
  const mode = legend.displayMode === "table" ? "table" : "list";
  const shown = legend.showLegend !== false && legend.displayMode !== "hidden" && model.series.length > 0 && height >= 110;
  const right = shown && legend.placement === "right" && width >= LEAST_FOR_RIGHT;
  const rows = mode === "table" ? model.series.length + 1 : Math.ceil((model.series.length * 130) / Math.max(130, width));
  const legendHeight = shown && !right ? Math.min(Math.round(height * 0.36), rows * ROW_PX + 4) : 0;
  const legendWidth = right ? Math.min(300, Math.round(width * 0.34)) : 0;
  const tooltip = (panel.options["tooltip"] as { mode?: string } | undefined)?.mode;

  return (
    <div className="timeseries" data-legend={right ? "right" : "bottom"}>
      <Chart
        model={model}
        range={around.range}
        zone={around.zone}
        label={`Chart: ${title}`}
        width={width - legendWidth}
        height={Math.max(40, height - legendHeight)}
        syncKey={around.syncKey}
        tooltip={tooltip === "none" ? "none" : tooltip === "single" ? "single" : "multi"}
        onZoom={around.zoom}
        marks={around.marks}
      />
      {shown ? (
        <div className="legend-holder" style={right ? { width: legendWidth, height } : { height: legendHeight }}>
          <ChartLegend model={model} mode={mode} calcs={legend.calcs ?? []} hidden={hidden} onHide={setHidden} label={title} />
        </div>
      ) : null}
    </div>
  );
}
