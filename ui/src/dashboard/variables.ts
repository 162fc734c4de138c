import type { ResolvedRange } from "../time/range.ts";
import { interpolate, type VariableValue, type VariableValues } from "./interpolate.ts";
import type { Dashboard, Variable } from "./model.ts";
import { selectorText } from "./names.ts";
import { rateInterval } from "../time/step.ts";
import { timeVariables } from "./plan.ts";

/** The value that stands for every option. */
export const ALL = "$__all";

/** What a variable offers and what is chosen of it. */
export interface ResolvedVariable {
  variable: Variable;
  options: string[];
  /** Chosen values; `[ALL]` when everything is. */
  selected: string[];
  /** Why the options could not be had. */
  problem: string | undefined;
}

/** How variables ask the server; kept narrow so that tests can answer. */
export interface VariableSource {
  labelValues(label: string, matcher: string | undefined, range: ResolvedRange): Promise<string[]>;
  labelNames(range: ResolvedRange): Promise<string[]>;
  instant(expr: string, time: number): Promise<{ labels: Readonly<Record<string, string>>; value: number }[]>;
}

/** Settles every variable in the author's order, so that a query may speak of the variables before it. */
export async function resolveVariables(
  dashboard: Dashboard,
  chosen: (name: string) => string[],
  range: ResolvedRange,
  scrapeInterval: number,
  source: VariableSource,
): Promise<ResolvedVariable[]> {
  const resolved: ResolvedVariable[] = [];
  for (const variable of dashboard.variables) {
    const known = { ...valuesOf(resolved), ...timeVariables(range, rateInterval(0, scrapeInterval), scrapeInterval) };
    let options: string[] = [];
    let problem: string | undefined;
    try {
      options = await optionsOf(variable, known, range, source);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    resolved.push({ variable, options, selected: select(variable, options, chosen(variable.name)), problem });
  }
  return resolved;
}

function select(variable: Variable, options: string[], chosen: string[]): string[] {
  const all = [ALL, "All"];
  const wanted = chosen.length > 0 ? chosen : variable.current;
  if (variable.type === "textbox" || variable.type === "constant") {
    return [chosen[0] ?? variable.current[0] ?? variable.query];
  }
  if (variable.includeAll && wanted.some((value) => all.includes(value))) return [ALL];
  // What the URL asks for is obeyed even when no series has it now: a link must not change its meaning.
  if (chosen.length > 0) return variable.multi ? chosen : chosen.slice(0, 1);
  const present = wanted.filter((value) => options.includes(value));
  if (present.length > 0) return variable.multi ? present : present.slice(0, 1);
  if (variable.includeAll) return [ALL];
  const first = options[0];
  return first === undefined ? [] : [first];
}

/** What each variable stands for in a query. */
export function valuesOf(resolved: readonly ResolvedVariable[]): VariableValues {
  const values: Record<string, VariableValue> = {};
  for (const { variable, options, selected } of resolved) {
    const list = variable.multi || variable.includeAll;
    if (selected[0] !== ALL) {
      values[variable.name] = { values: selected, list };
      continue;
    }
    values[variable.name] =
      variable.allValue === undefined
        ? { values: options, list, text: "All", ...(options.length === 0 ? { raw: ".*" } : {}) }
        : { values: options, list, raw: variable.allValue, text: "All" };
  }
  return values;
}

async function optionsOf(variable: Variable, known: VariableValues, range: ResolvedRange, source: VariableSource): Promise<string[]> {
  switch (variable.type) {
    case "query":
      return arrange(await queryOptions(interpolate(variable.query, known, "query"), range, source), variable, known);
    case "custom":
      return splitCommas(interpolate(variable.query, known)).concat(variable.query === "" ? variable.options : []);
    case "interval":
      return splitCommas(variable.query).filter((value) => value !== "auto");
    case "datasource":
      return ["watchfire"];
    default:
      return [];
  }
}

/** `a,b\,c,key : value` as Grafana's custom variables write it. */
function splitCommas(text: string): string[] {
  return text
    .split(/(?<!\\),/)
    .map((part) => part.replace(/\\,/g, ",").trim())
    .map((part) => /^.+\s:\s(.+)$/.exec(part)?.[1] ?? part)
    .filter((part) => part !== "");
}

async function queryOptions(query: string, range: ResolvedRange, source: VariableSource): Promise<string[]> {
  const text = query.trim();
  const labelValues = /^label_values\(\s*(?:(.+?)\s*,\s*)?([\w$.]+)\s*\)$/s.exec(text);
  if (labelValues) return source.labelValues(labelValues[2] ?? "", labelValues[1], range);
  if (/^label_names\(\s*\)$/.test(text)) return source.labelNames(range);
  const metrics = /^metrics\((.*)\)$/s.exec(text);
  if (metrics) {
    const names = await source.labelValues("__name__", undefined, range);
    const pattern = new RegExp(metrics[1]?.trim() || ".*");
    return names.filter((name) => pattern.test(name));
  }
  const result = /^query_result\((.*)\)$/s.exec(text);
  const rows = await source.instant(result?.[1] ?? text, range.end);
  return rows.map((row) => `${selectorText(row.labels)} ${row.value} ${range.end}`);
}

function arrange(found: string[], variable: Variable, known: VariableValues): string[] {
  let options = found;
  if (variable.regex !== "") {
    const written = interpolate(variable.regex, known);
    const body = /^\/(.*)\/([a-z]*)$/s.exec(written);
    const pattern = new RegExp(body?.[1] ?? written, (body?.[2] ?? "").replace("g", ""));
    options = found.flatMap((option) => {
      const match = pattern.exec(option);
      if (!match) return [];
      return [match.groups?.["value"] ?? match.groups?.["text"] ?? match[1] ?? option];
    });
  }
  options = [...new Set(options)];
  const sign = variable.sort % 2 === 0 ? -1 : 1;
  if (variable.sort === 0) return options;
  const numeric = variable.sort === 3 || variable.sort === 4;
  return options.sort((a, b) => sign * a.localeCompare(b, "en", { numeric, sensitivity: variable.sort >= 5 ? "base" : "variant" }));
}
