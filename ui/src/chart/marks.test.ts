import { expect, test } from "vitest";
import { stretches } from "./marks.ts";
import { durationSteps } from "./steps.ts";

test("what lasts at the same time is tinted once", () => {
  const mark = (start: number, end: number, color = "red") => ({ key: `${start}`, start, end, title: "", text: "", tags: [], color });
  expect(stretches([mark(5, 9), mark(1, 6), mark(3, 3), mark(20, 30), mark(2, 4, "blue")])).toEqual([
    { start: 1, end: 9, color: "red" },
    { start: 2, end: 4, color: "blue" },
    { start: 20, end: 30, color: "red" },
  ]);
});

test("an axis of durations steps as clocks do, in its own unit", () => {
  const seconds = durationSteps(1);
  expect(seconds).toContain(300);
  expect(seconds).not.toContain(200);
  expect(seconds).toContain(0.1);
  expect(durationSteps(0.001)).toContain(60_000);
  expect(seconds.every((step, index) => index === 0 || step > (seconds[index - 1] ?? 0))).toBe(true);
});
