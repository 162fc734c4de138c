import { useId, useMemo } from "react";
import type { RunAxis } from "../api/training.ts";
import { useUrlState } from "../app/url.ts";
import { FilterButtons } from "../widgets/filter-bar.tsx";
import type { CurveStyle } from "./curves.ts";

const AXES: readonly { value: RunAxis; text: string }[] = [
  { value: "step", text: "Step" },
  { value: "relative", text: "Since start" },
  { value: "time", text: "Time" },
];

/** How the page's curves are drawn, as its address says. */
export function useCurveStyle(): CurveStyle {
  const { params } = useUrlState();
  const x = AXES.find((axis) => axis.value === params.get("x"))?.value ?? "step";
  const smoothing = Math.min(0.99, Math.max(0, Number(params.get("smooth")) || 0));
  const log = params.get("y") === "log";
  return useMemo(() => ({ x, smoothing, log }), [x, smoothing, log]);
}

export function CurveControls({ style }: { style: CurveStyle }) {
  const { change } = useUrlState();
  const slider = useId();
  return (
    <div className="filters curve-controls">
      <FilterButtons label="Over what" value={style.x} options={AXES} onChange={(x) => change({ x: x === "step" ? undefined : x })} />
      <FilterButtons
        label="Scale"
        value={style.log ? "log" : "linear"}
        options={[
          { value: "linear", text: "Linear" },
          { value: "log", text: "Logarithmic" },
        ]}
        onChange={(y) => change({ y: y === "log" ? "log" : undefined })}
      />
      <div className="curve-smoothing">
        <label htmlFor={slider}>Smoothing</label>
        <input id={slider} type="range" min={0} max={0.99} step={0.01} value={style.smoothing} onChange={(event) => change({ smooth: Number(event.target.value) === 0 ? undefined : event.target.value })} />
        <output htmlFor={slider}>{style.smoothing === 0 ? "none" : style.smoothing.toFixed(2)}</output>
      </div>
    </div>
  );
}
