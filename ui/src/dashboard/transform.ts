import { calcName, reduceValues } from "./reduce.ts";
import type { Cell, Column } from "./table.ts";

/** Transformations that compute; those that only arrange are in `table.ts`. Named and meant as in Grafana. */

const nameOf = (column: Column): string => column.title ?? column.name;

const find = (table: readonly Column[], name: string): Column | undefined => table.find((column) => nameOf(column) === name || column.name === name);

const numberOf = (cell: Cell | undefined): number => (cell === null || cell === undefined || cell === "" ? Number.NaN : Number(cell));

const numbersOf = (column: Column): number[] => column.cells.map(numberOf);

/** A calculation over cells that may be texts: of those only first, last and counts make sense. */
function aggregate(column: Column, rows: readonly number[], calc: string): Cell {
  const cells = rows.map((row) => column.cells[row] ?? null);
  if (column.type === "number") return reduceValues(cells.map(numberOf), calc);
  const present = cells.filter((cell) => cell !== null && cell !== "");
  if (calc === "count") return present.length;
  if (calc === "distinctCount") return new Set(present).size;
  return (calc === "first" || calc === "firstNotNull" ? present[0] : present.at(-1)) ?? null;
}

/** Rows with equal cells in the columns grouped by become one; other columns are calculated or go. */
export function groupBy(table: Column[], options: Record<string, unknown>): Column[] {
  const fields = (options["fields"] ?? {}) as Record<string, { operation?: string; aggregations?: string[] } | undefined>;
  const plan = (column: Column) => fields[nameOf(column)] ?? fields[column.name];
  const keys = table.filter((column) => plan(column)?.operation === "groupby");
  if (keys.length === 0) return table;
  const groups = new Map<string, number[]>();
  for (let row = 0; row < (table[0]?.cells.length ?? 0); row += 1) {
    const key = JSON.stringify(keys.map((column) => column.cells[row] ?? null));
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const rows = [...groups.values()];
  return [
    ...keys.map((column) => ({ ...column, cells: rows.map(([first]) => column.cells[first ?? 0] ?? null) })),
    ...table.flatMap((column) => {
      const wanted = plan(column);
      if (wanted?.operation !== "aggregate") return [];
      return (wanted.aggregations ?? []).map(
        (calc): Column => ({
          name: `${nameOf(column)} (${calc})`,
          type: column.type === "number" || calc === "count" || calc === "distinctCount" ? "number" : column.type,
          refId: column.refId,
          cells: rows.map((group) => aggregate(column, group, calc)),
        }),
      );
    }),
  ];
}

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "**": (a, b) => a ** b,
};

const UNARY: Readonly<Record<string, (value: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  round: Math.round,
};

/** Adds a column calculated from others of its row. */
export function calculateField(table: Column[], options: Record<string, unknown>): Column[] {
  const made = calculated(table, options);
  if (!made) return table;
  const name = String(options["alias"] ?? "") || made.name;
  const column: Column = { name, type: "number", refId: table[0]?.refId ?? "", cells: made.cells };
  return options["replaceFields"] === true ? [...table.filter((one) => one.type === "time"), column] : [...table, column];
}

function calculated(table: Column[], options: Record<string, unknown>): { name: string; cells: Cell[] } | undefined {
  const rows = table[0]?.cells.length ?? 0;
  if (options["mode"] === "binary") {
    const { left, right, operator = "+" } = (options["binary"] ?? {}) as { left?: unknown; right?: unknown; operator?: string };
    const [a, b, apply] = [operand(table, left, rows), operand(table, right, rows), OPERATIONS[operator]];
    if (!a || !b || !apply) return undefined;
    return { name: `${operandName(left)} ${operator} ${operandName(right)}`, cells: a.map((value, row) => apply(value, b[row] ?? Number.NaN)) };
  }
  if (options["mode"] === "unary") {
    const { fieldName = "", operator = "" } = (options["unary"] ?? {}) as { fieldName?: string; operator?: string };
    const [column, apply] = [find(table, fieldName), UNARY[operator]];
    return column && apply ? { name: `${operator} ${fieldName}`, cells: numbersOf(column).map(apply) } : undefined;
  }
  if (options["mode"] === "index") return { name: "Row", cells: Array.from({ length: rows }, (_, row) => row) };
  if (options["mode"] !== undefined && options["mode"] !== "reduceRow") return undefined;
  const { include, reducer = "sum" } = (options["reduce"] ?? {}) as { include?: string[]; reducer?: string };
  const columns = table.filter((column) => column.type === "number" && (!include?.length || include.includes(nameOf(column))));
  return { name: calcName(reducer), cells: Array.from({ length: rows }, (_, row) => reduceValues(columns.map((column) => numberOf(column.cells[row])), reducer)) };
}

