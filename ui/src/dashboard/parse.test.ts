import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { variablesIn } from "./interpolate.ts";
import { parseDashboard } from "./parse.ts";
import { DRAWN_KINDS } from "./kinds.ts";
import { planQueries } from "./plan.ts";

const context = { range: { start: 1_700_000_000_000, end: 1_700_003_600_000 }, width: 600, scrapeInterval: 15_000, variables: {} };

test("rows of before version 16 become sections with panels on the grid", () => {
  const dashboard = parseDashboard({
    rows: [
      { title: "First", showTitle: true, height: "250px", panels: [{ type: "graph", span: 6, targets: [{ expr: "up" }] }, { type: "singlestat", span: 6, targets: [{ expr: "up" }] }] },
      { title: "Second", showTitle: true, panels: [{ type: "graph", span: 12 }] },
    ],
  });
  expect(dashboard.sections.map((section) => section.title)).toEqual(["First", "Second"]);
  const [graph, stat] = dashboard.sections[0]?.panels ?? [];
  expect([graph?.type, stat?.type]).toEqual(["timeseries", "stat"]);
  expect(stat?.gridPos).toMatchObject({ x: 12, w: 12, h: 8 });
});

test("panels under an open row belong to it; a collapsed row brings its own", () => {
  const dashboard = parseDashboard({
    panels: [
      { id: 1, type: "stat", gridPos: { x: 0, y: 0, w: 6, h: 4 } },
      { id: 2, type: "row", title: "Open", collapsed: false, gridPos: { x: 0, y: 4, w: 24, h: 1 } },
      { id: 3, type: "timeseries", gridPos: { x: 0, y: 5, w: 12, h: 8 } },
      { id: 4, type: "row", title: "Closed", collapsed: true, gridPos: { x: 0, y: 13, w: 24, h: 1 }, panels: [{ id: 5, type: "table" }] },
    ],
  });
  expect(dashboard.sections.map((section) => [section.title, section.collapsed, section.panels.map((panel) => panel.id)])).toEqual([
    [undefined, false, [1]],
    ["Open", false, [3]],
    ["Closed", true, [5]],
  ]);
});

test("nonsense is read as an empty dashboard rather than refused", () => {
  for (const nonsense of [null, 3, "x", [], { panels: "no" }, { panels: [null, 4] }]) {
    expect(() => parseDashboard(nonsense)).not.toThrow();
  }
});

test("the API's wrapper and a version 1 resource are unwrapped", () => {
  expect(parseDashboard({ dashboard: { title: "A" }, meta: {} }).title).toBe("A");
  expect(parseDashboard({ apiVersion: "dashboard.grafana.app/v1beta1", spec: { title: "B" } }).title).toBe("B");
});

test("the home dashboard has only panels and variables that are drawn", () => {
  const file: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "../../../content/dashboards/host.json"), "utf8"));
  const dashboard = parseDashboard(file);
  const panels = dashboard.sections.flatMap((section) => section.panels);
  const ids = panels.map((panel) => panel.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(dashboard).toMatchObject({ uid: "host", title: "This machine", refresh: "5s" });
  expect(dashboard.variables.map((variable) => variable.name)).toEqual(["datasource", "job", "instance", "gpus", "llms"]);
  for (const panel of panels) {
    expect(DRAWN_KINDS).toContain(panel.type);
    for (const { spec } of planQueries(panel, { ...context, variables: { job: { values: ["node"] }, instance: { values: ["a"] } } })) {
      expect([...variablesIn(spec.expr)]).toEqual([]);
    }
  }
});

test("every dashboard that ships has only panels that are drawn, with queries whose variables are known", () => {
  const folder = join(import.meta.dirname, "../../../content/dashboards");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  expect(files.length).toBeGreaterThanOrEqual(4);
  const uids = files.map((name) => {
    const dashboard = parseDashboard(JSON.parse(readFileSync(join(folder, name), "utf8")));
    const variables = Object.fromEntries(dashboard.variables.map((variable) => [variable.name, { values: ["a"] }]));
    for (const panel of dashboard.sections.flatMap((section) => section.panels)) {
      expect(DRAWN_KINDS).toContain(panel.type);
      for (const { spec } of planQueries(panel, { ...context, variables })) {
        expect([...variablesIn(spec.expr)], `${name}: ${panel.title}`).toEqual([]);
      }
    }
    return dashboard.uid;
  });
  expect(new Set(uids).size).toBe(uids.length);
});

const shared = join(process.env["WATCHFIRE_SHARED"] ?? join(import.meta.dirname, "../../../../shared"), "data/dashboards");

describe.skipIf(!existsSync(shared))("public dashboards", () => {
  test("every file is read, and most panels are of a kind that is drawn", () => {
    const drawn = new Set<string>(DRAWN_KINDS);
    let panels = 0;
    let known = 0;
    const files = readdirSync(shared).filter((name) => name.endsWith(".json"));
    for (const name of files) {
      const dashboard = parseDashboard(JSON.parse(readFileSync(join(shared, name), "utf8")));
      for (const panel of dashboard.sections.flatMap((section) => section.panels)) {
        panels += 1;
        if (drawn.has(panel.type)) known += 1;
        planQueries(panel, context);
      }
    }
    console.log(`${files.length} dashboards, ${known} of ${panels} panels drawn`);
    expect(known / panels).toBeGreaterThan(0.9);
  });
});
