import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import { readableOn } from "../format/colors.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { usePanelSurroundings } from "./context.ts";
import type { DrawnPanel } from "./panel.tsx";
import { stateRows, statesOf, type StateRow } from "./states-model.ts";
import { TimeAxis } from "./time-axis.tsx";

const MOST_ROWS = 100;
const MOST_IN_LEGEND = 12;
/** Room for about one letter of the text in a span. */
const LETTER_PX = 7;

/** Which state each series was in, and when: `state-timeline`, and step by step `status-history`. */
export function StateTimelinePanel({ panel, title, planned, results, width, asTable }: DrawnPanel) {
  const theme = useTheme();
  const around = usePanelSurroundings();
  const merge = panel.type === "state-timeline" && panel.options["mergeValues"] !== false;
  const rows = useMemo(() => stateRows(panel, planned, results, theme, merge), [panel, planned, results, theme, merge]);
  const states = useMemo(() => statesOf(rows), [rows]);
  if (asTable) return <SpanTable rows={rows} title={title} />;

  const { start, end } = around.range;
  const names = rows.length > 1 || rows[0]?.name !== "" ? Math.min(220, Math.round(width * 0.36)) : 0;
  const plot = Math.max(1, width - names - 12);
  const place = (at: number) => Math.min(100, Math.max(0, ((at - start) / (end - start)) * 100));
  const texts = panel.options["showValue"] !== "never" && panel.type === "state-timeline";
  return (
    <div className="states-panel">
      <div className="state-rows" role="region" aria-label={`States: ${title}`} tabIndex={0}>
        {rows.slice(0, MOST_ROWS).map((row) => (
          <div key={row.key} className="state-row" style={{ gridTemplateColumns: `${names}px minmax(0, 1fr)` }}>
            <span className="state-name" title={row.name}>
              {row.name}
            </span>
            <span className="state-track" role="img" aria-label={`${row.name}: ${summary(row)}`}>
              {row.spans.map((span) => {
                const [left, right] = [place(span.start), place(span.end)];
                const room = ((right - left) / 100) * plot;
                return right > left ? (
                  <span
                    key={span.start}
                    className="state-span"
                    data-gap={merge ? undefined : ""}
                    style={{ left: `${left}%`, width: `${right - left}%`, background: span.color, color: readableOn(span.color) }}
                    title={`${span.text}, ${formatDateTime(span.start, around.zone)} (${describeDuration(span.end - span.start)})`}
                  >
                    {texts && room > span.text.length * LETTER_PX + 8 ? span.text : ""}
                  </span>
                ) : null;
              })}
            </span>
          </div>
        ))}
        {rows.length > MOST_ROWS ? <p className="note">{MOST_ROWS} of {rows.length} series.</p> : null}
      </div>
      <div style={{ marginLeft: names }}>
        <TimeAxis start={start} end={end} width={plot} zone={around.zone} />
      </div>
      <ul className="state-legend" aria-label="States">
        {states.slice(0, MOST_IN_LEGEND).map((state) => (
          <li key={state.text}>
            <span className="swatch" style={{ background: state.color }} aria-hidden="true" /> {state.text}
          </li>
        ))}
        {states.length > MOST_IN_LEGEND ? <li className="muted">and {states.length - MOST_IN_LEGEND} more</li> : null}
      </ul>
    </div>
  );
}

function summary(row: StateRow): string {
  const last = row.spans.at(-1);
  return last ? `now ${last.text}, ${row.spans.length - 1} changes` : "no samples";
}

function SpanTable({ rows, title }: { rows: readonly StateRow[]; title: string }) {
  const { zone } = usePanelSurroundings();
  const spans = rows.flatMap((row) => row.spans.map((span) => ({ row, span }))).sort((a, b) => b.span.start - a.span.start);
  return (
    <div className="table-scroll" role="region" aria-label={`${title}, data`} tabIndex={0}>
      <table className="data-table">
        <caption className="visually-hidden">{title}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Series</th>
            <th scope="col">State</th>
            <th scope="col">For</th>
          </tr>
        </thead>
        <tbody>
          {spans.slice(0, 200).map(({ row, span }) => (
            <tr key={`${row.key}/${span.start}`}>
              <th scope="row">{formatDateTime(span.start, zone)}</th>
              <td>{row.name}</td>
              <td>{span.text}</td>
              <td>{describeDuration(span.end - span.start)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
