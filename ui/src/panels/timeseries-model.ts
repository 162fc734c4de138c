import type { QueryResult, RangeResult } from "../api/columns.ts";
import { alignResults } from "../chart/frames.ts";
import type { ChartAxis, ChartModel, ChartSeries, ChartThreshold } from "../chart/model.ts";
import { styleOf, type FieldStyle } from "../dashboard/fields.ts";
import type { Panel, Target } from "../dashboard/model.ts";
import { legendName, selectorText } from "../dashboard/names.ts";
import { reduceValues } from "../dashboard/reduce.ts";
import { stackSeries } from "../dashboard/stack.ts";
import { resolveColor, seriesColor, seriesDash, type Theme } from "../format/colors.ts";
import { mapValue } from "../format/mappings.ts";
import { stepAt, stepValue } from "../format/thresholds.ts";
import { secondsOf, unitText } from "../format/units.ts";

interface Styled {
  key: string;
  name: string;
  refId: string;
  style: FieldStyle;
  column: { labels: Readonly<Record<string, string>>; values: Float64Array };
}

/** Turns the answers of a timeseries panel into what is drawn. */
export function buildTimeseries(
  panel: Pick<Panel, "defaults" | "overrides">,
  targets: readonly Target[],
  results: readonly QueryResult[],
  theme: Theme,
  hidden: ReadonlySet<string>,
): ChartModel {
  const frame = alignResults(results.map(asRange));
  const siblings = new Map<number, number>();
  for (const column of frame.columns) siblings.set(column.result, (siblings.get(column.result) ?? 0) + 1);

  const styled = frame.columns.map((column): Styled => {
    const target = targets[column.result];
    const name = legendName(column.labels, target?.legendFormat ?? "", target?.expr ?? "", siblings.get(column.result) ?? 1);
    const refId = target?.refId ?? "";
    const style = styleOf({ name, refId, labels: column.labels, type: "number" }, panel.defaults, panel.overrides);
    return { key: `${refId}${selectorText(column.labels)}`, name: style.displayName ?? name, refId, style, column };
  });

  const visible = styled.map((one) => !hidden.has(one.key) && one.style.custom.hideFrom?.viz !== true);
  const drawn = stackSeries(
    styled.map(({ style, column }, index) => ({
      values: visible[index] ? displayed(style, column.values) : new Float64Array(column.values.length).fill(Number.NaN),
      mode: stackMode(style),
      group: style.custom.stacking?.group ?? "A",
    })),
  );

  const mainUnit = styled[0]?.style.unit;
  const rightSided = styled.map(({ style }) => style.custom.axisPlacement === "right" || (style.unit !== mainUnit && style.custom.axisPlacement !== "left"));
  const anyLeft = rightSided.some((right) => !right);

  const series = styled.map((one, index): ChartSeries => {
    const custom = one.style.custom;
    const shape = custom.lineInterpolation;
    return {
      key: one.key,
      name: one.name,
      labels: one.column.labels,
      color: colorOf(one, index, theme),
      dash: custom.lineStyle?.fill === "dash" ? (custom.lineStyle.dash ?? [8, 4]) : custom.lineStyle?.fill === "dot" ? [2, 4] : seriesDash(index),
      lineWidth: custom.lineWidth ?? 1.5,
      fill: (custom.fillOpacity ?? 0) / 100,
      draw: custom.drawStyle === "bars" || custom.drawStyle === "points" ? custom.drawStyle : "line",
      shape: shape === "smooth" || shape === "stepAfter" || shape === "stepBefore" ? shape : "linear",
      points: custom.showPoints === "always" ? "always" : "isolated",
      spanGaps: custom.spanNulls === true || typeof custom.spanNulls === "number",
      scale: rightSided[index] && anyLeft ? "y2" : "y",
      raw: one.column.values,
      shown: drawn[index] ?? one.column.values,
      fillTo: fillTarget(styled, visible, index),
      hidden: !visible[index],
      inLegend: custom.hideFrom?.legend !== true,
      inTooltip: custom.hideFrom?.tooltip !== true,
      format: (value) => mapValue(one.style.mappings, value)?.text ?? unitText(value, one.style.unit, one.style.decimals),
    };
  });

  const left = styled.filter((_, index) => series[index]?.scale === "y");
  const right = styled.filter((_, index) => series[index]?.scale === "y2");
  const first = left[0]?.style ?? { ...panel.defaults, custom: panel.defaults.custom ?? {} };
  return {
    times: frame.times,
    series,
    y: axisOf(first, left),
    y2: right[0] ? axisOf(right[0].style, right) : undefined,
    thresholds: thresholdsOf(first, theme),
  };
}

