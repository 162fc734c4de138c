import { describe, expect, it } from "vitest";
import { marksOf, parseAnnotations } from "./annotations.ts";
import type { RangeResult } from "../api/columns.ts";

const result = (values: number[], labels = { alertname: "Down", job: "node" }): RangeResult => ({
  kind: "range",
  id: "a",
  start: 1_000,
  step: 100,
  count: values.length,
  series: [{ labels, values: Float64Array.from(values) }],
  totalSeries: 1,
  warnings: [],
  infos: [],
});

describe("annotations", () => {
  const list = [
    { builtIn: 1, enable: true, name: "Annotations & Alerts", type: "dashboard" },
    { name: "Deploys", expr: "changes(build_info[1m]) > 0", iconColor: "green", titleFormat: "{{job}} deployed", textFormat: "to {{ version }}", tagKeys: "job,none", enable: false },
    { name: "no query" },
  ];

  it("are those that ask a metric store", () => {
    const specs = parseAnnotations(list);
    expect(specs.map((spec) => [spec.name, spec.enable, spec.color])).toEqual([["Deploys", false, "green"]]);
  });

  it("are one stretch where neighbouring steps have a value", () => {
    const [spec] = parseAnnotations(list);
    if (!spec) throw new Error("no annotation");
    const marks = marksOf(spec, result([Number.NaN, 1, 1, Number.NaN, 0, 2]), {});
    expect(marks.map((mark) => [mark.start, mark.end])).toEqual([
      [1_100, 1_200],
      [1_500, 1_500],
    ]);
    expect(marks[0]).toMatchObject({ title: "node deployed", text: "to ", tags: ["node"] });
  });

  it("stand where their value says, when it is a time", () => {
    const [spec] = parseAnnotations([{ name: "Started", expr: "x", useValueForTime: true }]);
    if (!spec) throw new Error("no annotation");
    expect(marksOf(spec, result([5_000, 5_000, 7_000]), {}).map((mark) => mark.start)).toEqual([5_000, 7_000]);
  });
});
