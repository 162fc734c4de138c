import { formatDateTime, type Zone } from "../time/range.ts";

export interface Tick {
  /** Share of the way from start to end, 0 to 1. */
  at: number;
  text: string;
}

const MINUTE = 60_000;
const STEPS = [1_000, 5_000, 10_000, 30_000, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 60 * MINUTE, 180 * MINUTE, 360 * MINUTE, 720 * MINUTE];
const DAY = 1_440 * MINUTE;
const ROOM_PX = 84;

/** Round instants between two, no closer than their texts need. */
export function timeTicks(start: number, end: number, width: number, zone: Zone): Tick[] {
  const span = end - start;
  if (!(span > 0) || width <= 0) return [];
  const least = (span * ROOM_PX) / width;
  const step = STEPS.find((one) => one >= least) ?? DAY * Math.max(1, Math.ceil(least / DAY));
  // Days begin at midnight where the reader is.
  const shift = zone === "utc" ? 0 : new Date(start).getTimezoneOffset() * MINUTE;
  const ticks: Tick[] = [];
  for (let at = Math.ceil((start - shift) / step) * step + shift; at <= end; at += step) {
    const [day = "", time = ""] = formatDateTime(at, zone).split(" ");
    ticks.push({ at: (at - start) / span, text: time === "00:00:00" ? day.slice(5) : step < MINUTE ? time : time.slice(0, 5) });
  }
  return ticks;
}
