import type { Run } from "../api/training.ts";
import { Badge, type Tone } from "../widgets/states.tsx";

const TONES: Readonly<Record<Run["status"], Tone>> = { running: "info", scheduled: "plain", finished: "good", failed: "bad", killed: "warn" };

/** What a run is doing; one that should be moving and is not says so. */
export function RunStatusBadge({ run }: { run: Pick<Run, "status" | "stalled"> }) {
  return (
    <>
      <Badge tone={TONES[run.status]}>{run.status}</Badge>
      {run.stalled ? <Badge tone="bad">stalled</Badge> : null}
    </>
  );
}
