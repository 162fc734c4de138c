import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import { withAlpha } from "../format/colors.ts";
import type { DrawnPanel } from "./panel.tsx";
import { reducedValues, type ReducedValue } from "./reduced.ts";

const MOST_SHOWN = 60;
const LCD_CELLS = 24;

/** Values as bars beside each other, all on one scale where the panel names none. */
export function BarGaugePanel({ panel, planned, results, width, height }: DrawnPanel) {
  const theme = useTheme();
  const values = useMemo(() => reducedValues(panel, planned, results, theme), [panel, planned, results, theme]);
  const shown = values.slice(0, MOST_SHOWN);
  const scale = useMemo(() => scaleOf(values), [values]);
  const orientation = panel.options["orientation"];
  const upright = orientation === "vertical" || ((orientation === undefined || orientation === "auto") && width > height * 1.8 && width / Math.max(1, shown.length) >= 56);
  const mode = panel.options["displayMode"];
  return (
    <ul className="bar-gauges" data-orientation={upright ? "vertical" : "horizontal"} aria-label="Values">
      {shown.map((value) => (
        <li key={value.key} className="bar-gauge">
          <span className="bar-gauge-name" title={value.name}>
            {value.name}
          </span>
          <Bar value={value} share={shareOf(value, scale)} upright={upright} lcd={mode === "lcd"} unfilled={panel.options["showUnfilled"] !== false} />
          <span className="bar-gauge-value" style={{ color: value.color }}>
            {value.text}
            {value.suffix}
          </span>
        </li>
      ))}
      {values.length > shown.length ? <li className="note">and {values.length - shown.length} more</li> : null}
    </ul>
  );
}

function Bar({ value, share, upright, lcd, unfilled }: { value: ReducedValue; share: number; upright: boolean; lcd: boolean; unfilled: boolean }) {
  if (lcd) {
    const lit = Math.round(share * LCD_CELLS);
    return (
      <span className="lcd" aria-hidden="true">
        {Array.from({ length: LCD_CELLS }, (_, cell) => (
          <span key={cell} style={{ background: cell < lit ? value.color : unfilled ? withAlpha(value.color, 0.12) : "transparent" }} />
        ))}
      </span>
    );
  }
  return (
    <span className="bar-track" data-unfilled={unfilled ? "" : undefined} aria-hidden="true">
      <span style={{ background: value.color, [upright ? "height" : "width"]: `${share * 100}%` }} />
    </span>
  );
}

/** The ends of the common scale: zero is on it, and every value. */
export function scaleOf(values: readonly Pick<ReducedValue, "value">[]): { min: number; max: number } {
  const present = values.map((one) => one.value).filter(Number.isFinite);
  return { min: Math.min(0, ...present), max: Math.max(0, ...present) };
}

function shareOf({ value, style }: ReducedValue, scale: { min: number; max: number }): number {
  const min = style.min ?? scale.min;
  const max = style.max ?? (style.unit === "percentunit" ? Math.max(1, scale.max) : style.unit === "percent" ? Math.max(100, scale.max) : scale.max);
  return Number.isFinite(value) ? Math.min(1, Math.max(0, (value - min) / (max - min || 1))) : 0;
}
