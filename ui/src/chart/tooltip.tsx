import type { RefObject } from "react";
import type uPlot from "uplot";
import type { Zone } from "../time/range.ts";
import { useTheme } from "../app/theme.ts";
import { resolveColor } from "../format/colors.ts";
import { placeText, type ChartMark, type ChartModel, type ChartSeries } from "./model.ts";

const MOST_ROWS = 14;
const TOOLTIP_WIDTH = 260;

interface TooltipProps {
  model: ChartModel;
  index: number;
  left: number;
  top: number;
  plot: RefObject<uPlot | null>;
  width: number;
  zone: Zone;
  /** Only the series nearest to the pointer. */
  only: boolean;
  marks: readonly ChartMark[];
}

const MOST_MARKS = 4;

/** The values at the cursor, largest first, the nearest line marked. */
export function ChartTooltip({ model, index, left, top, plot, width, zone, only, marks }: TooltipProps) {
  const theme = useTheme();
  const at = model.times[index];
  const present = model.series.filter((series) => !series.hidden && series.inTooltip && !Number.isNaN(series.raw[index] ?? Number.NaN));
  if (at === undefined || (present.length === 0 && marks.length === 0)) return null;
  const nearest = nearestSeries(present, index, top, plot.current);
  const sorted = present.toSorted((a, b) => (b.raw[index] ?? 0) - (a.raw[index] ?? 0));
  const rows = only ? sorted.filter((series) => series === nearest) : sorted.slice(0, MOST_ROWS);
  const hidden = only ? 0 : sorted.length - rows.length;
  const offset = plot.current ? plot.current.over.offsetLeft : 0;
  const room = Math.min(TOOLTIP_WIDTH, width - 16);
  const x = left + offset;
  const toLeft = x + room + 20 > width;
  return (
    <div className="chart-tooltip" aria-hidden="true" style={{ left: toLeft ? Math.max(0, x - room - 12) : x + 14, top: 4, maxWidth: room }}>
      <div className="chart-tooltip-time">{placeText(model, index, zone)}</div>
      {rows.map((series) => (
        <div key={series.key} className="chart-tooltip-row" data-nearest={series === nearest && present.length > 1 ? "" : undefined}>
          <span className="swatch" style={{ background: series.color }} />
          <span className="chart-tooltip-name">{series.name}</span>
          <span className="chart-tooltip-value">{series.format(series.raw[index] ?? Number.NaN)}</span>
        </div>
      ))}
      {hidden > 0 ? <div className="chart-tooltip-more">and {hidden} more</div> : null}
      {marks.slice(0, MOST_MARKS).map((mark) => (
        <div key={mark.key} className="chart-tooltip-mark" style={{ borderColor: resolveColor(mark.color, theme) }}>
          <strong>{mark.title}</strong>
          <span>{mark.text}</span>
          {mark.tags.length > 0 ? <span className="chart-tooltip-more">{mark.tags.join(", ")}</span> : null}
        </div>
      ))}
      {marks.length > MOST_MARKS ? <div className="chart-tooltip-more">and {marks.length - MOST_MARKS} more marks</div> : null}
    </div>
  );
}

function nearestSeries(series: ChartSeries[], index: number, top: number, plot: uPlot | null): ChartSeries | undefined {
  let nearest: ChartSeries | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (const one of series) {
    const value = one.shown[index];
    if (!plot || value === undefined || Number.isNaN(value)) continue;
    const away = Math.abs(plot.valToPos(value, one.scale) - top);
    if (away < distance) {
      distance = away;
      nearest = one;
    }
  }
  return nearest;
}
