import { describe, expect, test } from "vitest";
import { matchersOf, matcherText, parseMatchers, withOperator } from "./matchers.ts";

const equal = (name: string, value: string) => ({ name, value, isRegex: false, isEqual: true });

describe("matchers as people write them", () => {
  test("all four operators are read, with and without quotes and braces", () => {
    expect(parseMatchers('severity="critical"').matchers).toEqual([equal("severity", "critical")]);
    expect(parseMatchers('{a=b, c!="d",e=~"f.*" , g!~h}').matchers).toEqual([
      equal("a", "b"),
      withOperator(equal("c", "d"), "!="),
      withOperator(equal("e", "f.*"), "=~"),
      withOperator(equal("g", "h"), "!~"),
    ]);
  });

  test("no text is no matcher and no problem, and an empty value is a value", () => {
    expect(parseMatchers("  ")).toEqual({ matchers: [] });
    expect(parseMatchers("a=").matchers).toEqual([equal("a", "")]);
  });

  test("what is wrong is named with its place", () => {
    expect(parseMatchers("severity critical").problem).toContain("severity critical");
    expect(parseMatchers('a="b" c="d"').problem).toContain("comma");
    expect(parseMatchers('a="b').problem).toContain("a matcher");
  });

  test("what is written is read back as it was, hostile letters included", () => {
    for (const value of ['a"b', "a\\b", "two\nlines", "", "a,b={}", "é", "<img src=x>"]) {
      for (const name of ["job", "with space", 'quo"te', "http.status"]) {
        for (const operator of ["=", "!=", "=~", "!~"] as const) {
          const matcher = withOperator(equal(name, value), operator);
          expect(parseMatchers(matcherText(matcher))).toEqual({ matchers: [matcher] });
        }
      }
    }
  });

  test("labels become matchers that fit exactly them", () => {
    expect(matchersOf({ a: "1", b: "2" })).toEqual([equal("a", "1"), equal("b", "2")]);
  });
});
