import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import { readableOn, withAlpha } from "../format/colors.ts";
import type { DrawnPanel } from "./panel.tsx";
import { reducedValues, type ReducedValue } from "./reduced.ts";

interface StatOptions {
  graphMode?: string;
  colorMode?: string;
  textMode?: string;
  justifyMode?: string;
}

const MOST_SHOWN = 40;

export function StatPanel({ panel, planned, results, width, height }: DrawnPanel) {
  const theme = useTheme();
  const values = useMemo(() => reducedValues(panel, planned, results, theme), [panel, planned, results, theme]);
  const options = panel.options as StatOptions;
  const shown = values.slice(0, MOST_SHOWN);
  const columns = columnsOf(shown.length, width, height);
  const rows = Math.ceil(shown.length / columns);
  return (
    <ul className="stats" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }} aria-label="Values">
      {shown.map((value) => (
        <Stat
          key={value.key}
          value={value}
          options={options}
          width={width / columns}
          height={height / rows}
          named={(shown.length > 1 && options.textMode !== "value") || options.textMode === "value_and_name" || options.textMode === "name"}
        />
      ))}
      {values.length > shown.length ? <li className="note">and {values.length - shown.length} more</li> : null}
    </ul>
  );
}

function Stat({ value, options, width, height, named }: { value: ReducedValue; options: StatOptions; width: number; height: number; named: boolean }) {
  const background = options.colorMode === "background" || options.colorMode === "background_solid";
  const length = (value.text.length + value.suffix.length * 0.6) || 1;
  const spark = options.graphMode !== "none" && value.history && height >= 56;
  const size = Math.max(14, Math.min(width / (length * 0.62), height * (named ? 0.36 : spark ? 0.42 : 0.5), 40));
  const color = options.colorMode === "none" ? undefined : background ? readableOn(value.color) : value.color;
  return (
    <li className="stat" data-spark={spark ? "" : undefined} style={background ? { background: value.color, color: readableOn(value.color) } : undefined}>
      {spark && value.history ? <Sparkline values={value.history} color={background ? readableOn(value.color) : value.color} /> : null}
      {named ? <span className="stat-name">{value.name}</span> : null}
      {options.textMode === "name" ? null : (
        <span className="stat-value" style={{ fontSize: size, ...(color ? { color } : {}) }}>
          {value.text}
          {value.suffix ? <span className="stat-suffix">{value.suffix}</span> : null}
        </span>
      )}
    </li>
  );
}

/** The shape of the series behind the number; the number is what it says. */
function Sparkline({ values, color }: { values: Float64Array; color: string }) {
  const points: string[] = [];
  const present = values.filter((value) => Number.isFinite(value));
  if (present.length < 2) return null;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of present) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const span = high - low || 1;
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    const x = (index / Math.max(1, values.length - 1)) * 100;
    const y = 28 - ((value - low) / span) * 24;
    points.push(`${x.toFixed(2)} ${y.toFixed(2)}`);
  });
  const first = points[0]?.split(" ")[0] ?? "0";
  const last = points.at(-1)?.split(" ")[0] ?? "100";
  return (
    <svg className="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path d={`M${points.join("L")}L${last} 30L${first} 30Z`} fill={withAlpha(color, 0.14)} />
      <path d={`M${points.join("L")}`} fill="none" stroke={withAlpha(color, 0.7)} strokeWidth="1.25" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

function columnsOf(count: number, width: number, height: number): number {
  if (count <= 1) return 1;
  const ratio = width / Math.max(1, height);
  return Math.max(1, Math.min(count, Math.round(Math.sqrt(count * ratio * 0.5)) || 1, Math.floor(width / 90) || 1));
}
