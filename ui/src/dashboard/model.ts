import type { Mapping } from "../format/mappings.ts";
import type { AnnotationSpec } from "./annotations.ts";
import type { VariableValues } from "./interpolate.ts";
import type { Thresholds } from "../format/thresholds.ts";
import type { LinkSpec } from "./links.ts";

/** Where a panel stands: Grafana's grid of 24 columns, rows of 30 px with 8 px between them. */
export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  instant: boolean;
  format: "time_series" | "table" | "heatmap";
  /** Least step, as the author wrote it; may hold variables. */
  interval: string;
  hide: boolean;
}

export interface FieldDefaults {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  displayName?: string;
  description?: string;
  mappings?: Mapping[];
  thresholds?: Thresholds;
  color?: { mode?: string; fixedColor?: string };
  custom?: CustomField;
  /** Data links as the author wrote them; `links.ts` reads them. */
  links?: unknown;
}

export interface CustomField {
  drawStyle?: string;
  lineInterpolation?: string;
  lineWidth?: number;
  lineStyle?: { fill?: string; dash?: number[] };
  fillOpacity?: number;
  gradientMode?: string;
  showPoints?: string;
  pointSize?: number;
  spanNulls?: boolean | number;
  stacking?: { mode?: string; group?: string };
  transform?: string;
  axisPlacement?: string;
  axisLabel?: string;
  axisSoftMin?: number;
  axisSoftMax?: number;
  scaleDistribution?: { type?: string; log?: number };
  thresholdsStyle?: { mode?: string };
  hideFrom?: { viz?: boolean; legend?: boolean; tooltip?: boolean };
  fillBelowTo?: string;
  align?: string;
  cellOptions?: { type?: string; mode?: string };
  width?: number;
  hidden?: boolean;
}

export interface Override {
  matcher: { id: string; options: unknown };
  properties: { id: string; value: unknown }[];
}

export interface Transformation {
  id: string;
  options: Record<string, unknown>;
  disabled: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: GridPos;
  targets: Target[];
  defaults: FieldDefaults;
  overrides: Override[];
  options: Record<string, unknown>;
  transformations: Transformation[];
  interval: string;
  maxDataPoints: number | undefined;
  /** The type of data source the panel names, when it is not a metric source. */
  foreignSource: string | undefined;
  /** The variable for each of whose values the panel is drawn. */
  repeat: string | undefined;
  repeatDirection: "h" | "v";
  maxPerRow: number;
  links: LinkSpec[];
  /** What variables mean in this copy alone. */
  scope?: VariableValues;
}

/** A row of the page: its panels, or all panels before the first row when it has no title. */
export interface Section {
  id: number;
  title: string | undefined;
  collapsed: boolean;
  repeat: string | undefined;
  panels: Panel[];
  /** What variables mean in this copy alone. */
  scope?: VariableValues;
}

export interface Variable {
  name: string;
  label: string;
  type: string;
  hide: number;
  query: string;
  regex: string;
  multi: boolean;
  includeAll: boolean;
  allValue: string | undefined;
  sort: number;
  current: string[];
  options: string[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  time: { from: string; to: string };
  refresh: string;
  timezone: string;
  sharedCrosshair: boolean;
  variables: Variable[];
  links: LinkSpec[];
  annotations: AnnotationSpec[];
  sections: Section[];
}
