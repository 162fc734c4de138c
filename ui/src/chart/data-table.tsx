import type { Zone } from "../time/range.ts";
import { placeText, type ChartModel } from "./model.ts";

const MOST_ROWS = 200;
const MOST_COLUMNS = 20;

/** The numbers of a chart as a table, newest first: what the picture says, for those who do not see it. */
export function ChartDataTable({ model, zone, label }: { model: ChartModel; zone: Zone; label: string }) {
  const series = model.series.filter((one) => !one.hidden).slice(0, MOST_COLUMNS);
  const rows = Array.from(model.times.keys())
    .reverse()
    .filter((index) => series.some((one) => !Number.isNaN(one.raw[index] ?? Number.NaN)));
  const left = rows.length - MOST_ROWS;
  return (
    <div className="table-scroll" role="region" aria-label={`${label}, data`} tabIndex={0}>
      <table className="data-table">
        <caption className="visually-hidden">{label}</caption>
        <thead>
          <tr>
            <th scope="col">{model.x?.name ?? "Time"}</th>
            {series.map((one) => (
              <th key={one.key} scope="col" className="numeric">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((index) => (
            <tr key={index}>
              <th scope="row">{placeText(model, index, zone)}</th>
              {series.map((one) => {
                const value = one.raw[index] ?? Number.NaN;
                return (
                  <td key={one.key} className="numeric">
                    {Number.isNaN(value) ? "–" : one.format(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 ? <p className="note">The newest {MOST_ROWS} of {rows.length} instants.</p> : null}
      {model.series.length > MOST_COLUMNS ? <p className="note">The first {MOST_COLUMNS} of {model.series.length} series.</p> : null}
    </div>
  );
}
