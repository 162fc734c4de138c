import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import type { DrawnPanel } from "./panel.tsx";
import { reducedValues, type ReducedValue } from "./reduced.ts";

const RADIUS = 46;
const MOST_SLICES = 30;

export interface Slice {
  value: ReducedValue;
  from: number;
  to: number;
}

/** Parts of a whole. Every slice is also in the list beside it, with its share. */
export function PieChartPanel({ panel, planned, results, width, height, title }: DrawnPanel) {
  const theme = useTheme();
  const slices = useMemo(() => slicesOf(reducedValues(withPalette(panel), planned, results, theme)), [panel, planned, results, theme]);
  const legend = (panel.options["legend"] ?? {}) as { showLegend?: boolean; placement?: string; displayMode?: string };
  const beside = width > height * 1.3;
  const donut = panel.options["pieType"] === "donut";
  if (slices.length === 0) return <p className="note">No value is above zero, so there is nothing to share out.</p>;
  return (
    <div className="pie" data-legend={beside ? "right" : "bottom"}>
      <svg viewBox="-50 -50 100 100" role="img" aria-label={`Shares: ${title}`}>
        {slices.slice(0, MOST_SLICES).map(({ value, from, to }) => (
          <path key={value.key} d={sector(from, to, donut ? RADIUS * 0.6 : 0)} fill={value.color} className="pie-slice">
            <title>{`${value.name}: ${value.text}${value.suffix} (${percent(to - from)})`}</title>
          </path>
        ))}
      </svg>
      {legend.showLegend === false ? null : (
        <ul className="pie-legend" aria-label="Shares" tabIndex={0}>
          {slices.slice(0, MOST_SLICES).map(({ value, from, to }) => (
            <li key={value.key}>
              <span className="swatch" style={{ background: value.color }} aria-hidden="true" />
              <span className="pie-name" title={value.name}>
                {value.name}
              </span>
              <span className="pie-share">{percent(to - from)}</span>
              <span className="pie-value">
                {value.text}
                {value.suffix}
              </span>
            </li>
          ))}
          {slices.length > MOST_SLICES ? <li className="note">and {slices.length - MOST_SLICES} more</li> : null}
        </ul>
      )}
    </div>
  );
}

/** Without a colour of its own each slice takes the next of the palette: thresholds would paint all alike. */
function withPalette(panel: DrawnPanel["panel"]): DrawnPanel["panel"] {
  return panel.defaults.color ? panel : { ...panel, defaults: { ...panel.defaults, color: { mode: "palette-classic" } } };
}

/** The slices, clockwise from the top, the largest first. What is not above zero has none. */
export function slicesOf(values: readonly ReducedValue[]): Slice[] {
  const positive = values.filter((one) => one.value > 0 && Number.isFinite(one.value)).sort((a, b) => b.value - a.value);
  const total = positive.reduce((sum, one) => sum + one.value, 0);
  let at = 0;
  return positive.map((value) => {
    const from = at;
    at += value.value / total;
    return { value, from, to: at };
  });
}

function sector(from: number, to: number, hole: number): string {
  const point = (share: number, radius: number) => `${(radius * Math.sin(share * 2 * Math.PI)).toFixed(3)} ${(-radius * Math.cos(share * 2 * Math.PI)).toFixed(3)}`;
  // A full circle has no two different ends for an arc to be drawn between.
  const end = to - from > 0.9999 ? from + 0.9999 : to;
  const large = end - from > 0.5 ? 1 : 0;
  const outer = `M${point(from, RADIUS)}A${RADIUS} ${RADIUS} 0 ${large} 1 ${point(end, RADIUS)}`;
  return hole > 0 ? `${outer}L${point(end, hole)}A${hole} ${hole} 0 ${large} 0 ${point(from, hole)}Z` : `${outer}L0 0Z`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
