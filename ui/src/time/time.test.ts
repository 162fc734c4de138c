import { expect, test } from "vitest";
import { describeDuration, formatDuration, parseDuration } from "./duration.ts";
import { describeRange, formatDateTime, fromInputValue, isLive, resolveInstant, resolveRange, toInputValue } from "./range.ts";
import { alignRange, chooseStep, rateInterval } from "./step.ts";

const now = Date.UTC(2026, 10, 21, 4, 5, 6);
const HOUR = 3_600_000;

test("durations read and write as PromQL has them", () => {
  expect(["15s", "1h30m", "2d", "100ms", "1w"].map(parseDuration)).toEqual([15_000, 5_400_000, 172_800_000, 100, 604_800_000]);
  expect(["", "5", "m5", "1 h", "-1h"].map(parseDuration)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect([90_000, 0, 86_400_000, 1_500].map(formatDuration)).toEqual(["1m30s", "0s", "1d", "1s500ms"]);
  expect([500, 65_000, 90_000_000].map(describeDuration)).toEqual(["500 ms", "1 min 5 s", "1 d 1 h"]);
});

test("ends of a range are relative, rounded, milliseconds or ISO 8601", () => {
  expect(resolveInstant("now", now)).toBe(now);
  expect(resolveInstant("now-1h", now)).toBe(now - HOUR);
  expect(resolveInstant("1700000000000", now)).toBe(1_700_000_000_000);
  expect(resolveInstant("2026-11-21T00:00:00Z", now)).toBe(Date.UTC(2026, 10, 21));
  expect(resolveInstant("now-1h/h", now)).toBe(Date.UTC(2026, 10, 21, 3));
  expect(resolveInstant("now/h", now, true)).toBe(Date.UTC(2026, 10, 21, 5) - 1);
  expect(resolveInstant("yesterday", now)).toBeUndefined();
});

test("a range that cannot be read, or runs backwards, becomes the last hour", () => {
  const lastHour = { start: now - HOUR, end: now };
  expect(resolveRange({ from: "junk", to: "now" }, now)).toEqual(lastHour);
  expect(resolveRange({ from: "now", to: "now-1h" }, now)).toEqual(lastHour);
});

test("ranges are named for people, and know whether they move", () => {
  expect(describeRange({ from: "now-6h", to: "now" }, "utc")).toBe("Last 6 hours");
  expect(describeRange({ from: String(now), to: String(now + 1000) }, "utc")).toBe("2026-11-21 04:05:06 to 2026-11-21 04:05:07");
  expect([isLive({ from: "now-1h", to: "now" }), isLive({ from: "0", to: "1700000000000" })]).toEqual([true, false]);
});

test("an input holds the instant it was given, in either zone", () => {
  for (const zone of ["utc", "browser"] as const) expect(fromInputValue(toInputValue(now, zone), zone)).toBe(now);
  expect(formatDateTime(now, "utc")).toBe("2026-11-21 04:05:06");
});

test("a step is one people know, never finer than the least, never too many", () => {
  const range = (span: number) => ({ start: now - span, end: now });
  expect(chooseStep(range(HOUR), 600, 5_000)).toBe(10_000);
  expect(chooseStep(range(300_000), 600, 5_000)).toBe(5_000);
  expect(chooseStep(range(6 * HOUR), 600, 5_000)).toBe(60_000);
  expect(chooseStep(range(HOUR), 600, 7_000)).toBe(7_000);
  const year = range(365 * 24 * HOUR);
  expect((year.end - year.start) / chooseStep(year, 1_000_000, 1_000)).toBeLessThanOrEqual(11_000);
});

test("aligned ranges keep their points while the range moves on", () => {
  const first = alignRange({ start: now - HOUR, end: now }, 15_000);
  const later = alignRange({ start: now - HOUR + 4_000, end: now + 4_000 }, 15_000);
  expect((later.start - first.start) % 15_000).toBe(0);
  expect(first.end % 15_000).toBe(0);
});

test("the rate interval always spans four scrapes", () => {
  expect(rateInterval(5_000, 15_000)).toBe(60_000);
  expect(rateInterval(120_000, 15_000)).toBe(135_000);
});
