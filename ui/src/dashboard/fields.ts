import type { Labels } from "../api/columns.ts";
import type { CustomField, FieldDefaults, Override } from "./model.ts";

/** What an override may match on. */
export interface FieldIdentity {
  name: string;
  refId: string;
  labels: Labels;
  /** `number`, `string` or `time`. */
  type: string;
}

/** How one series or column is drawn: the panel's defaults with its overrides on top. */
export interface FieldStyle extends FieldDefaults {
  custom: CustomField;
}

/** Applies every override whose matcher fits, later ones on top of earlier ones. */
export function styleOf(field: FieldIdentity, defaults: FieldDefaults, overrides: readonly Override[]): FieldStyle {
  const style: FieldStyle = { ...defaults, custom: { ...defaults.custom } };
  for (const override of overrides) {
    if (!matchesField(override, field)) continue;
    for (const { id, value } of override.properties) setProperty(style, id, value);
  }
  return style;
}

function setProperty(style: FieldStyle, id: string, value: unknown) {
  if (id.startsWith("custom.")) {
    const path = id.slice("custom.".length).split(".");
    let target = style.custom as Record<string, unknown>;
    for (const key of path.slice(0, -1)) {
      const inner = { ...(target[key] as Record<string, unknown> | undefined) };
      target[key] = inner;
      target = inner;
    }
    target[path.at(-1) ?? ""] = value;
    return;
  }
  (style as unknown as Record<string, unknown>)[id] = value;
}

export function matchesField(override: Override, field: FieldIdentity): boolean {
  const { id, options } = override.matcher;
  switch (id) {
    case "byName":
      return options === field.name;
    case "byNames": {
      const { names, mode } = (options ?? {}) as { names?: unknown; mode?: string };
      const named = Array.isArray(names) && names.includes(field.name);
      return mode === "exclude" ? !named : named;
    }
    case "byRegexp":
    case "byRegex":
      return typeof options === "string" && regexFits(options, field.name);
    case "byFrameRefID":
      return options === field.refId;
    case "byType":
      return options === field.type;
    default:
      return false;
  }
}

/** A pattern as Grafana writes it, with or without slashes; one that cannot be read fits nothing. */
export function regexFits(pattern: string, text: string): boolean {
  const body = /^\/(.*)\/([a-z]*)$/s.exec(pattern);
  try {
    return new RegExp(body?.[1] ?? `^${pattern}$`, body?.[2] ?? "").test(text);
  } catch {
    return false;
  }
}
