import type { QueryResult } from "../api/columns.ts";
import { regexFits } from "./fields.ts";
import type { Target, Transformation } from "./model.ts";
import { legendName } from "./names.ts";
import { reduceValues } from "./reduce.ts";
import { calculateField, convertFieldType, filterByValue, groupBy, reduceTables } from "./transform.ts";

export type Cell = string | number | null;

/** A column of a table panel; `name` is what overrides and transformations know it by. */
export interface Column {
  name: string;
  /** The heading, when a transformation renamed it. */
  title?: string;
  type: "number" | "string" | "time";
  refId: string;
  cells: Cell[];
}

/** Turns the results of one panel's queries into tables, one for each query. */
export function tablesOf(results: readonly QueryResult[], targets: readonly Target[]): Column[][] {
  return results.flatMap((result, index) => {
    const target = targets[index];
    if (result.kind === "failed" || !target) return [];
    const numbers = targets.length > 1 ? `Value #${target.refId}` : "Value";
    if (target.format !== "table") {
      return [
        [
          textColumn("Series", target.refId, result.series.map(({ labels }) => legendName(labels, target.legendFormat, target.expr, result.series.length))),
          numberColumn(numbers, target.refId, result.kind === "instant" ? result.series.map((one) => one.value) : result.series.map((one) => reduceValues(one.values, "lastNotNull"))),
        ],
      ];
    }
    const labels = [...new Set(result.series.flatMap((one) => Object.keys(one.labels)))].sort();
    const time = result.kind === "instant" ? result.time : result.start + result.step * Math.max(0, result.count - 1);
    const values =
      result.kind === "instant" ? result.series.map((one) => one.value) : result.series.map((one) => reduceValues(one.values, "lastNotNull"));
    return [
      [
        { name: "Time", type: "time" as const, refId: target.refId, cells: values.map(() => time) },
        ...labels.map((label) => textColumn(label, target.refId, result.series.map((one) => one.labels[label] ?? ""))),
        numberColumn(numbers, target.refId, values),
      ],
    ];
  });
}

function textColumn(name: string, refId: string, cells: string[]): Column {
  return { name, type: "string", refId, cells };
}

function numberColumn(name: string, refId: string, cells: number[]): Column {
  return { name, type: "number", refId, cells };
}

/** The transformations this panel can do; a panel that asks for another says so. */
const TRANSFORMATIONS: Readonly<Record<string, (tables: Column[][], options: Record<string, unknown>) => Column[][]>> = {
  merge: (tables) => [merge(tables)],
  joinByField: (tables, options) => [join(tables, String(options["byField"] ?? "Time"))],
  seriesToColumns: (tables, options) => [join(tables, String(options["byField"] ?? "Time"))],
  organize: (tables, options) => tables.map((table) => organize(table, options)),
  filterFieldsByName: (tables, options) => tables.map((table) => filterFields(table, options)),
  renameByRegex: (tables, options) => tables.map((table) => rename(table, options)),
  sortBy: (tables, options) => tables.map((table) => sortBy(table, options)),
  groupBy: (tables, options) => tables.map((table) => groupBy(table, options)),
  calculateField: (tables, options) => tables.map((table) => calculateField(table, options)),
  reduce: (tables, options) => reduceTables(tables, options),
  filterByValue: (tables, options) => tables.map((table) => filterByValue(table, options)),
  convertFieldType: (tables, options) => tables.map((table) => convertFieldType(table, options)),
  // Labels are columns from the start.
  labelsToFields: (tables) => tables,
  limit: (tables, options) => tables.map((table) => keepRows(table, (row) => row < Number(options["limitField"] ?? 10))),
};

/** Applies transformations in order, and names those it does not know. */
export function transformTables(tables: Column[][], steps: readonly Transformation[]): { tables: Column[][]; unknown: string[] } {
  const unknown: string[] = [];
  let current = tables;
  for (const step of steps) {
    if (step.disabled) continue;
    const apply = Object.hasOwn(TRANSFORMATIONS, step.id) ? TRANSFORMATIONS[step.id] : undefined;
    if (apply) current = apply(current, step.options);
    else unknown.push(step.id);
  }
  return { tables: current, unknown };
}

function rowsOf(table: Column[]): number {
  return table[0]?.cells.length ?? 0;
}