function asRange(result: QueryResult): RangeResult | undefined {
  if (result.kind === "range") return result;
  if (result.kind === "failed") return undefined;
  // An instant query on a chart is a single point at its instant.
  return {
    kind: "range",
    id: result.id,
    start: result.time,
    step: 1000,
    count: 1,
    series: result.series.map(({ labels, value }) => ({ labels, values: Float64Array.of(value) })),
    totalSeries: result.totalSeries,
    warnings: result.warnings,
    infos: result.infos,
  };
}

function stackMode(style: FieldStyle): "none" | "normal" | "percent" {
  const mode = style.custom.stacking?.mode;
  return mode === "normal" || mode === "percent" ? mode : "none";
}

function displayed(style: FieldStyle, values: Float64Array): Float64Array {
  return style.custom.transform === "negative-Y" ? values.map((value) => -value) : values;
}

function colorOf({ style, column }: Styled, index: number, theme: Theme): string {
  const mode = style.color?.mode ?? "palette-classic";
  if ((mode === "fixed" || mode === "shades") && style.color?.fixedColor) return resolveColor(style.color.fixedColor, theme);
  if (mode === "thresholds" && style.thresholds) {
    return resolveColor(stepAt(style.thresholds, reduceValues(column.values, "lastNotNull"), style.min, style.max)?.color, theme);
  }
  return seriesColor(index, theme);
}

/** The line below: of a band, the one named by `fillBelowTo`; of a stack, the one the series lies on. */
function fillTarget(styled: readonly Styled[], visible: readonly boolean[], index: number): number | undefined {
  const one = styled[index];
  if (!one) return undefined;
  const below = one.style.custom.fillBelowTo;
  if (below) {
    const found = styled.findIndex((other) => other.name === below);
    return found >= 0 ? found : undefined;
  }
  if (stackMode(one.style) === "none") return undefined;
  const side = one.style.custom.transform;
  for (let at = index - 1; at >= 0; at -= 1) {
    const other = styled[at];
    if (!other || !visible[at] || stackMode(other.style) !== stackMode(one.style)) continue;
    const sameGroup = (other.style.custom.stacking?.group ?? "A") === (one.style.custom.stacking?.group ?? "A");
    if (sameGroup && other.style.custom.transform === side) return at;
  }
  return undefined;
}

function axisOf(style: FieldStyle, members: readonly Styled[]): ChartAxis {
  const custom = style.custom;
  const percent = stackMode(style) === "percent";
  const unit = percent ? "percent" : style.unit;
  return {
    min: style.min ?? undefined,
    max: style.max ?? (percent ? 100 : undefined),
    softMin: custom.axisSoftMin,
    softMax: custom.axisSoftMax,
    fromZero: members.some(
      (one) => (one.style.custom.fillOpacity ?? 0) > 0 || one.style.custom.drawStyle === "bars" || stackMode(one.style) !== "none",
    ),
    log: custom.scaleDistribution?.type === "log" ? (custom.scaleDistribution.log ?? 10) : undefined,
    label: custom.axisLabel ?? "",
    binary: /^(bytes|kbytes|mbytes|gbytes|bits|binBps|binbps)$/.test(unit ?? ""),
    secondsPerUnit: secondsOf(unit),
    mirrored: members.some((one) => one.style.custom.transform === "negative-Y"),
    format: (value) => unitText(tidy(value), unit || "explore"),
  };
}

/** Ticks are sums of steps, and carry the dust of adding: 0.30000000000000004. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

function thresholdsOf(style: FieldStyle, theme: Theme): ChartModel["thresholds"] {
  const mode = style.custom.thresholdsStyle?.mode ?? "off";
  const thresholds = style.thresholds;
  if (mode === "off" || !thresholds) return { line: false, area: false, steps: [] };
  const steps = thresholds.steps.flatMap((step, index): ChartThreshold[] => {
    const value = stepValue(thresholds, step, style.min, style.max);
    const next = thresholds.steps[index + 1];
    const until = next && stepValue(thresholds, next, style.min, style.max);
    return value === undefined ? [] : [{ value, until, color: resolveColor(step.color, theme) }];
  });
  return { line: mode.includes("line") || mode.includes("dashed"), area: mode.includes("area"), steps };
}
