import { describe, expect, it } from "vitest";
import { dayName, dayStarts, dayTime, knownZone, weekStart } from "./zoned.ts";

const at = (text: string) => Date.parse(text);
const iso = (times: number[]) => times.map((time) => new Date(time).toISOString());

describe("days of a zone", () => {
  it("are 23 and 25 hours long where clocks change", () => {
    expect(iso(dayStarts(at("2026-03-28T12:00:00Z"), 3, "Europe/Berlin"))).toEqual([
      "2026-03-27T23:00:00.000Z",
      "2026-03-28T23:00:00.000Z",
      "2026-03-29T22:00:00.000Z",
      "2026-03-30T22:00:00.000Z",
    ]);
    expect(iso(dayStarts(at("2026-10-25T12:00:00Z"), 1, "Europe/Berlin"))).toEqual(["2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"]);
  });

  it("begin later where midnight itself is skipped", () => {
    // Clocks in Santiago went from 24:00 to 01:00.
    expect(iso(dayStarts(at("2026-09-06T15:00:00Z"), 0, "America/Santiago"))).toEqual(["2026-09-06T04:00:00.000Z"]);
  });

  it("are found for odd offsets and for leap days", () => {
    expect(iso(dayStarts(at("2028-02-29T00:00:00Z"), 1, "Asia/Kolkata"))).toEqual(["2028-02-28T18:30:00.000Z", "2028-02-29T18:30:00.000Z"]);
    expect(dayName(at("2028-02-29T00:00:00Z"), "Asia/Kolkata")).toBe("Tue 02-29");
  });

  it("stand in weeks that begin on Monday", () => {
    expect(iso([weekStart(at("2026-11-22T23:30:00Z"), "UTC")])).toEqual(["2026-11-16T00:00:00.000Z"]);
    expect(iso([weekStart(at("2026-11-22T23:30:00Z"), "Asia/Tokyo")])).toEqual(["2026-11-22T15:00:00.000Z"]);
    expect(dayTime(at("2026-11-22T23:30:00Z"), "Asia/Tokyo")).toBe("Mon 11-23 08:30");
  });

  it("are those of UTC where the zone is unknown", () => {
    expect(knownZone("Mars/Olympus")).toBe("UTC");
  });
});
