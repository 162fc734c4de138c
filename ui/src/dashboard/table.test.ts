import { expect, test } from "vitest";
import type { InstantResult } from "../api/columns.ts";
import type { Target } from "./model.ts";
import { sortRows, tablesOf, transformTables } from "./table.ts";

const target = (refId: string): Target => ({ refId, expr: "x", legendFormat: "", instant: true, format: "table", interval: "", hide: false });
const result = (id: string, rows: [string, number][]): InstantResult => ({
  id,
  kind: "instant",
  time: 1000,
  totalSeries: rows.length,
  warnings: [],
  infos: [],
  series: rows.map(([mountpoint, value]) => ({ labels: { mountpoint }, value })),
});

test("merging joins the rows of several queries on the labels they share", () => {
  const tables = tablesOf([result("A", [["/", 10], ["/home", 20]]), result("B", [["/home", 2], ["/", 1]])], [target("A"), target("B")]);
  const { tables: merged, unknown } = transformTables(tables, [
    { id: "merge", options: {}, disabled: false },
    { id: "organize", options: { excludeByName: { Time: true }, renameByName: { "Value #A": "Size" } }, disabled: false },
    { id: "somethingNew", options: {}, disabled: false },
  ]);
  expect(merged[0]?.map((column) => [column.title ?? column.name, column.cells])).toEqual([
    ["mountpoint", ["/", "/home"]],
    ["Size", [10, 20]],
    ["Value #B", [1, 2]],
  ]);
  expect(unknown).toEqual(["somethingNew"]);
});

test("rows sort by number, and what is missing comes last either way", () => {
  const column = { name: "v", type: "number" as const, refId: "A", cells: [2, null, 10, Number.NaN] };
  expect(sortRows([column], "v", false)[0]?.cells.slice(0, 2)).toEqual([2, 10]);
  expect(sortRows([column], "v", true)[0]?.cells.slice(0, 2)).toEqual([10, 2]);
});

test("a single table passes through merge unchanged", () => {
  const tables = tablesOf([result("A", [["/", 10]])], [target("A")]);
  expect(transformTables(tables, [{ id: "merge", options: {}, disabled: false }]).tables).toEqual(tables);
});
