import { describe, expect, test } from "vitest";
import type { Section } from "./model.ts";
import { parseDashboard } from "./parse.ts";
import { MOST_COPIES, repeatSections } from "./repeat.ts";

const values = (...list: string[]) => ({ gpu: { values: list, list: true } });

function sectionsOf(panels: object[]): Section[] {
  return parseDashboard({ panels }).sections;
}

const places = (sections: readonly Section[]) =>
  sections.flatMap((section) => section.panels).map(({ id, scope, gridPos: { x, y, w } }) => [id, scope?.["gpu"]?.values[0], x, y, w]);

describe("repeated panels", () => {
  const panel = { id: 4, type: "stat", repeat: "gpu", maxPerRow: 2, gridPos: { x: 0, y: 0, w: 24, h: 5 } };
  const below = { id: 5, type: "text", gridPos: { x: 0, y: 5, w: 24, h: 3 } };

  test("stand side by side, and what is below moves down", () => {
    expect(places(repeatSections(sectionsOf([panel, below]), values("a", "b", "c")))).toEqual([
      [4, "a", 0, 0, 12],
      [4.001, "b", 12, 0, 12],
      [4.002, "c", 0, 5, 12],
      [5, undefined, 0, 10, 24],
    ]);
  });

  test("stand one beneath the other when the author says so", () => {
    expect(places(repeatSections(sectionsOf([{ ...panel, repeatDirection: "v" }, below]), values("a", "b")))).toEqual([
      [4, "a", 0, 0, 24],
      [4.001, "b", 0, 5, 24],
      [5, undefined, 0, 10, 24],
    ]);
  });

  test("a variable without values, or unknown, leaves one panel", () => {
    expect(repeatSections(sectionsOf([panel]), values())[0]?.panels).toHaveLength(1);
    expect(repeatSections(sectionsOf([panel]), {})[0]?.panels).toHaveLength(1);
  });

  test("copies have a bound", () => {
    const many = Array.from({ length: 500 }, (_, index) => String(index));
    expect(repeatSections(sectionsOf([panel]), values(...many))[0]?.panels).toHaveLength(MOST_COPIES);
  });

  test("copies that an old export holds are not drawn beside ours", () => {
    expect(sectionsOf([panel, { ...panel, id: 9, repeat: undefined, repeatPanelId: 4, scopedVars: {} }])[0]?.panels).toHaveLength(1);
  });
});

test("a repeated row has its panels in each copy, and panels in it may repeat by another variable", () => {
  const sections = sectionsOf([
    { id: 1, type: "row", title: "$host", repeat: "host", gridPos: { x: 0, y: 0, w: 24, h: 1 } },
    { id: 2, type: "stat", repeat: "gpu", gridPos: { x: 0, y: 1, w: 6, h: 4 } },
  ]);
  const made = repeatSections(sections, { ...values("0", "1"), host: { values: ["x", "y"] } });
  expect(made.map((section) => [section.id, section.scope?.["host"]?.values, section.panels.length])).toEqual([
    [1, ["x"], 2],
    [1.001, ["y"], 2],
  ]);
  expect(made[1]?.panels.map((panel) => [panel.scope?.["host"]?.values[0], panel.scope?.["gpu"]?.values[0]])).toEqual([
    ["y", "0"],
    ["y", "1"],
  ]);
  const ids = made.flatMap((section) => section.panels.map((panel) => panel.id));
  expect(new Set(ids).size).toBe(ids.length);
});

test("a row that repeats for no value is left out; one of an unknown variable stays", () => {
  const row = (repeat: string) => sectionsOf([{ id: 1, type: "row", title: "GPUs", collapsed: true, repeat, gridPos: { x: 0, y: 0, w: 24, h: 1 }, panels: [{ id: 2, type: "stat", gridPos: { x: 0, y: 1, w: 6, h: 4 } }] }]);
  const titles = (sections: readonly Section[]) => sections.flatMap((section) => section.title ?? []);
  expect(titles(repeatSections(row("gpu"), values()))).toEqual([]);
  expect(titles(repeatSections(row("gpu"), values("a")))).toEqual(["GPUs"]);
  expect(titles(repeatSections(row("other"), values()))).toEqual(["GPUs"]);
});
