import { useMemo } from "react";
import { useExpressions } from "../api/hooks.ts";
import { parseDuration } from "../time/duration.ts";
import type { ResolvedRange } from "../time/range.ts";
import { alignRange, chooseStep } from "../time/step.ts";
import type { ChartMark } from "../chart/model.ts";
import { marksOf, type AnnotationSpec } from "./annotations.ts";
import { interpolate, type VariableValues } from "./interpolate.ts";
import { timeVariables } from "./plan.ts";

const POINTS = 400;

/** What the annotations that are on have to mark in the range; `problems` says which could not be asked. */
export function useAnnotations(uid: string, specs: readonly AnnotationSpec[], range: ResolvedRange, scrapeInterval: number, variables: VariableValues | undefined): { marks: ChartMark[]; problems: string[] } {
  const queries = useMemo(
    () =>
      variables === undefined
        ? []
        : specs.map((spec) => {
            const step = chooseStep(range, POINTS, Math.max(1_000, parseDuration(interpolate(spec.step, variables)) ?? scrapeInterval));
            const known = { ...variables, ...timeVariables(range, step, scrapeInterval) };
            return { expr: interpolate(spec.expr, known, "query"), ...alignRange(range, step), step, instant: false };
          }),
    [specs, range, scrapeInterval, variables],
  );
  const answer = useExpressions(queries, { enabled: queries.length > 0, scope: `${uid}/annotations` });
  return useMemo(() => {
    const marks: ChartMark[] = [];
    const problems: string[] = [];
    (queries.length > 0 ? (answer.data ?? []) : []).forEach((result, index) => {
      const spec = specs[index];
      if (!spec) return;
      if (result.kind === "range") marks.push(...marksOf(spec, result, variables ?? {}));
      if (result.kind === "failed") problems.push(`${spec.name}: ${result.error.message}`);
    });
    return { marks, problems };
  }, [answer.data, queries, specs, variables]);
}
