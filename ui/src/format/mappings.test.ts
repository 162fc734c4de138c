import { expect, test } from "vitest";
import { mapValue } from "./mappings.ts";
import { stepAt, type Thresholds } from "./thresholds.ts";

test("the first mapping that applies wins", () => {
  const mappings = [
    { type: "value", options: { "0": { text: "Down", color: "red" } } },
    { type: "range", options: { from: 0, to: 10, result: { text: "Few" } } },
    { type: "special", options: { match: "null+nan", result: { text: "No traffic" } } },
    { type: "regex", options: { pattern: "/^node-/", result: { text: "A node" } } },
  ];
  expect(mapValue(mappings, 0)).toEqual({ text: "Down", color: "red" });
  expect(mapValue(mappings, 5)).toEqual({ text: "Few" });
  expect(mapValue(mappings, Number.NaN)).toEqual({ text: "No traffic" });
  expect(mapValue(mappings, null)).toEqual({ text: "No traffic" });
  expect(mapValue(mappings, "node-1")).toEqual({ text: "A node" });
  expect(mapValue(mappings, 11)).toBeUndefined();
});

test("mappings of before Grafana 8 are read", () => {
  expect(mapValue([{ type: 1, value: "1", text: "Up" }], 1)).toEqual({ text: "Up" });
  expect(mapValue([{ type: 2, from: "1", to: "3", text: "Some" }], 2)).toEqual({ text: "Some" });
});

test("a broken pattern maps nothing", () => {
  expect(mapValue([{ type: "regex", options: { pattern: "(", result: { text: "x" } } }], "(")).toBeUndefined();
});

test("a value falls in the last threshold it reaches", () => {
  const absolute: Thresholds = { mode: "absolute", steps: [{ value: null, color: "green" }, { value: 80, color: "yellow" }, { value: 90, color: "red" }] };
  expect([-5, 79.9, 80, 95].map((value) => stepAt(absolute, value)?.color)).toEqual(["green", "green", "yellow", "red"]);
  const percentage: Thresholds = { ...absolute, mode: "percentage" };
  expect(stepAt(percentage, 170, 100, 200)?.color).toBe("green");
  expect(stepAt(percentage, 185, 100, 200)?.color).toBe("yellow");
});
