import { expect, test } from "vitest";
import { interpolate } from "./interpolate.ts";
import { parseDashboard } from "./parse.ts";
import { resolveVariables, valuesOf, type VariableSource } from "./variables.ts";

const range = { start: 0, end: 3_600_000 };

function source(asked: string[]): VariableSource {
  return {
    labelValues: (label, matcher) => {
      asked.push(`${label} of ${matcher ?? "everything"}`);
      return Promise.resolve(label === "job" ? ["node", "api"] : ["b:1", "a:10", "a:2"]);
    },
    labelNames: () => Promise.resolve(["job", "instance"]),
    instant: () => Promise.resolve([{ labels: { __name__: "up", job: "node" }, value: 1 }]),
  };
}

const dashboard = parseDashboard({
  templating: {
    list: [
      { name: "datasource", type: "datasource", query: "prometheus" },
      { name: "job", type: "query", query: { query: "label_values(up, job)" }, multi: true, includeAll: true, current: { value: ["$__all"] } },
      { name: "instance", type: "query", query: 'label_values(up{job=~"$job"}, instance)', sort: 3, regex: "/^(a.*)/" },
      { name: "window", type: "interval", query: "1m,5m,1h", current: { value: "5m" } },
      { name: "size", type: "custom", query: "Small : 1, Large : 9\\,5" },
      { name: "filter", type: "textbox", query: ".*" },
      { name: "fixed", type: "constant", query: "eu" },
    ],
  },
});

test("variables are settled in order, from the URL, the file, or the first option", async () => {
  const asked: string[] = [];
  const resolved = await resolveVariables(dashboard, () => [], range, 15_000, source(asked));
  const byName = Object.fromEntries(resolved.map((one) => [one.variable.name, one]));
  expect(byName["job"]?.selected).toEqual(["$__all"]);
  expect(byName["instance"]?.options).toEqual(["a:2", "a:10"]);
  expect(byName["instance"]?.selected).toEqual(["a:2"]);
  expect(byName["window"]?.selected).toEqual(["5m"]);
  expect(byName["size"]?.options).toEqual(["1", "9,5"]);
  expect(byName["filter"]?.selected).toEqual([".*"]);
  expect(byName["fixed"]?.selected).toEqual(["eu"]);
  expect(asked).toEqual(["job of up", 'instance of up{job=~"(node|api)"}']);
  expect(interpolate("$fixed $window", valuesOf(resolved), "query")).toBe("eu 5m");
});

test("what the URL asks for is obeyed even when no series has it", async () => {
  const resolved = await resolveVariables(dashboard, (name) => (name === "job" ? ["gone"] : []), range, 15_000, source([]));
  expect(resolved.find((one) => one.variable.name === "job")?.selected).toEqual(["gone"]);
});

test("a variable whose query fails says so and leaves the others alone", async () => {
  const broken: VariableSource = { ...source([]), labelValues: () => Promise.reject(new Error("no such label")) };
  const resolved = await resolveVariables(dashboard, () => [], range, 15_000, broken);
  expect(resolved.find((one) => one.variable.name === "job")?.problem).toBe("no such label");
  expect(resolved.find((one) => one.variable.name === "window")?.selected).toEqual(["5m"]);
});

test("all of a list without options matches anything", async () => {
  const empty: VariableSource = { ...source([]), labelValues: () => Promise.resolve([]) };
  const resolved = await resolveVariables(dashboard, () => [], range, 15_000, empty);
  expect(interpolate('up{job=~"$job"}', valuesOf(resolved), "query")).toBe('up{job=~".*"}');
});
