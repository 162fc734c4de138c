/** Steps of an axis that counts in powers of 1024. */
export const BINARY_STEPS = Array.from({ length: 70 }, (_, power) => 2 ** power);

/** Steps of an axis that tells durations, in seconds: decimal below a second and above a day, as clocks have them between. */
const CLOCK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
const DURATION_STEPS = [
  ...Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => Number(`${digit}e${power - 10}`))).flat(),
  ...CLOCK_STEPS,
  ...Array.from({ length: 6 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power * 86_400)).flat(),
];

/** The same in the axis's unit. Rounded, because 0.1 / 0.001 is not quite 100. */
export function durationSteps(secondsPerUnit: number): number[] {
  return DURATION_STEPS.map((seconds) => Number((seconds / secondsPerUnit).toPrecision(12)));
}
