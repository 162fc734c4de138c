import type { Labels, RangeResult } from "../api/columns.ts";
import type { ChartMark } from "../chart/model.ts";
import { interpolate, type VariableValues } from "./interpolate.ts";
import { asArray, asObject, asText } from "./json.ts";
import { selectorText } from "./names.ts";

/** Events that a dashboard marks on its charts, as its author wrote them: where the query has a value, something was so. */
export interface AnnotationSpec {
  name: string;
  expr: string;
  /** Shown unless a person turns it off. */
  enable: boolean;
  /** Not offered to be turned off. */
  hide: boolean;
  color: string;
  /** Least step, such as `1m`; may hold variables. */
  step: string;
  /** Texts with `{{label}}`. */
  title: string;
  text: string;
  tagKeys: string[];
  /** The value is the time of the event in milliseconds. */
  valueIsTime: boolean;
}

/** Only annotations that ask a metric store; the built-in one of Grafana's own database has none here. */
export function parseAnnotations(list: unknown): AnnotationSpec[] {
  return asArray(list)
    .map(asObject)
    .filter((json) => json["builtIn"] !== 1 && json["builtIn"] !== true)
    .map((json) => {
      const target = asObject(json["target"]);
      return {
        name: asText(json["name"], "Annotations"),
        expr: (asText(json["expr"]) || asText(target["expr"])).trim(),
        enable: json["enable"] !== false,
        hide: json["hide"] === true,
        color: asText(json["iconColor"], "blue"),
        step: asText(json["step"]) || asText(target["interval"]),
        title: asText(json["titleFormat"]),
        text: asText(json["textFormat"]),
        tagKeys: asText(json["tagKeys"])
          .split(",")
          .map((key) => key.trim())
          .filter((key) => key !== ""),
        valueIsTime: json["useValueForTime"] === true,
      };
    })
    .filter((spec) => spec.expr !== "");
}

const MOST_MARKS = 300;

/** Neighbouring steps with a value other than zero are one stretch. */
export function marksOf(spec: AnnotationSpec, result: RangeResult, variables: VariableValues): ChartMark[] {
  const marks: ChartMark[] = [];
  for (const { labels, values } of result.series) {
    const write = (format: string) => fill(interpolate(format, variables), labels);
    const said = {
      title: write(spec.title) || (labels["alertname"] ?? spec.name),
      text: spec.text === "" ? selectorText(labels) : write(spec.text),
      tags: spec.tagKeys.map((key) => labels[key] ?? "").filter((tag) => tag !== ""),
      color: spec.color,
    };
    const add = (start: number, end: number) => marks.push({ ...said, key: `${spec.name}/${selectorText(labels)}/${start}`, start, end });
    if (spec.valueIsTime) {
      for (const at of new Set(values.filter((value) => value > 0 && Number.isFinite(value)))) add(at, at);
      continue;
    }
    let from: number | undefined;
    for (let index = 0; index <= values.length; index += 1) {
      const value = values[index];
      const on = value !== undefined && !Number.isNaN(value) && value !== 0;
      if (on && from === undefined) from = index;
      if (!on && from !== undefined) {
        add(result.start + from * result.step, result.start + (index - 1) * result.step);
        from = undefined;
      }
    }
  }
  return marks.sort((a, b) => a.start - b.start).slice(-MOST_MARKS);
}

function fill(format: string, labels: Labels): string {
  return format.replace(/\{\{\s*([^{}]+?)\s*\}\}/g, (_, label: string) => labels[label] ?? "");
}
