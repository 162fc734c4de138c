import type { Labels } from "../api/columns.ts";
import { interpolate, type VariableValues } from "./interpolate.ts";
import { asArray, asObject, asText, type Json } from "./json.ts";

/** A link as the author of a dashboard wrote it. */
export interface LinkSpec {
  title: string;
  url: string;
  tooltip: string;
  newTab: boolean;
  /** Hand the time range, or the variables, on to the place. */
  keepTime: boolean;
  includeVars: boolean;
  /** Set when the link stands for all dashboards with these tags. */
  tags: string[] | undefined;
}

/** A link ready to be followed. */
export interface ReadyLink {
  title: string;
  tooltip: string;
  /** A path of this UI that begins with `/`, or a whole address. */
  href: string;
  inside: boolean;
  newTab: boolean;
}

/** What a link may speak of: variables, the range, and at a value the value's own texts. */
export interface LinkScope {
  variables: VariableValues;
  from: string;
  to: string;
  value?: LinkValue | undefined;
}

export interface LinkValue {
  raw: string;
  text: string;
  name: string;
  labels: Labels;
  /** The other cells of a table's row, by column. */
  fields: Readonly<Record<string, string>>;
}

export function parseLinks(list: unknown): LinkSpec[] {
  return asArray(list).map((entry) => parseLink(asObject(entry)));
}

function parseLink(json: Json): LinkSpec {
  const byTags = json["type"] === "dashboards";
  return {
    title: asText(json["title"]),
    url: asText(json["url"]),
    tooltip: asText(json["tooltip"]),
    newTab: json["targetBlank"] === true,
    keepTime: json["keepTime"] === true,
    includeVars: json["includeVars"] === true,
    tags: byTags ? asArray(json["tags"]).map((tag) => asText(tag)) : undefined,
  };
}

/** Fills a link in. `undefined` when its address is none that a browser may safely be sent to. */
export function readyLink(spec: LinkSpec, scope: LinkScope): ReadyLink | undefined {
  const filled = interpolate(fillValue(fillPage(spec.url, scope), scope.value), scope.variables, "address");
  const place = placeOf(filled);
  if (!place) return undefined;
  const query = new URLSearchParams();
  if (spec.keepTime) {
    query.set("from", scope.from);
    query.set("to", scope.to);
  }
  const extra = [query.toString(), spec.includeVars ? allVariables(scope.variables) : ""].filter((part) => part !== "").join("&");
  const title = interpolate(fillValue(spec.title, scope.value, false), scope.variables) || place.href;
  return { ...place, title, tooltip: spec.tooltip, newTab: spec.newTab, href: withQuery(place.href, extra) };
}

function withQuery(href: string, extra: string): string {
  if (extra === "") return href;
  const [before = "", hash] = href.split("#", 2);
  return `${before}${before.includes("?") ? "&" : "?"}${extra}${hash === undefined ? "" : `#${hash}`}`;
}

/** Only these schemes: an address of a dashboard file is as hostile as any other text of it. */
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

function placeOf(address: string): { href: string; inside: boolean } | undefined {
  const text = address.trim();
  // Control characters would let `java\nscript:` pass as a path.
  // oxlint-disable-next-line no-control-regex
  if (text === "" || /[\u0000-\u001f]/.test(text)) return undefined;
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) {
    try {
      return SCHEMES.has(new URL(text).protocol) ? { href: text, inside: false } : undefined;
    } catch {
      return undefined;
    }
  }
  if (text.startsWith("//") || text.includes("\\")) return undefined;
  return { href: `/${text.replace(/^\/+/, "")}`, inside: true };
}

function fillPage(text: string, { variables, from, to }: LinkScope): string {
  return text
    .replaceAll("${__url_time_range}", new URLSearchParams({ from, to }).toString())
    .replaceAll("$__url_time_range", new URLSearchParams({ from, to }).toString())
    .replaceAll("${__all_variables}", allVariables(variables))
    .replaceAll("$__all_variables", allVariables(variables));
}

function allVariables(variables: VariableValues): string {
  return Object.keys(variables)
    .filter((name) => !name.startsWith("__"))
    .map((name) => {
      const value = variables[name];
      return value?.text === "All" ? `var-${encodeURIComponent(name)}=$__all` : interpolate(`\${${name}:queryparam}`, variables);
    })
    .join("&");
}

const OF_VALUE = /\$\{__(value|field|series|data)\.?([^}]*)\}/g;

/** Grafana's `${__value.raw}`, `${__field.labels.job}`, `${__data.fields["Host"]}`; in addresses made safe. */
function fillValue(text: string, value: LinkValue | undefined, encode = true): string {
  if (!value) return text;
  return text.replace(OF_VALUE, (whole: string, kind: string, path: string) => {
    const found = lookUp(value, kind, path);
    if (found === undefined) return whole;
    return encode ? encodeURIComponent(found) : found;
  });
}

function lookUp(value: LinkValue, kind: string, path: string): string | undefined {
  if (kind === "value") return { raw: value.raw, numeric: value.raw, text: value.text }[path.replace(/:.*$/, "")];
  if (kind === "data") {
    const inner = /^fields(?:\.([^.[]+)|\["([^"]+)"\]|\['([^']+)'\]|\[(\d+)\])/.exec(path);
    const name = inner?.[1] ?? inner?.[2] ?? inner?.[3];
    return name === undefined ? Object.values(value.fields)[Number(inner?.[4])] : value.fields[name];
  }
  const label = /^labels(?:\.([^.[]+)|\["([^"]+)"\])/.exec(path);
  if (label) return value.labels[label[1] ?? label[2] ?? ""] ?? "";
  return path === "name" ? value.name : undefined;
}
