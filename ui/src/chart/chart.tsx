import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import uPlot from "uplot";
import { useTheme } from "../app/theme.ts";
import type { ResolvedRange, Zone } from "../time/range.ts";
import { chartData, chartOptions, chartShape } from "./options.ts";
import { placeText, type ChartMark, type ChartModel } from "./model.ts";
import { ChartTooltip } from "./tooltip.tsx";

export interface ChartProps {
  model: ChartModel;
  range: ResolvedRange;
  zone: Zone;
  label: string;
  width: number;
  height: number;
  /** Charts with the same key show the same instant. */
  syncKey?: string | undefined;
  tooltip?: "single" | "multi" | "none";
  /** Called with Unix milliseconds when a stretch was chosen, by dragging or by keys. */
  onZoom?: ((range: ResolvedRange) => void) | undefined;
  marks?: readonly ChartMark[];
}

const NO_MARKS: readonly ChartMark[] = [];

interface Pointer {
  index: number;
  left: number;
  top: number;
}

/** Draws a model with uPlot; values can be read by pointer, and by arrow keys with a live text. */
export function Chart({ model, range, zone, label, width, height, syncKey, tooltip = "multi", onZoom, marks = NO_MARKS }: ChartProps) {
  const theme = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ model, range, onZoom, marks });
  /** Where the keys stand: kept apart from uPlot's cursor, which knows no instant outside the picture. */
  const reading = useRef<number | undefined>(undefined);
  const [pointer, setPointer] = useState<Pointer>();
  const [spoken, setSpoken] = useState("");
  const [anchor, setAnchor] = useState<number>();
  const help = useId();

  useLayoutEffect(() => {
    latest.current = { model, range, onZoom, marks };
  });

  const shape = useMemo(() => chartShape(model), [model]);

  // Built anew only when its shape changes; a refresh feeds the chart that is there.
  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    const options = chartOptions(latest.current.model, {
      width,
      height,
      theme,
      zone,
      syncKey,
      xRange: () => [latest.current.range.start / 1000, latest.current.range.end / 1000],
      model: () => latest.current.model,
      marks: () => latest.current.marks,
    });
    options.hooks = { ...options.hooks, setCursor: [followCursor], setSelect: [zoomToSelection] };
    const built = new uPlot(options, chartData(latest.current.model), element);
    plot.current = built;

    function followCursor(chart: uPlot) {
      const { idx, left, top } = chart.cursor;
      const mine = chart.over.matches(":hover") || element?.parentElement === document.activeElement;
      if (idx == null || left == null || left < 0 || !mine) setPointer(undefined);
      else setPointer({ index: idx, left, top: top ?? 0 });
    }

    function zoomToSelection(chart: uPlot) {
      const { left, width: selected } = chart.select;
      if (selected < 4) return;
      const start = Math.round(chart.posToVal(left, "x") * 1000);
      const end = Math.round(chart.posToVal(left + selected, "x") * 1000);
      chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      if (end - start >= 1000) latest.current.onZoom?.({ start, end });
    }

    return () => {
      plot.current = null;
      built.destroy();
    };
    // Size is followed below without building anew.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, theme, zone, syncKey]);

  useLayoutEffect(() => {
    const chart = plot.current;
    if (chart && (chart.width !== width || chart.height !== height)) chart.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    plot.current?.setData(chartData(model), true);
  }, [model, range.start, range.end]);

  useEffect(() => {
    plot.current?.redraw(false);
  }, [marks]);

  const moveTo = useCallback(
    (index: number) => {
      const chart = plot.current;
      const { model: drawn } = latest.current;
      const at = drawn.times[index];
      if (!chart || at === undefined) return;
      const left = Math.min(chart.over.clientWidth, Math.max(0, chart.valToPos(at, "x")));
      chart.setCursor({ left, top: chart.over.clientHeight / 3 }, true);
      reading.current = index;
      setSpoken(describeInstant(drawn, index, zone, marksNear(latest.current.marks, drawn, index)));
    },
    [zone],
  );

  const onKeyDown = (event: KeyboardEvent) => {
    const chart = plot.current;
    if (!chart) return;
    const last = model.times.length - 1;
    const current = Math.min(last, reading.current ?? last);
    const step = event.ctrlKey || event.metaKey ? 10 : 1;
    const target = { ArrowLeft: current - step, ArrowRight: current + step, Home: 0, End: last }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      // The first key shows where one is, the next one moves.
      const index = Math.min(last, Math.max(0, reading.current === undefined && !event.shiftKey ? current : target));
      if (event.shiftKey) {
        const from = anchor ?? current;
        setAnchor(from);
        showSelection(chart, model, from, index);
      } else if (anchor !== undefined) {
        clearSelection(chart);
        setAnchor(undefined);
      }
      moveTo(index);
    } else if (event.key === "Enter" && anchor !== undefined) {
      event.preventDefault();
      const ends = [model.times[anchor], model.times[current]].map((at) => (at ?? 0) * 1000).sort((a, b) => a - b);
      clearSelection(chart);
      setAnchor(undefined);
      if (ends[0] !== undefined && ends[1] !== undefined && ends[1] > ends[0]) onZoom?.({ start: ends[0], end: ends[1] });
    } else if (event.key === "Escape" && (pointer || anchor !== undefined)) {
      event.stopPropagation();
      clearSelection(chart);
      setAnchor(undefined);
      hideCursor(chart);
      reading.current = undefined;
      setPointer(undefined);
      setSpoken("");
    }
  };

  return (
    <div
      className="chart"
      role="application"
      aria-roledescription="chart"
      aria-label={label}
      aria-describedby={help}
      // The keyboard reads the chart; without focus it could not.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onKeyDown={onKeyDown}
      onBlur={() => {
        if (plot.current) hideCursor(plot.current);
        reading.current = undefined;
        setPointer(undefined);
      }}
    >
      <div ref={host} className="chart-host" aria-hidden="true" />
      <span id={help} hidden>
        Arrow keys read values{onZoom ? ", with Shift they select a stretch of time, Enter zooms into it" : ""}. Escape lets go.
      </span>
      <span className="visually-hidden" aria-live="polite">
        {spoken}
      </span>
      {pointer && tooltip !== "none" ? (
        <ChartTooltip model={model} index={pointer.index} left={pointer.left} top={pointer.top} plot={plot} width={width} zone={zone} only={tooltip === "single"} marks={marksNear(marks, model, pointer.index)} />
      ) : null}
    </div>
  );
}

