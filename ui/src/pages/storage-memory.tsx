import type { Memory } from "../api/types.ts";
import { unitText } from "../format/units.ts";
import { Facts } from "../widgets/facts.tsx";
import { Badge, type Tone } from "../widgets/states.tsx";

const PRESSURES: Readonly<Record<Memory["pressure"], readonly [Tone, string]>> = {
  calm: ["good", "There is room."],
  tight: ["warn", "Samples leave memory early. The target that makes the most series makes no more."],
  full: ["bad", "New series are refused, but for the first few of a target."],
  over: ["bad", "New series are refused."],
};

/** What the process uses against its ceiling, with the marks from which it defends itself. */
export function MemoryCard({ memory }: { memory: Memory }) {
  const [tone, meaning] = PRESSURES[memory.pressure];
  const bytes = (value: number) => unitText(value, "bytes");
  const facts: [string, string][] = [
    ["Allocated", bytes(memory.live_bytes)],
    ["of that series and their samples, about", bytes(memory.head_bytes)],
    ["Kept free for the next flush", bytes(memory.flush_bytes)],
    ["Overhead: fragmentation, code, stacks", bytes(memory.overhead_bytes)],
    ["Resident", memory.resident_bytes > 0 ? bytes(memory.resident_bytes) : "unknown"],
  ];
  return (
    <section className="card">
      <h2>Memory</h2>
      {memory.ceiling_bytes > 0 ? (
        <>
          <p>
            <strong>{bytes(memory.used_bytes)}</strong> of {bytes(memory.ceiling_bytes)} <Badge tone={tone}>{memory.pressure}</Badge>{" "}
            <span className="muted">{meaning}</span>
          </p>
          <Meter memory={memory} />
        </>
      ) : (
        <p className="muted">There is no ceiling: metrics.limits.memory is 0, or the machine does not say how much there is.</p>
      )}
      <Facts entries={facts} />
    </section>
  );
}

function Meter({ memory }: { memory: Memory }) {
  const share = (value: number) => `${Math.min(100, (value / memory.ceiling_bytes) * 100)}%`;
  const text = (value: number) => unitText(value, "bytes");
  return (
    <div className="memory-meter">
      <div
        className="memory-track"
        role="meter"
        aria-label="Memory in use"
        aria-valuemin={0}
        aria-valuemax={memory.ceiling_bytes}
        aria-valuenow={Math.min(memory.used_bytes, memory.ceiling_bytes)}
        aria-valuetext={`${text(memory.used_bytes)} of ${text(memory.ceiling_bytes)}`}
      >
        <span className="memory-fill" data-pressure={memory.pressure} style={{ width: share(memory.used_bytes) }} />
        <span className="memory-mark" style={{ left: share(memory.soft_bytes) }} />
        <span className="memory-mark" style={{ left: share(memory.hard_bytes) }} />
      </div>
      <p className="muted memory-legend">
        Marks: early flushes from {text(memory.soft_bytes)}, new series refused from {text(memory.hard_bytes)}
      </p>
    </div>
  );
}
