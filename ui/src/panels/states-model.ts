import type { QueryResult } from "../api/columns.ts";
import { styleOf } from "../dashboard/fields.ts";
import type { Panel } from "../dashboard/model.ts";
import { legendName } from "../dashboard/names.ts";
import type { PlannedQuery } from "../dashboard/plan.ts";
import { resolveColor, seriesColor, type Theme } from "../format/colors.ts";
import { mapValue } from "../format/mappings.ts";
import { stepAt } from "../format/thresholds.ts";
import { unitText } from "../format/units.ts";

/** A stretch of time in which one series stood in one state. */
export interface StateSpan {
  /** Unix milliseconds, the end not included. */
  start: number;
  end: number;
  text: string;
  color: string;
}

export interface StateRow {
  key: string;
  name: string;
  spans: StateSpan[];
}

/**
 * Each series as a row of states. With `merge`, equal neighbours become one span, as a state timeline draws them;
 * without, every step is its own, as in a status history. Where there is no sample there is no span.
 */
export function stateRows(panel: Panel, planned: readonly PlannedQuery[], results: readonly QueryResult[], theme: Theme, merge: boolean): StateRow[] {
  const rows: StateRow[] = [];
  results.forEach((result, index) => {
    const target = planned[index]?.target;
    if (result.kind !== "range" || !target) return;
    for (const one of result.series) {
      const name = legendName(one.labels, target.legendFormat, target.expr, result.series.length);
      const style = styleOf({ name, refId: target.refId, labels: one.labels, type: "number" }, panel.defaults, panel.overrides);
      const spans: StateSpan[] = [];
      one.values.forEach((value, step) => {
        if (Number.isNaN(value)) return;
        const mapped = mapValue(style.mappings, value);
        const text = mapped?.text ?? unitText(value, style.unit, style.decimals);
        const color = mapped?.color
          ? resolveColor(mapped.color, theme)
          : style.color?.mode === "fixed"
            ? resolveColor(style.color.fixedColor, theme)
            : style.thresholds && (style.color?.mode ?? "thresholds") === "thresholds"
              ? resolveColor(stepAt(style.thresholds, value, style.min, style.max)?.color, theme)
              : seriesColor(rows.length, theme);
        const start = result.start + step * result.step;
        const last = spans.at(-1);
        if (merge && last && last.end === start && last.text === text && last.color === color) last.end = start + result.step;
        else spans.push({ start, end: start + result.step, text, color });
      });
      rows.push({ key: `${target.refId}${rows.length}`, name: style.displayName ?? name, spans });
    }
  });
  return rows;
}

/** The states that occur, each once, in the order they are first seen. */
export function statesOf(rows: readonly StateRow[]): { text: string; color: string }[] {
  const seen = new Map<string, { text: string; color: string }>();
  for (const row of rows) for (const { text, color } of row.spans) if (!seen.has(text)) seen.set(text, { text, color });
  return [...seen.values()];
}