function hideCursor(chart: uPlot) {
  chart.setCursor({ left: -10, top: -10 }, true);
}

function clearSelection(chart: uPlot) {
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

function showSelection(chart: uPlot, model: ChartModel, from: number, to: number) {
  const [left = 0, right = 0] = [model.times[from], model.times[to]].map((at) => chart.valToPos(at ?? 0, "x")).sort((a, b) => a - b);
  chart.setSelect({ left, top: 0, width: Math.max(1, right - left), height: chart.over.clientHeight }, false);
}

const MOST_SPOKEN = 6;

/** What was marked at an instant of the picture, or less than a step from it. */
function marksNear(marks: readonly ChartMark[], model: ChartModel, index: number): ChartMark[] {
  const at = (model.times[index] ?? 0) * 1000;
  const reach = Math.max(500, ((model.times[1] ?? 0) - (model.times[0] ?? 0)) * 500, ((model.times.at(-1) ?? 0) - (model.times[0] ?? 0)) * 4);
  return marks.filter((mark) => at >= mark.start - reach && at <= mark.end + reach);
}

function describeInstant(model: ChartModel, index: number, zone: Zone, marks: readonly ChartMark[]): string {
  const shown = model.series.filter((series) => !series.hidden && !Number.isNaN(series.raw[index] ?? Number.NaN));
  const values = shown.slice(0, MOST_SPOKEN).map((series) => `${series.name} ${series.format(series.raw[index] ?? Number.NaN)}`);
  const more = shown.length > MOST_SPOKEN ? `, and ${shown.length - MOST_SPOKEN} more` : "";
  const at = placeText(model, index, zone);
  const marked = marks.length === 0 ? "" : `; ${marks.map((mark) => `${mark.title}: ${mark.text}`).join("; ")}`;
  return values.length === 0 ? `${at}: no samples${marked}` : `${at}: ${values.join(", ")}${more}${marked}`;
}