/** Rows that agree in every column the tables share become one row. */
function merge(tables: Column[][]): Column[] {
  if (tables.length <= 1) return tables[0] ?? [];
  const names = [...new Set(tables.flatMap((table) => table.map((column) => column.name)))];
  const shared = names.filter((name) => name !== "Time" && tables.every((table) => table.some((column) => column.name === name)));
  return combine(tables, names, shared);
}

/** Rows that agree in one column become one row. */
function join(tables: Column[][], field: string): Column[] {
  const names = [...new Set(tables.flatMap((table) => table.map((column) => column.name)))];
  return combine(tables, names, [field]);
}

function combine(tables: Column[][], names: string[], keys: string[]): Column[] {
  const rows = new Map<string, Map<string, Cell>>();
  for (const table of tables) {
    for (let row = 0; row < rowsOf(table); row += 1) {
      const key = JSON.stringify(keys.map((name) => table.find((column) => column.name === name)?.cells[row] ?? null));
      const merged = rows.get(key) ?? new Map<string, Cell>();
      for (const column of table) {
        const cell = column.cells[row];
        if (cell !== undefined && !merged.has(column.name)) merged.set(column.name, cell);
      }
      rows.set(key, merged);
    }
  }
  const first = (name: string) => tables.flat().find((column) => column.name === name);
  const ordered = [...names.filter((name) => first(name)?.type !== "number"), ...names.filter((name) => first(name)?.type === "number")];
  return ordered.map((name) => {
    const source = first(name);
    return {
      name,
      type: source?.type ?? "string",
      refId: source?.refId ?? "",
      cells: [...rows.values()].map((row) => row.get(name) ?? null),
    };
  });
}

function organize(table: Column[], options: Record<string, unknown>): Column[] {
  const excluded = (options["excludeByName"] ?? {}) as Record<string, boolean>;
  const order = (options["indexByName"] ?? {}) as Record<string, number>;
  const titles = (options["renameByName"] ?? {}) as Record<string, string>;
  return table
    .filter((column) => !excluded[column.name])
    .map((column, index) => ({ column, at: order[column.name] ?? 1000 + index }))
    .sort((a, b) => a.at - b.at)
    .map(({ column }) => {
      const title = titles[column.name];
      return title ? { ...column, title } : column;
    });
}

function filterFields(table: Column[], options: Record<string, unknown>): Column[] {
  const include = (options["include"] ?? {}) as { names?: string[]; pattern?: string };
  const exclude = (options["exclude"] ?? {}) as { names?: string[]; pattern?: string };
  return table.filter((column) => {
    const name = column.title ?? column.name;
    const wanted =
      (!include.names && !include.pattern) || include.names?.includes(name) || (include.pattern ? regexFits(include.pattern, name) : false);
    const unwanted = exclude.names?.includes(name) || (exclude.pattern ? regexFits(exclude.pattern, name) : false);
    return wanted && !unwanted;
  });
}

function rename(table: Column[], options: Record<string, unknown>): Column[] {
  let pattern: RegExp;
  try {
    pattern = new RegExp(String(options["regex"] ?? ""));
  } catch {
    return table;
  }
  return table.map((column) => ({ ...column, title: (column.title ?? column.name).replace(pattern, String(options["renamePattern"] ?? "")) }));
}

function sortBy(table: Column[], options: Record<string, unknown>): Column[] {
  const sort = (Array.isArray(options["sort"]) ? options["sort"][0] : undefined) as { field?: string; desc?: boolean } | undefined;
  return sort?.field ? sortRows(table, sort.field, sort.desc === true) : table;
}

function keepRows(table: Column[], keep: (row: number) => boolean): Column[] {
  return table.map((column) => ({ ...column, cells: column.cells.filter((_, row) => keep(row)) }));
}

/** Orders rows by one column; what is missing comes last either way. */
export function sortRows(table: Column[], field: string, descending: boolean): Column[] {
  const column = table.find((one) => one.name === field || one.title === field);
  if (!column) return table;
  const missing = (cell: Cell | undefined) => cell === null || cell === undefined || (typeof cell === "number" && Number.isNaN(cell));
  const order = column.cells
    .map((_, row) => row)
    .sort((a, b) => {
      const left = column.cells[a];
      const right = column.cells[b];
      if (missing(left) || missing(right)) return Number(missing(left)) - Number(missing(right));
      const compared =
        typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
      return descending ? -compared : compared;
    });
  return table.map((one) => ({ ...one, cells: order.map((row) => one.cells[row] ?? null) }));
}
