import { describe, expect, test } from "vitest";
import { interpolate, variablesIn } from "./interpolate.ts";

const values = {
  job: { values: ["node", "api"], list: true },
  one: { values: ["10.0.0.1:9100"], list: true },
  plain: { values: ["a|b.*"] },
  all: { values: ["x", "y"], raw: ".+", list: true, text: "All" },
  quote: { values: ['say "hi"\\'] },
  __rate_interval: { values: ["1m"] },
};
const query = (text: string) => interpolate(text, values, "query");

describe("in queries", () => {
  test("several values become alternatives, each taken literally", () => {
    expect(query('up{job=~"$job"}')).toBe('up{job=~"(node|api)"}');
    const dotted = interpolate('up{i=~"$i"}', { i: { values: ["a.b", "c"], list: true } }, "query");
    expect(dotted).toBe('up{i=~"(a\\\\.b|c)"}');
  });
  test("a single choice of a list is literal inside a regular expression, and itself elsewhere", () => {
    expect(query('up{instance=~"$one"}')).toBe('up{instance=~"10\\\\.0\\\\.0\\\\.1:9100"}');
    expect(query('up{instance="$one"}')).toBe('up{instance="10.0.0.1:9100"}');
  });
  test("a variable that is not a list may hold a regular expression", () => {
    expect(query('up{job=~"$plain"}')).toBe('up{job=~"a|b.*"}');
  });
  test("the author's own value for all is used as it is", () => {
    expect(query('up{job=~"$all"}')).toBe('up{job=~".+"}');
  });
  test("quotes and backslashes cannot leave the string", () => {
    expect(query('up{a="$quote"}')).toBe('up{a="say \\"hi\\"\\\\"}');
  });
  test("built-in variables, braces, brackets and formats are understood", () => {
    expect(query("rate(x[$__rate_interval])")).toBe("rate(x[1m])");
    expect(query("rate(x[${__rate_interval}])")).toBe("rate(x[1m])");
    expect(query("[[job:pipe]]")).toBe("node|api");
    expect(query("${job:csv} ${job:json} ${job:glob} ${job:singlequote}")).toBe(`node,api ["node","api"] {node,api} 'node','api'`);
    expect(query("${job:queryparam}")).toBe("var-job=node&var-job=api");
  });
  test("an unknown name stays, so that the error names it", () => {
    expect(query("up{a='$nobody'}")).toBe("up{a='$nobody'}");
  });
});

test("in texts several values are joined for people", () => {
  expect(interpolate("CPU of $job", values)).toBe("CPU of node + api");
  expect(interpolate("CPU of $all", values)).toBe("CPU of All");
});

test("the names a text speaks of are found", () => {
  expect([...variablesIn("a $b ${c:csv} [[d]]")]).toEqual(["b", "c", "d"]);
});
