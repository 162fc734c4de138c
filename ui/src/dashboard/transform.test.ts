import { describe, expect, test } from "vitest";
import { transformTables, type Cell, type Column } from "./table.ts";

const text = (name: string, cells: Cell[]): Column => ({ name, type: "string", refId: "A", cells });
const number = (name: string, cells: Cell[]): Column => ({ name, type: "number", refId: "A", cells });
const run = (tables: Column[][], id: string, options: Record<string, unknown>) => {
  const { tables: made, unknown } = transformTables(tables, [{ id, options, disabled: false }]);
  expect(unknown).toEqual([]);
  return made.map((table) => table.map((column) => [column.title ?? column.name, column.cells]));
};

const disks = [text("host", ["a", "b", "a"]), text("mount", ["/", "/", "/home"]), number("Value", [1, 2, 4])];

describe("transformations of tables", () => {
  test("rows are grouped, and other columns calculated or left out", () => {
    const fields = { host: { operation: "groupby" }, Value: { operation: "aggregate", aggregations: ["sum", "max"] }, mount: { operation: "aggregate", aggregations: ["count"] } };
    expect(run([disks], "groupBy", { fields })).toEqual([
      [
        ["host", ["a", "b"]],
        ["mount (count)", [2, 1]],
        ["Value (sum)", [5, 2]],
        ["Value (max)", [4, 2]],
      ],
    ]);
    expect(run([disks], "groupBy", {})[0]).toHaveLength(3);
  });

  test("a column is calculated from two others, or from one and a number", () => {
    const table = [number("Size", [10, 4, null]), number("Free", [5, 1, 1])];
    const binary = (left: unknown, operator: string, right: unknown) => run([table], "calculateField", { mode: "binary", alias: "x", binary: { left, operator, right } })[0]?.[2]?.[1];
    expect(binary("Free", "/", "Size")).toEqual([0.5, 0.25, Number.NaN]);
    expect(binary("Free", "*", "100")).toEqual([500, 100, 100]);
    expect(binary({ matcher: { options: "Size" } }, "-", { fixed: 1 })).toEqual([9, 3, Number.NaN]);
    expect(binary("Gone", "-", "Size")).toBeUndefined();
  });

  test("a row is reduced over its numbers, and may replace them", () => {
    const table = [text("k", ["a"]), number("x", [1]), number("y", [5])];
    expect(run([table], "calculateField", { reduce: { reducer: "sum" } })[0]?.at(-1)).toEqual(["Total", [6]]);
    expect(run([table], "calculateField", { mode: "reduceRow", reduce: { reducer: "max", include: ["x"] }, replaceFields: true })).toEqual([[["Max", [1]]]]);
  });

  test("tables are reduced to a row for each column, or to one row", () => {
    expect(run([disks], "reduce", { reducers: ["min", "max"] })).toEqual([
      [
        ["Field", ["Value"]],
        ["Min", [1]],
        ["Max", [4]],
      ],
    ]);
    expect(run([disks], "reduce", { mode: "reduceFields", reducers: ["lastNotNull"] })[0]?.map(([, cells]) => cells)).toEqual([["a"], ["/home"], [4]]);
  });

  test("rows are kept or left out by value", () => {
    const filter = (type: string, match: string, ...filters: [string, string, unknown?][]) =>
      run([disks], "filterByValue", { type, match, filters: filters.map(([fieldName, id, value]) => ({ fieldName, config: { id, options: { value } } })) })[0]?.[2]?.[1];
    expect(filter("include", "all", ["Value", "greater", 1], ["host", "equal", "a"])).toEqual([4]);
    expect(filter("exclude", "any", ["Value", "lowerOrEqual", 1], ["mount", "regex", "^/home$"])).toEqual([2]);
    expect(filter("include", "any", ["Gone", "isNull"])).toEqual([1, 2, 4]);
  });

  test("texts become numbers", () => {
    expect(run([[text("index", ["3", "x", ""])]], "convertFieldType", { conversions: [{ targetField: "index", destinationType: "number" }] })).toEqual([
      [["index", [3, Number.NaN, Number.NaN]]],
    ]);
  });
});
