import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import { resolveColor, withAlpha, type Theme } from "../format/colors.ts";
import { stepValue } from "../format/thresholds.ts";
import type { DrawnPanel } from "./panel.tsx";
import { reducedValues, type ReducedValue } from "./reduced.ts";

const MOST_SHOWN = 24;
const START = -120;
const SWEEP = 240;

export function GaugePanel({ panel, planned, results, width, height }: DrawnPanel) {
  const theme = useTheme();
  const values = useMemo(() => reducedValues(panel, planned, results, theme), [panel, planned, results, theme]);
  const shown = values.slice(0, MOST_SHOWN);
  const columns = Math.max(1, Math.min(shown.length, Math.round(Math.sqrt((shown.length * width) / Math.max(1, height))), Math.floor(width / 84) || 1));
  const markers = panel.options["showThresholdMarkers"] !== false;
  return (
    <ul className="gauges" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }} aria-label="Values">
      {shown.map((value) => (
        <Gauge key={value.key} value={value} theme={theme} named={shown.length > 1} markers={markers} />
      ))}
    </ul>
  );
}

function Gauge({ value, theme, named, markers }: { value: ReducedValue; theme: Theme; named: boolean; markers: boolean }) {
  const { min = 0, max = value.style.unit === "percentunit" ? 1 : 100, thresholds } = value.style;
  const share = Number.isFinite(value.value) ? Math.min(1, Math.max(0, (value.value - min) / (max - min || 1))) : 0;
  const length = value.text.length + value.suffix.length * 0.7;
  return (
    <li className="gauge">
      <svg viewBox="0 0 120 92" role="img" aria-label={`${named ? `${value.name}: ` : ""}${value.text}${value.suffix}`}>
        <path d={arc(46, 0, 1)} className="gauge-track" />
        {share > 0 ? <path d={arc(46, 0, share)} className="gauge-fill" stroke={value.color} /> : null}
        {markers && thresholds
          ? thresholds.steps.map((step, index) => {
              const from = stepValue(thresholds, step, min, max) ?? min;
              const next = thresholds.steps[index + 1];
              const to = next ? (stepValue(thresholds, next, min, max) ?? max) : max;
              const start = Math.min(1, Math.max(0, (from - min) / (max - min || 1)));
              const end = Math.min(1, Math.max(0, (to - min) / (max - min || 1)));
              return end > start ? (
                <path key={`${step.value}`} d={arc(55, start, end)} className="gauge-mark" stroke={withAlpha(resolveColor(step.color, theme), 0.8)} />
              ) : null;
            })
          : null}
        <text x="60" y="64" className="gauge-text" fill={value.color} fontSize={Math.min(24, 108 / Math.max(4, length))}>
          {value.text}
          <tspan className="gauge-suffix" fontSize={Math.min(14, 70 / Math.max(4, length))}>
            {value.suffix}
          </tspan>
        </text>
      </svg>
      {named ? <span className="gauge-name">{value.name}</span> : null}
    </li>
  );
}

/** A part of the gauge's arc, from share to share. */
function arc(radius: number, from: number, to: number): string {
  const point = (share: number) => {
    const angle = ((START + SWEEP * share) * Math.PI) / 180;
    return `${(60 + radius * Math.sin(angle)).toFixed(2)} ${(60 - radius * Math.cos(angle)).toFixed(2)}`;
  };
  const large = (to - from) * SWEEP > 180 ? 1 : 0;
  return `M${point(from)}A${radius} ${radius} 0 ${large} 1 ${point(to)}`;
}
