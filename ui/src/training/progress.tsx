import type { Run } from "../api/training.ts";
import { formatNumber } from "../format/number.ts";
import { describeDuration } from "../time/duration.ts";

/** How far a run is: a bar where its end is known, and its step or epoch in words. */
export function RunProgressBar({ run }: { run: Run }) {
  const { ratio, etaSeconds } = run.progress;
  const words = placeOf(run);
  if (words === "" && ratio === null) return <span className="muted">–</span>;
  return (
    <span className="run-progress">
      {ratio === null ? null : (
        <span className="run-progress-bar" role="progressbar" aria-label={`Progress of ${run.name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(ratio * 100)}>
          <span style={{ width: `${Math.min(100, Math.max(0, ratio * 100))}%` }} data-status={run.stalled ? "stalled" : run.status} />
        </span>
      )}
      <span className="run-progress-words">
        {ratio === null ? "" : `${formatNumber(ratio * 100, ratio >= 0.9995 && ratio < 1 ? 2 : 0)} % · `}
        {words}
        {run.status === "running" && etaSeconds !== null && !run.stalled ? ` · ${describeDuration(etaSeconds * 1000)} left` : ""}
      </span>
    </span>
  );
}

function placeOf({ progress }: Run): string {
  const { step, totalSteps, epoch, totalEpochs } = progress;
  if (step !== null) return `step ${step.toLocaleString("en")}${totalSteps === null ? "" : ` of ${totalSteps.toLocaleString("en")}`}`;
  if (epoch !== null) return `epoch ${formatNumber(epoch)}${totalEpochs === null ? "" : ` of ${formatNumber(totalEpochs)}`}`;
  return "";
}
