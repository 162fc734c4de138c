import type { Labels } from "../api/columns.ts";
import { formatDateTime, type Zone } from "../time/range.ts";

/** One line, set of bars or set of points. */
export interface ChartSeries {
  /** Stable while the series exists; hiding goes by it. */
  key: string;
  name: string;
  labels: Labels;
  color: string;
  dash: number[] | undefined;
  lineWidth: number;
  /** Opacity of the area beneath, 0 to 1. */
  fill: number;
  draw: "line" | "bars" | "points";
  shape: "linear" | "stepAfter" | "stepBefore" | "smooth";
  points: "isolated" | "always";
  /** Draw through gaps. */
  spanGaps: boolean;
  scale: "y" | "y2";
  /** As the query answered, NaN where there is nothing. */
  raw: Float64Array;
  /** As drawn: turned over, or laid on the series beneath. */
  shown: Float64Array;
  /** Index of the series whose line bounds the area from below, when it is not the axis. */
  fillTo: number | undefined;
  hidden: boolean;
  inLegend: boolean;
  inTooltip: boolean;
  format: (value: number) => string;
}

export interface ChartAxis {
  min: number | undefined;
  max: number | undefined;
  softMin: number | undefined;
  softMax: number | undefined;
  /** Zero belongs to the picture: areas and bars would lie without it. */
  fromZero: boolean;
  log: number | undefined;
  label: string;
  binary: boolean;
  /** Set where the axis tells durations. */
  secondsPerUnit: number | undefined;
  /** Both directions are amounts, as with received above and sent below the axis. */
  mirrored: boolean;
  format: (value: number) => string;
}

export interface ChartThreshold {
  value: number;
  /** Where the next one begins. */
  until: number | undefined;
  color: string;
}

/** Something that happened, drawn across the picture. Times are Unix milliseconds. */
export interface ChartMark {
  key: string;
  start: number;
  end: number;
  title: string;
  text: string;
  tags: readonly string[];
  color: string;
}

/** An axis from left to right that is not a time of day. */
export interface ChartPlaces {
  name: string;
  format: (at: number) => string;
}

export interface ChartModel {
  /** Unix seconds, ascending; with `x`, whatever that names. */
  times: Float64Array;
  x?: ChartPlaces | undefined;
  series: ChartSeries[];
  y: ChartAxis;
  y2: ChartAxis | undefined;
  thresholds: { line: boolean; area: boolean; steps: ChartThreshold[] };
}

/** Where the `index`-th place of a picture is, for people. */
export function placeText(model: ChartModel, index: number, zone: Zone): string {
  const at = model.times[index] ?? 0;
  return model.x ? `${model.x.name} ${model.x.format(at)}` : formatDateTime(at * 1000, zone);
}
