/** Grafana's value mappings, new and old form, read leniently. */
export interface MappingResult {
  text?: string | undefined;
  color?: string | undefined;
}

interface MappingOptions extends Record<string, unknown> {
  from?: number | null;
  to?: number | null;
  match?: string;
  pattern?: string;
  result?: MappingResult;
}

export interface Mapping {
  type?: unknown;
  options?: MappingOptions;
  value?: unknown;
  from?: unknown;
  to?: unknown;
  text?: unknown;
}

/** What the mappings make of a value, or `undefined` when none applies. The first that applies wins. */
export function mapValue(mappings: readonly Mapping[] | undefined, value: number | string | null): MappingResult | undefined {
  for (const mapping of mappings ?? []) {
    const result = apply(mapping, value);
    if (result) return result;
  }
  return undefined;
}

function apply(mapping: Mapping, value: number | string | null): MappingResult | undefined {
  const options = mapping.options ?? {};
  const missing = value === null || (typeof value === "number" && Number.isNaN(value));
  switch (mapping.type) {
    case "value":
      return value === null ? undefined : (options[String(value)] as MappingResult | undefined);
    case "range":
      return typeof value === "number" && inside(value, options.from, options.to) ? options.result : undefined;
    case "regex":
      return typeof value === "string" && matches(options.pattern, value) ? options.result : undefined;
    case "special":
      return special(options.match, value, missing) ? options.result : undefined;
    case 1: // Before Grafana 8: one value to one text.
      if (mapping.value === "null") return missing ? { text: String(mapping.text ?? "") } : undefined;
      return value !== null && String(value) === String(mapping.value) ? { text: String(mapping.text ?? "") } : undefined;
    case 2: // Before Grafana 8: a range to one text.
      return typeof value === "number" && inside(value, Number(mapping.from), Number(mapping.to))
        ? { text: String(mapping.text ?? "") }
        : undefined;
    default:
      return undefined;
  }
}

function inside(value: number, from: number | null | undefined, to: number | null | undefined): boolean {
  return value >= (from ?? Number.NEGATIVE_INFINITY) && value <= (to ?? Number.POSITIVE_INFINITY);
}

function special(match: string | undefined, value: number | string | null, missing: boolean): boolean {
  if (match === "null") return value === null;
  if (match === "nan") return typeof value === "number" && Number.isNaN(value);
  if (match === "null+nan") return missing;
  if (match === "true") return value === "true" || value === 1;
  if (match === "false") return value === "false" || value === 0;
  return match === "empty" && value === "";
}

function matches(pattern: string | undefined, value: string): boolean {
  if (!pattern) return false;
  try {
    const body = /^\/(.*)\/([a-z]*)$/.exec(pattern);
    return new RegExp(body?.[1] ?? pattern, body?.[2] ?? "").test(value);
  } catch {
    return false;
  }
}
