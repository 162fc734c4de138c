import { useState, type MouseEvent } from "react";
import { calcName, reduceValues } from "../dashboard/reduce.ts";
import type { ChartModel, ChartSeries } from "./model.ts";

interface LegendProps {
  model: ChartModel;
  mode: "list" | "table";
  calcs: readonly string[];
  hidden: ReadonlySet<string>;
  onHide: (hidden: ReadonlySet<string>) => void;
  label: string;
}

const FIRST_SHOWN = 60;

/** Names and colours of the series. A click shows one alone, with Ctrl it hides or shows one, a second click shows all. */
export function ChartLegend({ model, mode, calcs, hidden, onHide, label }: LegendProps) {
  const [all, setAll] = useState(false);
  const entries = model.series.filter((series) => series.inLegend);
  const shown = all ? entries : entries.slice(0, FIRST_SHOWN);
  const keys = model.series.map((series) => series.key);

  const toggle = (series: ChartSeries) => (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      const next = new Set(hidden);
      if (!next.delete(series.key)) next.add(series.key);
      onHide(next);
      return;
    }
    const alone = !hidden.has(series.key) && keys.every((key) => key === series.key || hidden.has(key));
    onHide(alone ? new Set() : new Set(keys.filter((key) => key !== series.key)));
  };

  const button = (series: ChartSeries) => (
    <button type="button" className="legend-item" aria-pressed={!series.hidden} title={series.name} onClick={toggle(series)}>
      <span className="swatch" style={{ background: series.color }} />
      <span className="legend-name">{series.name}</span>
    </button>
  );
  const value = (series: ChartSeries, calc: string) => {
    const reduced = reduceValues(series.raw, calc);
    return Number.isNaN(reduced) ? "–" : series.format(reduced);
  };
  const rest =
    entries.length > shown.length ? (
      <button type="button" className="link-button" onClick={() => setAll(true)}>
        and {entries.length - shown.length} more
      </button>
    ) : null;

  if (mode === "table") {
    return (
      <div className="legend legend-table">
        <table>
          <caption className="visually-hidden">{label}, legend</caption>
          <thead>
            <tr>
              <th scope="col">Series</th>
              {calcs.map((calc) => (
                <th key={calc} scope="col" className="numeric">
                  {calcName(calc)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((series) => (
              <tr key={series.key} data-hidden={series.hidden ? "" : undefined}>
                <th scope="row">{button(series)}</th>
                {calcs.map((calc) => (
                  <td key={calc} className="numeric">
                    {value(series, calc)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {rest}
      </div>
    );
  }
  return (
    <ul className="legend legend-list" aria-label={`${label}, legend`}>
      {shown.map((series) => (
        <li key={series.key} data-hidden={series.hidden ? "" : undefined}>
          {button(series)}
          {calcs.map((calc) => (
            <span key={calc} className="legend-calc">
              <span className="legend-calc-name">{calcName(calc)}</span> {value(series, calc)}
            </span>
          ))}
        </li>
      ))}
      {rest ? <li>{rest}</li> : null}
    </ul>
  );
}
