/** The value of a variable: what it stands for in a query, and what a person reads. */
export interface VariableValue {
  values: string[];
  /** What `All` stands for when the author said so; it is used as it is. */
  raw?: string | undefined;
  text?: string | undefined;
  /** True when several may be chosen: then each is taken literally inside a regular expression. */
  list?: boolean;
}

export type VariableValues = Readonly<Record<string, VariableValue>>;

type Format = (values: string[], name: string) => string;

const escapeRegex = (value: string): string => value.replace(/[\\^$*+?.()|[\]{}]/g, "\\$&");
/** A regular expression inside a PromQL string: every backslash is written twice. */
const escapeInQuotes = (value: string): string => escapeRegex(value).replace(/\\/g, "\\\\").replace(/"/g, '\\"');

const FORMATS: Readonly<Record<string, Format>> = {
  csv: (values) => values.join(","),
  raw: (values) => values.join(","),
  pipe: (values) => values.join("|"),
  regex: (values) => (values.length === 1 ? escapeRegex(values[0] ?? "") : `(${values.map(escapeRegex).join("|")})`),
  glob: (values) => (values.length === 1 ? (values[0] ?? "") : `{${values.join(",")}}`),
  json: (values) => JSON.stringify(values.length === 1 ? values[0] : values),
  percentencode: (values) => encodeURIComponent(values.length === 1 ? (values[0] ?? "") : `{${values.join(",")}}`),
  uriencode: (values) => encodeURI(values.join(",")),
  queryparam: (values, name) => values.map((value) => `var-${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&"),
  singlequote: (values) => values.map((value) => `'${value.replace(/'/g, "\\'")}'`).join(","),
  doublequote: (values) => values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(","),
  sqlstring: (values) => values.map((value) => `'${value.replace(/'/g, "''")}'`).join(","),
  text: (values) => values.join(" + "),
  lucene: (values) =>
    values.length === 1 ? (values[0] ?? "") : `(${values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(" OR ")})`,
};

/** In a query, one value stands as it is (quotes made safe), several as alternatives of a regular expression. */
const promql: Format = (values) => {
  if (values.length === 1) return (values[0] ?? "").replace(/\\/g, "\\\\").replace(/"/g, '\\"');
  return values.length === 0 ? "" : `(${values.map(escapeInQuotes).join("|")})`;
};

const VARIABLE = /\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^}:]*)?(?::(\w+))?\}/g;

/**
 * Puts the values of variables in place of `$name`, `${name}`, `${name:format}` and `[[name]]`.
 * A name nobody knows stays as it is, so that the query's own error says what is missing.
 */
export function interpolate(text: string, values: VariableValues, purpose: "query" | "text" | "address" = "text"): string {
  return text.replace(VARIABLE, (whole: string, bare?: string, old?: string, oldFormat?: string, braced?: string, format?: string, at?: number) => {
    const name = bare ?? old ?? braced ?? "";
    const value = values[name];
    if (!value) return whole;
    const chosen = format ?? oldFormat;
    if ((chosen === "text" || (purpose === "text" && !chosen)) && value.text !== undefined) return value.text;
    if (value.raw !== undefined && chosen !== "queryparam") return value.raw;
    const write = chosen ? FORMATS[chosen] : undefined;
    if (write) return write(value.values, name);
    if (purpose === "text") return value.text ?? value.values.join(" + ");
    if (purpose === "address") return encodeURI(value.values.join(","));
    // After =~ or !~ even a single value of a list is a regular expression, and its dots must be taken literally.
    const before = text.slice(0, at ?? 0);
    const inMatcher = /[=!]~\s*"[^"]*$/.test(before) || /[=!]~\s*'[^']*$/.test(before);
    if (inMatcher && value.list && value.values.length === 1) return escapeInQuotes(value.values[0] ?? "");
    return promql(value.values, name);
  });
}

/** The names of the variables a text speaks of. */
export function variablesIn(text: string): Set<string> {
  return new Set([...text.matchAll(VARIABLE)].map((match) => match[1] ?? match[2] ?? match[4] ?? ""));
}
