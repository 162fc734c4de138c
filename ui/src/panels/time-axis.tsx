import { timeTicks } from "../chart/ticks.ts";
import type { Zone } from "../time/range.ts";

/** The instants beneath a picture that is drawn over time. */
export function TimeAxis({ start, end, width, zone }: { start: number; end: number; width: number; zone: Zone }) {
  return (
    <div className="time-axis" aria-hidden="true">
      {timeTicks(start, end, width, zone).map((tick) => (
        <span key={tick.at} style={{ left: `${tick.at * 100}%` }}>
          {tick.text}
        </span>
      ))}
    </div>
  );
}
