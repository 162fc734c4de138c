import uPlot from "uplot";
import type { Theme } from "../format/colors.ts";
import { withAlpha } from "../format/colors.ts";
import type { Zone } from "../time/range.ts";
import { drawMarks } from "./marks.ts";
import type { ChartAxis, ChartMark, ChartModel, ChartSeries } from "./model.ts";
import { axisRange } from "./range.ts";
import { BINARY_STEPS, durationSteps } from "./steps.ts";

const INK: Readonly<Record<Theme, { text: string; grid: string; axis: string }>> = {
  dark: { text: "#98a3b3", grid: "rgba(160,175,200,0.09)", axis: "rgba(160,175,200,0.22)" },
  light: { text: "#586474", grid: "rgba(40,60,90,0.09)", axis: "rgba(40,60,90,0.25)" },
};

const FONT = '11px "Inter Variable", system-ui, sans-serif';

export interface ChartSurroundings {
  width: number;
  height: number;
  theme: Theme;
  zone: Zone;
  syncKey: string | undefined;
  /** Unix seconds. */
  xRange: () => [number, number];
  model: () => ChartModel;
  marks: () => readonly ChartMark[];
}

/** What uPlot must know to draw a model. Data follow separately, so that a refresh does not build all this anew. */
export function chartOptions(model: ChartModel, around: ChartSurroundings): uPlot.Options {
  const ink = INK[around.theme];
  const compact = around.width < 320;
  return {
    width: around.width,
    height: around.height,
    padding: [8, model.y2 ? 0 : 10, 0, 0],
    legend: { show: false },
    focus: { alpha: 0.35 },
    ...(around.zone === "utc" ? { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC") } : {}),
    cursor: {
      y: false,
      points: { size: 6, width: 1.5 },
      drag: { x: true, y: false, setScale: false, dist: 4 },
      ...(around.syncKey ? { sync: { key: around.syncKey, scales: ["x", null], setSeries: false } } : {}),
    },
    scales: {
      x: { time: !model.x, range: () => around.xRange() },
      y: scaleOf(model.y, () => around.model().y),
      ...(model.y2 ? { y2: scaleOf(model.y2, () => around.model().y2 ?? model.y) } : {}),
    },
    axes: [
      {
        stroke: ink.text,
        font: FONT,
        size: 26,
        gap: 4,
        space: 72,
        grid: { stroke: ink.grid, width: 1 },
        ticks: { stroke: ink.axis, width: 1, size: 4 },
        border: { show: true, stroke: ink.axis, width: 1 },
        values: (plot, splits, _axis, _space, step) =>
          (model.x ? splits.map(model.x.format) : timeLabels(splits, step, around.zone)).map((text, index) => (isCut(plot, splits[index]) ? "" : text)),
      },
      axisOf("y", model.y, ink, around.height, compact),
      ...(model.y2 ? [{ ...axisOf("y2", model.y2, ink, around.height, compact), side: 1, grid: { show: false } }] : []),
    ],
    series: [{}, ...model.series.map((series) => seriesOf(series))],
    bands: model.series.flatMap((series, index): uPlot.Band[] =>
      series.fillTo === undefined ? [] : [{ series: [index + 1, series.fillTo + 1], fill: withAlpha(series.color, series.fill) }],
    ),
    hooks: {
      drawClear: [(plot) => drawThresholdAreas(plot, around.model())],
      draw: [(plot) => drawThresholdLines(plot, around.model()), (plot) => drawMarks(plot, around.marks(), around.theme)],
    },
  };
}

/** The columns uPlot draws: gaps are null to it. */
export function chartData(model: ChartModel): uPlot.AlignedData {
  return [model.times, ...model.series.map((series) => Array.from(series.shown, (value) => (Number.isFinite(value) ? value : null)))] as uPlot.AlignedData;
}

/** Changes when a chart must be built anew, and not only fed. */
export function chartShape(model: ChartModel): string {
  const series = model.series.map((one) =>
    [one.key, one.name, one.color, one.dash, one.lineWidth, one.fill, one.draw, one.shape, one.points, one.spanGaps, one.scale, one.fillTo, one.hidden].join("~"),
  );
  return [series.join("|"), model.x?.name, model.y.log, model.y.binary, model.y.label, model.y2 ? "two" : "one"].join("||");
}

function scaleOf(axis: ChartAxis, latest: () => ChartAxis): uPlot.Scale {
  return {
    ...(axis.log ? { distr: 3, log: axis.log === 2 ? 2 : 10 } : {}),
    range: (_plot, min, max) => axisRange(latest(), min, max),
  };
}

function axisOf(scale: string, axis: ChartAxis, ink: { text: string; grid: string }, height: number, compact: boolean): uPlot.Axis {
  return {
    scale,
    stroke: ink.text,
    font: FONT,
    gap: 6,
    space: height < 140 ? 26 : 34,
    size: (plot, values) => axisWidth(plot, values, compact ? 36 : 42),
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
    values: (_plot, splits) => splits.map((split) => axis.format(axis.mirrored ? Math.abs(split) : split)),
    ...(axis.binary ? { incrs: BINARY_STEPS } : axis.secondsPerUnit ? { incrs: durationSteps(axis.secondsPerUnit) } : {}),
    ...(axis.label ? { label: axis.label, labelSize: 18, labelFont: FONT } : {}),
  };
}

/** Whether a label in the middle beneath this place would not fit before the right edge. */
function isCut(plot: uPlot, at: number | undefined): boolean {
  return at !== undefined && plot.bbox.width / window.devicePixelRatio - plot.valToPos(at, "x") < 9;
}

function axisWidth(plot: uPlot, values: string[] | null, least: number): number {
  const longest = (values ?? []).reduce((widest, text) => (text.length > widest.length ? text : widest), "");
  if (longest === "") return least;
  plot.ctx.font = FONT;
  return Math.max(least, Math.ceil(plot.ctx.measureText(longest).width) + 14);
}

const SECOND = 1;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;

/** Hours and minutes; seconds only when the ticks need them, the day where it begins. */
function timeLabels(splits: number[], step: number, zone: Zone): string[] {
  const two = (value: number) => String(value).padStart(2, "0");
  return splits.map((split) => {
    const date = zone === "utc" ? uPlot.tzDate(new Date(split * 1000), "Etc/UTC") : new Date(split * 1000);
    const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    if (step >= DAY) return day;
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
    if (step < MINUTE) return `${clock}:${two(date.getSeconds())}`;
    return clock === "00:00" ? day : clock;
  });
}

function seriesOf(series: ChartSeries): uPlot.Series {
  const { linear, stepped, spline, bars, points } = uPlot.paths;
  const shape = {
    linear: linear?.(),
    smooth: spline?.(),
    stepAfter: stepped?.({ align: 1 }),
    stepBefore: stepped?.({ align: -1 }),
  }[series.shape];
  const area = series.fillTo === undefined && series.fill > 0 && series.draw !== "points";
  return {
    label: series.name,
    scale: series.scale,
    show: !series.hidden,
    stroke: series.color,
    width: series.draw === "points" ? 0 : series.lineWidth,
    spanGaps: series.spanGaps,
    paths: series.draw === "bars" ? bars?.({ size: [0.85, 40] }) : series.draw === "points" ? points?.() : shape,
    ...(series.dash ? { dash: series.dash } : {}),
    ...(area ? { fill: withAlpha(series.color, series.fill) } : {}),
    points:
      series.draw === "bars"
        ? { show: false }
        : series.points === "always" || series.draw === "points"
          ? { show: true, size: 4, fill: series.color }
          : { show: true, size: 4, fill: series.color, filter: isolatedPoints },
  };
}

/** A sample without neighbours has no line to be seen by. */
function isolatedPoints(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const found: number[] = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

function drawThresholdAreas(plot: uPlot, { thresholds, y }: ChartModel) {
  if (!thresholds.area) return;
  const { left, top, width, height } = plot.bbox;
  const bottomValue = plot.scales["y"]?.min ?? y.min ?? 0;
  const topValue = plot.scales["y"]?.max ?? y.max ?? 1;
  plot.ctx.save();
  for (const step of thresholds.steps) {
    const from = plot.valToPos(Math.max(step.value, bottomValue), "y", true);
    const to = plot.valToPos(Math.min(step.until ?? topValue, topValue), "y", true);
    const upper = Math.max(top, Math.min(from, to));
    const lower = Math.min(top + height, Math.max(from, to));
    if (lower <= upper) continue;
    plot.ctx.fillStyle = withAlpha(step.color, 0.09);
    plot.ctx.fillRect(left, upper, width, lower - upper);
  }
  plot.ctx.restore();
}

function drawThresholdLines(plot: uPlot, { thresholds }: ChartModel) {
  if (!thresholds.line) return;
  const { left, top, width, height } = plot.bbox;
  plot.ctx.save();
  plot.ctx.lineWidth = window.devicePixelRatio;
  plot.ctx.setLineDash([6 * window.devicePixelRatio, 4 * window.devicePixelRatio]);
  for (const step of thresholds.steps) {
    const at = plot.valToPos(step.value, "y", true);
    if (at < top || at > top + height) continue;
    plot.ctx.strokeStyle = step.color;
    plot.ctx.beginPath();
    plot.ctx.moveTo(left, at);
    plot.ctx.lineTo(left + width, at);
    plot.ctx.stroke();
  }
  plot.ctx.restore();
}
