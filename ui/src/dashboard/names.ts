import type { Labels } from "../api/columns.ts";

/** Writes labels as a PromQL selector does: `up{job="node"}`. */
export function selectorText(labels: Labels): string {
  const { __name__: name = "", ...rest } = labels;
  const inner = Object.entries(rest)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(", ");
  return inner === "" && name !== "" ? name : `${name}{${inner}}`;
}

/**
 * The name of a series in a legend. A format with `{{label}}` is filled in; `__auto` and an empty format give the
 * labels that tell the series of one query apart, or the query when there is nothing to tell.
 */
export function legendName(labels: Labels, format: string, expr: string, siblings: number): string {
  if (format !== "" && format !== "__auto") {
    return format.replace(/\{\{\s*([^{}]+?)\s*\}\}/g, (_, label: string) => labels[label] ?? "");
  }
  const text = selectorText(labels);
  if (format === "__auto") {
    const { __name__: _name, ...rest } = labels;
    const values = Object.values(rest);
    if (values.length === 1 && siblings > 1) return values[0] ?? text;
    if (siblings === 1 && text === "{}") return expr;
  }
  return text === "{}" ? expr : text;
}