/** A column's numbers, or one number for all rows. Newer dashboards wrap the name. */
function operand(table: Column[], written: unknown, rows: number): number[] | undefined {
  const name = operandName(written);
  const column = find(table, name);
  if (column) return numbersOf(column);
  const value = Number(name);
  return name.trim() !== "" && Number.isFinite(value) ? new Array<number>(rows).fill(value) : undefined;
}

function operandName(written: unknown): string {
  if (typeof written === "object" && written !== null) {
    const { matcher, fixed } = written as { matcher?: { options?: unknown }; fixed?: unknown };
    return String(fixed ?? matcher?.options ?? "");
  }
  return String(written ?? "");
}

/** Every column to one row of calculations (`seriesToRows`), or every column to one cell (`reduceFields`). */
export function reduceTables(tables: Column[][], options: Record<string, unknown>): Column[][] {
  const reducers = Array.isArray(options["reducers"]) && options["reducers"].length > 0 ? options["reducers"].map(String) : ["max"];
  if (options["mode"] === "reduceFields") {
    const calc = reducers[0] ?? "max";
    return tables.map((table) => table.filter((column) => column.type !== "time").map((column) => ({ ...column, cells: [aggregate(column, [...column.cells.keys()], calc)] })));
  }
  const columns = tables.flat().filter((column) => column.type === "number");
  return [
    [
      { name: "Field", type: "string", refId: "", cells: columns.map(nameOf) },
      ...reducers.map((calc): Column => ({ name: calcName(calc), type: "number", refId: "", cells: columns.map((column) => reduceValues(numbersOf(column), calc)) })),
    ],
  ];
}

type Test = (cell: Cell, options: Record<string, unknown>) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  isNull: (cell) => cell === null || cell === "" || (typeof cell === "number" && Number.isNaN(cell)),
  isNotNull: (cell) => !(cell === null || cell === "" || (typeof cell === "number" && Number.isNaN(cell))),
  equal: (cell, options) => String(cell) === String(options["value"] ?? ""),
  notEqual: (cell, options) => String(cell) !== String(options["value"] ?? ""),
  greater: (cell, options) => numberOf(cell) > Number(options["value"]),
  greaterOrEqual: (cell, options) => numberOf(cell) >= Number(options["value"]),
  lower: (cell, options) => numberOf(cell) < Number(options["value"]),
  lowerOrEqual: (cell, options) => numberOf(cell) <= Number(options["value"]),
  between: (cell, options) => numberOf(cell) >= Number(options["from"]) && numberOf(cell) <= Number(options["to"]),
  substring: (cell, options) => String(cell ?? "").toLowerCase().includes(String(options["value"] ?? "").toLowerCase()),
  regex: (cell, options) => {
    try {
      return new RegExp(String(options["value"] ?? "")).test(String(cell ?? ""));
    } catch {
      return false;
    }
  },
};

/** Keeps, or leaves out, the rows whose cells fit. A condition on a column that is not there fits nothing. */
export function filterByValue(table: Column[], options: Record<string, unknown>): Column[] {
  const filters = (Array.isArray(options["filters"]) ? options["filters"] : []) as { fieldName?: string; config?: { id?: string; options?: Record<string, unknown> } }[];
  const tests = filters.flatMap(({ fieldName = "", config }) => {
    const [column, test] = [find(table, fieldName), TESTS[config?.id ?? ""]];
    return column && test ? [(row: number) => test(column.cells[row] ?? null, config?.options ?? {})] : [];
  });
  if (tests.length === 0) return table;
  const fits = (row: number) => (options["match"] === "all" ? tests.every((test) => test(row)) : tests.some((test) => test(row)));
  const keep = options["type"] !== "exclude";
  return table.map((column) => ({ ...column, cells: column.cells.filter((_, row) => fits(row) === keep) }));
}

/** Reads the cells of named columns as another type. */
export function convertFieldType(table: Column[], options: Record<string, unknown>): Column[] {
  const conversions = (Array.isArray(options["conversions"]) ? options["conversions"] : []) as { targetField?: string; destinationType?: string }[];
  return table.map((column) => {
    const type = conversions.find((one) => one.targetField === nameOf(column) || one.targetField === column.name)?.destinationType;
    if (type === "number") return { ...column, type, cells: numbersOf(column) };
    if (type === "string") return { ...column, type, cells: column.cells.map((cell) => (cell === null ? null : String(cell))) };
    if (type === "time") return { ...column, type, cells: column.cells.map((cell) => (typeof cell === "number" ? cell : Date.parse(String(cell)))) };
    return column;
  });
}
