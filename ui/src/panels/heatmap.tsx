import { useEffect, useMemo, useRef, useState, type PointerEvent } from "react";
import { useTheme } from "../app/theme.ts";
import type { Theme } from "../format/colors.ts";
import { unitText } from "../format/units.ts";
import { formatDateTime } from "../time/range.ts";
import { usePanelSurroundings } from "./context.ts";
import { buildHeatmap, strength, type Heatmap } from "./heatmap-model.ts";
import type { DrawnPanel } from "./panel.tsx";
import { TimeAxis } from "./time-axis.tsx";

const AXIS_PX = 18;
const LABELS_PX = 62;
const MOST_TABLE_ROWS = 100;

/** From nothing to most; each scale keeps its direction in both themes: the stronger, the further from the ground. */
const SCALES: Readonly<Record<Theme, readonly string[]>> = {
  dark: ["#1d2433", "#3b2f63", "#7a3674", "#c2485f", "#f28a3c", "#ffe08a"],
  light: ["#eef1f6", "#f3d9a4", "#ee9f5b", "#d85c4f", "#932f6b", "#3d1d5c"],
};

/** How much fell where, over time. */
export function HeatmapPanel({ panel, title, planned, results, width, height, asTable }: DrawnPanel) {
  const theme = useTheme();
  const around = usePanelSurroundings();
  const axis = (panel.options["yAxis"] ?? {}) as { unit?: string };
  const map = useMemo(() => buildHeatmap(planned, results, axis.unit ?? panel.defaults.unit), [planned, results, axis.unit, panel.defaults.unit]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<{ row: number; step: number }>();
  const plotWidth = Math.max(1, Math.round(width - LABELS_PX));
  const plotHeight = Math.max(1, Math.round(height - AXIS_PX - 18));

  useEffect(() => {
    if (map && canvas.current && !asTable) paint(canvas.current, map, around.range, plotWidth, plotHeight, SCALES[theme]);
  }, [map, around.range, plotWidth, plotHeight, theme, asTable]);

  if (!map) return <p className="note">A heat map needs a query over time.</p>;
  const cellUnit = (panel.options["cellValues"] as { unit?: string } | undefined)?.unit;
  if (asTable) return <HeatTable map={map} title={title} unit={cellUnit} />;

  const { start, end } = around.range;
  const find = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const time = start + ((event.clientX - box.left) / box.width) * (end - start);
    const row = map.rows.length - 1 - Math.floor(((event.clientY - box.top) / box.height) * map.rows.length);
    const step = Math.floor((time - map.start) / map.step);
    setAt(map.rows[row] && step >= 0 && step < map.count ? { row, step } : undefined);
  };
  const every = Math.max(1, Math.ceil((map.rows.length * 14) / plotHeight));
  const cell = at ? (map.rows[at.row]?.values[at.step] ?? Number.NaN) : Number.NaN;
  return (
    <div className="heatmap">
      <div className="heatmap-body" style={{ height: plotHeight }}>
        <div className="heatmap-labels" style={{ width: LABELS_PX }} aria-hidden="true">
          {map.rows.map((row, index) =>
            index % every === 0 ? (
              <span key={row.label} style={{ bottom: `${((index + 0.5) / map.rows.length) * 100}%` }} title={row.label}>
                {row.label}
              </span>
            ) : null,
          )}
        </div>
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Heat map: ${title}. ${map.rows.length} rows, at most ${unitText(map.max, cellUnit)} in a cell.`}
          style={{ width: plotWidth, height: plotHeight }}
          onPointerMove={find}
          onPointerLeave={() => setAt(undefined)}
        />
      </div>
      <div style={{ marginLeft: LABELS_PX }}>
        <TimeAxis start={start} end={end} width={plotWidth} zone={around.zone} />
      </div>
      <p className="heatmap-read">
        {at ? (
          <>
            {formatDateTime(map.start + at.step * map.step, around.zone)} · {map.rows[at.row]?.label} · <strong>{Number.isNaN(cell) ? "no sample" : unitText(cell, cellUnit)}</strong>
          </>
        ) : (
          <ScaleKey scale={SCALES[theme]} max={unitText(map.max, cellUnit)} />
        )}
      </p>
    </div>
  );
}

function ScaleKey({ scale, max }: { scale: readonly string[]; max: string }) {
  return (
    <>
      0 <span className="heatmap-key" style={{ backgroundImage: `linear-gradient(to right, ${scale.join(", ")})` }} aria-hidden="true" /> {max}
    </>
  );
}

function paint(canvas: HTMLCanvasElement, map: Heatmap, range: { start: number; end: number }, width: number, height: number, scale: readonly string[]) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  const span = range.end - range.start;
  const x = (time: number) => Math.round(((time - range.start) / span) * canvas.width);
  const rowHeight = canvas.height / map.rows.length;
  const palette = Array.from({ length: 64 }, (_, index) => mix(scale, index / 63));
  map.rows.forEach((row, index) => {
    const top = Math.round(canvas.height - (index + 1) * rowHeight);
    const bottom = Math.round(canvas.height - index * rowHeight);
    row.values.forEach((value, step) => {
      if (Number.isNaN(value)) return;
      const left = x(map.start + step * map.step);
      const right = x(map.start + (step + 1) * map.step);
      context.fillStyle = palette[Math.round(strength(value, map.max) * 63)] ?? "";
      context.fillRect(left, top, Math.max(1, right - left), bottom - top);
    });
  });
}

function mix(scale: readonly string[], share: number): string {
  const at = share * (scale.length - 1);
  const [from = "#000000", to = from] = [scale[Math.floor(at)], scale[Math.ceil(at)]];
  const part = at - Math.floor(at);
  const channels = [1, 3, 5].map((index) => {
    const [a, b] = [Number.parseInt(from.slice(index, index + 2), 16), Number.parseInt(to.slice(index, index + 2), 16)];
    return Math.round(a + (b - a) * part);
  });
  return `rgb(${channels.join(" ")})`;
}

function HeatTable({ map, title, unit }: { map: Heatmap; title: string; unit: string | undefined }) {
  const { zone } = usePanelSurroundings();
  const steps = Array.from({ length: map.count }, (_, step) => map.count - 1 - step).slice(0, MOST_TABLE_ROWS);
  return (
    <div className="table-scroll" role="region" aria-label={`${title}, data`} tabIndex={0}>
      <table className="data-table">
        <caption className="visually-hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {map.rows.map((row) => (
              <th key={row.label} scope="col" className="numeric">
                {row.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => (
            <tr key={step}>
              <th scope="row">{formatDateTime(map.start + step * map.step, zone)}</th>
              {map.rows.map((row) => {
                const value = row.values[step] ?? Number.NaN;
                return (
                  <td key={row.label} className="numeric">
                    {Number.isNaN(value) ? "–" : unitText(value, unit)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {map.count > MOST_TABLE_ROWS ? <p className="note">The newest {MOST_TABLE_ROWS} of {map.count} instants.</p> : null}
    </div>
  );
}
