import { expect, test } from "vitest";
import { fittingStart } from "./fitting-start.ts";

test("a young server shows the shortest range that holds all there is", () => {
  const now = 1_800_000_000_000;
  const ago = (minutes: number) => fittingStart(now - minutes * 60_000, now);
  expect([0, 4, 6, 20, 45].map(ago)).toEqual(["now-5m", "now-5m", "now-15m", "now-30m", undefined]);
  expect(fittingStart(undefined, now)).toBeUndefined();
});
