import type { QuerySpec } from "../api/batch.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { ResolvedRange } from "../time/range.ts";
import { alignRange, chooseStep, rateInterval } from "../time/step.ts";
import { interpolate, type VariableValues } from "./interpolate.ts";
import type { Panel, Target } from "./model.ts";

/** What a panel's queries depend on besides the panel itself. */
export interface PlanContext {
  range: ResolvedRange;
  /** Width of the drawing in CSS pixels; about one point is asked for each. */
  width: number;
  scrapeInterval: number;
  variables: VariableValues;
}

/** A target ready to be asked: `target.expr` and `target.legendFormat` have their variables filled in. */
export interface PlannedQuery {
  target: Target;
  spec: QuerySpec;
}

/** The finest step of a live chart: finer ones only repeat samples. */
const FINEST_STEP_MS = 5_000;
/** Values that are reduced to one number need no point for every pixel. */
const POINTS_TO_REDUCE = 120;

const SINGLE_VALUE = new Set(["stat", "gauge", "table", "bargauge", "piechart"]);
/** Pixels that one instant takes in pictures whose instants have a width. */
const PIXELS_AN_INSTANT: Readonly<Record<string, number>> = { heatmap: 7, "state-timeline": 3, "status-history": 14 };

/** Turns the visible targets of a panel into queries with their range, step and variables settled. */
export function planQueries(panel: Panel, context: PlanContext): PlannedQuery[] {
  return panel.targets
    .filter((target) => !target.hide && target.expr.trim() !== "")
    .map((target) => {
      const least = minStep(panel, target, context);
      const wanted = SINGLE_VALUE.has(panel.type) ? POINTS_TO_REDUCE : (panel.maxDataPoints ?? Math.max(1, Math.floor(context.width / (PIXELS_AN_INSTANT[panel.type] ?? 1))));
      const step = chooseStep(context.range, Math.min(wanted, context.width), least);
      const variables = { ...context.variables, ...timeVariables(context.range, step, context.scrapeInterval) };
      const range = target.instant ? context.range : alignRange(context.range, step);
      return {
        target: {
          ...target,
          expr: interpolate(target.expr, variables, "query"),
          legendFormat: interpolate(target.legendFormat, variables),
        },
        spec: { expr: interpolate(target.expr, variables, "query"), ...range, step, instant: target.instant },
      };
    });
}

function minStep(panel: Panel, target: Target, context: PlanContext): number {
  const written = interpolate(target.interval || panel.interval, context.variables).replace(/^>/, "");
  const finest = Math.min(FINEST_STEP_MS, context.scrapeInterval);
  return Math.max(1_000, parseDuration(written) ?? finest);
}

/** Grafana's built-in variables of time. */
export function timeVariables(range: ResolvedRange, step: number, scrapeInterval: number): VariableValues {
  const span = range.end - range.start;
  const one = (value: string) => ({ values: [value] });
  return {
    __interval: one(formatDuration(step)),
    __interval_ms: one(String(step)),
    __rate_interval: one(formatDuration(rateInterval(step, scrapeInterval))),
    __rate_interval_ms: one(String(rateInterval(step, scrapeInterval))),
    __range: one(`${Math.round(span / 1000)}s`),
    __range_s: one(String(Math.round(span / 1000))),
    __range_ms: one(String(span)),
    __from: one(String(range.start)),
    __to: one(String(range.end)),
  };
}
