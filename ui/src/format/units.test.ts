import { describe, expect, test } from "vitest";
import { unitText } from "./units.ts";

describe("units", () => {
  const cases: [number, string | undefined, number | undefined, string][] = [
    [1234, undefined, undefined, "1234"],
    [0.123456, "none", undefined, "0.123"],
    [1500, "short", undefined, "1.5 K"],
    [2_500_000, "short", undefined, "2.5 Mil"],
    [42.5, "percent", undefined, "42.5%"],
    [0.425, "percentunit", 1, "42.5%"],
    [0, "bytes", undefined, "0 B"],
    [1023, "bytes", undefined, "1023 B"],
    [1024, "bytes", undefined, "1 KiB"],
    [-1_610_612_736, "bytes", undefined, "-1.5 GiB"],
    [1_000_000, "decbytes", undefined, "1 MB"],
    [999_999, "decbytes", undefined, "1 MB"],
    [2048, "kbytes", undefined, "2 MiB"],
    [1500, "Bps", undefined, "1.5 kB/s"],
    [1536, "binBps", undefined, "1.5 KiB/s"],
    [1_000_000_000, "bps", undefined, "1 Gb/s"],
    [1500, "pps", undefined, "1.5 kp/s"],
    [0.0025, "s", undefined, "2.5 ms"],
    [90, "s", undefined, "1.5 min"],
    [7200, "s", undefined, "2 hours"],
    [86_400, "s", undefined, "1 day"],
    [1500, "ms", undefined, "1.5 s"],
    [250, "µs", undefined, "250 µs"],
    [1_500, "ns", undefined, "1.5 µs"],
    [93_784, "dtdurations", undefined, "1 d 2 h"],
    [59, "dtdurations", undefined, "59 s"],
    [3661, "dthms", undefined, "01:01:01"],
    [1200, "ops", undefined, "1.2K ops/s"],
    [3, "reqps", undefined, "3 req/s"],
    [12, "iops", undefined, "12 io/s"],
    [7, "mps", undefined, "7 msg/s"],
    [65.25, "celsius", 1, "65.3 °C"],
    [1_400_000, "hertz", undefined, "1.4 MHz"],
    [350, "watt", undefined, "350 W"],
    [1500, "rotrpm", undefined, "1500 rpm"],
    [12_500, "currencyUSD", undefined, "$12.5K"],
    [1, "bool_yes_no", undefined, "Yes"],
    [0, "bool", undefined, "False"],
    [0, "dateTimeAsIso", undefined, "1970-01-01 00:00:00"],
    [1500, "count:tok/s", undefined, "1.5K tok/s"],
    [5, "suffix: cores", undefined, "5 cores"],
    [5, "prefix:~", undefined, "~5"],
    [1500, "si:mF", undefined, "1.5 F"],
    [3, "cores", undefined, "3 cores"],
    [Number.NaN, "bytes", undefined, "NaN"],
    [Number.POSITIVE_INFINITY, "none", undefined, "+Inf"],
  ];
  test.each(cases)("%d in %s with %s decimals reads %s", (value, unit, decimals, text) => {
    expect(unitText(value, unit, decimals)).toBe(text);
  });

  test("a unit named like a property of every object is only a suffix", () => {
    expect(unitText(1, "constructor")).toBe("1 constructor");
  });
});
