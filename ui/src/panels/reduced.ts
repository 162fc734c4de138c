import type { Labels, QueryResult } from "../api/columns.ts";
import { styleOf, type FieldStyle } from "../dashboard/fields.ts";
import type { Panel } from "../dashboard/model.ts";
import { legendName } from "../dashboard/names.ts";
import type { PlannedQuery } from "../dashboard/plan.ts";
import { reduceValues } from "../dashboard/reduce.ts";
import { resolveColor, seriesColor, type Theme } from "../format/colors.ts";
import { mapValue } from "../format/mappings.ts";
import { stepAt } from "../format/thresholds.ts";
import { formatUnit } from "../format/units.ts";

/** One number of a stat or gauge panel, ready to be shown. */
export interface ReducedValue {
  key: string;
  name: string;
  labels: Labels;
  value: number;
  /** The value as text, its unit apart so that it can be smaller. */
  text: string;
  suffix: string;
  color: string;
  style: FieldStyle;
  /** The series behind the number, for a sparkline. */
  history: Float64Array | undefined;
}

/** Reduces every series to the number the panel asks for. */
export function reducedValues(panel: Panel, planned: readonly PlannedQuery[], results: readonly QueryResult[], theme: Theme): ReducedValue[] {
  const calc = calcOf(panel);
  const values: ReducedValue[] = [];
  results.forEach((result, index) => {
    const target = planned[index]?.target;
    if (result.kind === "failed" || !target) return;
    for (const one of result.series) {
      const history = "values" in one ? one.values : undefined;
      const value = "values" in one ? reduceValues(one.values, calc) : one.value;
      const name = legendName(one.labels, target.legendFormat, target.expr, result.series.length);
      const style = styleOf({ name, refId: target.refId, labels: one.labels, type: "number" }, panel.defaults, panel.overrides);
      values.push(describe(`${target.refId}${values.length}`, style.displayName ?? name, one.labels, value, style, history, values.length, theme));
    }
  });
  if (values.length === 0 && panel.defaults.noValue !== undefined) {
    const style = { ...panel.defaults, custom: {} };
    values.push({ ...describe("none", "", {}, Number.NaN, style, undefined, 0, theme), text: panel.defaults.noValue, suffix: "" });
  }
  return values;
}

function describe(
  key: string,
  name: string,
  labels: Labels,
  value: number,
  style: FieldStyle,
  history: Float64Array | undefined,
  index: number,
  theme: Theme,
): ReducedValue {
  const mapped = mapValue(style.mappings, value);
  const { prefix, text, suffix } = formatUnit(value, style.unit, style.decimals);
  return {
    key,
    name,
    labels,
    value,
    text: mapped?.text ?? (Number.isNaN(value) ? (style.noValue ?? "NaN") : `${prefix}${text}`),
    suffix: mapped?.text !== undefined || Number.isNaN(value) ? "" : suffix,
    color: mapped?.color ? resolveColor(mapped.color, theme) : colorOf(style, value, index, theme),
    style,
    history,
  };
}

function colorOf(style: FieldStyle, value: number, index: number, theme: Theme): string {
  const mode = style.color?.mode ?? "thresholds";
  if (mode === "fixed") return resolveColor(style.color?.fixedColor, theme);
  if (mode === "thresholds") return resolveColor(style.thresholds ? stepAt(style.thresholds, value, style.min, style.max)?.color : "green", theme);
  return seriesColor(index, theme);
}

function calcOf(panel: Panel): string {
  const options = (panel.options["reduceOptions"] ?? {}) as { calcs?: string[] };
  return options.calcs?.[0] ?? "lastNotNull";
}
