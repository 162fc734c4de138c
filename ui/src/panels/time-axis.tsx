import { timeTicks } from "../chart/ticks.ts";
import type { Zone } from "../time/range.ts";

const HALF_A_LABEL_PX = 18;

/** The instants beneath a picture that is drawn over time. */
export function TimeAxis({ start, end, width, zone }: { start: number; end: number; width: number; zone: Zone }) {
  return (
    <div className="time-axis" aria-hidden="true">
      {timeTicks(start, end, width, zone)
        // A label that would be cut says less than none.
        .filter((tick) => Math.min(tick.at, 1 - tick.at) * width > HALF_A_LABEL_PX)
        .map((tick) => (
        <span key={tick.at} style={{ left: `${tick.at * 100}%` }}>
          {tick.text}
        </span>
      ))}
    </div>
  );
}
