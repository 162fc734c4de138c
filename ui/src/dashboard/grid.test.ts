import { expect, test } from "vitest";
import { columnsFor, layOut } from "./grid.ts";
import type { GridPos } from "./model.ts";

const panels: GridPos[] = [
  { x: 0, y: 10, w: 4, h: 5 },
  { x: 4, y: 10, w: 4, h: 5 },
  { x: 8, y: 10, w: 16, h: 5 },
  { x: 0, y: 15, w: 12, h: 8 },
  { x: 12, y: 15, w: 12, h: 8 },
];

test("at full width panels lie where their author put them, from the top", () => {
  expect(layOut(panels, 24)[0]).toEqual({ column: 1, span: 4, row: 1, rows: 5 });
  expect(layOut(panels, 24)[4]).toEqual({ column: 13, span: 12, row: 6, rows: 8 });
});

test.each([12, 4] as const)("on %d columns no panel overlaps another or leaves the grid, and every line is filled", (columns) => {
  const taken = new Map<string, number>();
  const perRow = new Map<number, number>();
  layOut(panels, columns).forEach((place, index) => {
    expect(place.column).toBeGreaterThanOrEqual(1);
    expect(place.column + place.span - 1).toBeLessThanOrEqual(columns);
    for (let row = place.row; row < place.row + place.rows; row += 1) {
      perRow.set(row, (perRow.get(row) ?? 0) + place.span);
      for (let column = place.column; column < place.column + place.span; column += 1) {
        const key = `${row}/${column}`;
        expect(taken.get(key), `cell ${key} of panel ${index}`).toBeUndefined();
        taken.set(key, index);
      }
    }
  });
  expect([...perRow.values()].every((used) => used === columns)).toBe(true);
});

test("reading order survives the flow", () => {
  const shuffled = [...panels].reverse();
  const places = layOut(shuffled, 4);
  const rows = places.map((place) => place.row).reverse();
  expect([...rows].sort((a, b) => a - b)).toEqual(rows);
});

test("narrow pages get fewer columns", () => {
  expect([1440, 800, 390].map(columnsFor)).toEqual([24, 12, 4]);
});
