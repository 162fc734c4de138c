import { numberOf, type RunAxis, type RunSeries } from "../api/training.ts";
import type { ChartModel, ChartSeries } from "../chart/model.ts";
import { seriesColor, seriesDash, type Theme } from "../format/colors.ts";
import { formatNumber } from "../format/number.ts";
import { describeDuration } from "../time/duration.ts";

/** How curves are drawn, whichever they are. */
export interface CurveStyle {
  x: RunAxis;
  /** 0 draws what was measured; towards 1 the past counts ever more. */
  smoothing: number;
  log: boolean;
}

/** Smooths as TensorBoard does: an exponential mean that does not lean towards zero at its beginning. */
export function smooth(values: Float64Array, weight: number): Float64Array {
  if (weight <= 0) return values;
  let mean = 0;
  let count = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    mean = mean * weight + (1 - weight) * value;
    count += 1;
    return mean / (1 - weight ** count);
  });
}

/** The curves of one metric over one axis; runs keep the colours of their places in `order`. */
export function curvesOf(series: readonly RunSeries[], order: readonly string[], style: CurveStyle, theme: Theme, hidden: ReadonlySet<string> = new Set()): ChartModel {
  // Several values at one place of the axis, such as a step that was logged twice: the last one counts.
  const places = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const at = new Map(places.map((place, index) => [place, index]));
  const lines = series.map((one): ChartSeries => {
    const raw = new Float64Array(places.length).fill(Number.NaN);
    one.x.forEach((place, index) => {
      raw[at.get(place) ?? 0] = numberOf(one.values[index] ?? null);
    });
    const color = Math.max(0, order.indexOf(one.runId));
    return {
      key: `${one.runId} ${one.metric}`,
      name: one.runName,
      labels: {},
      color: seriesColor(color, theme),
      dash: seriesDash(color),
      lineWidth: 1.5,
      fill: 0,
      draw: "line",
      shape: "linear",
      points: "isolated",
      // Runs that log at different steps each have gaps where the others have points.
      spanGaps: true,
      scale: "y",
      raw,
      shown: smooth(raw, style.smoothing),
      fillTo: undefined,
      hidden: hidden.has(one.runId),
      inLegend: true,
      inTooltip: true,
      format: (value) => formatNumber(value),
    };
  });
  return {
    times: Float64Array.from(places),
    x: style.x === "time" ? undefined : { name: style.x === "step" ? "Step" : "Since its start", format: style.x === "step" ? stepText : sinceText },
    series: lines,
    y: { min: undefined, max: undefined, softMin: undefined, softMax: undefined, fromZero: false, log: style.log ? 10 : undefined, label: "", binary: false, secondsPerUnit: undefined, mirrored: false, format: (value) => formatNumber(value) },
    y2: undefined,
    thresholds: { line: false, area: false, steps: [] },
  };
}

/** From where to where the axis goes, in thousandths of its unit, as charts over time have it. */
export function extentOf(model: ChartModel): { start: number; end: number } {
  const first = model.times[0] ?? 0;
  const last = model.times.at(-1) ?? first;
  return last > first ? { start: first * 1000, end: last * 1000 } : { start: (first - 1) * 1000, end: (first + 1) * 1000 };
}

function stepText(step: number): string {
  return Number.isInteger(step) ? step.toLocaleString("en") : "";
}

function sinceText(seconds: number): string {
  return seconds === 0 ? "0" : describeDuration(seconds * 1000);
}
