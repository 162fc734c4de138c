import { useMemo } from "react";
import { useTheme } from "../app/theme.ts";
import { resolveColor, seriesColor } from "../format/colors.ts";
import { unitText } from "../format/units.ts";
import { histogramBins } from "./histogram-model.ts";
import type { DrawnPanel } from "./panel.tsx";

const AXIS_PX = 20;
const LABEL_PX = 70;

/** How often which values occur over the whole range. */
export function HistogramPanel({ panel, title, results, width, height, asTable }: DrawnPanel) {
  const theme = useTheme();
  const size = panel.options["bucketSize"];
  const offset = panel.options["bucketOffset"];
  const bins = useMemo(
    () => histogramBins(results, typeof size === "number" ? size : undefined, typeof offset === "number" ? offset : 0),
    [results, size, offset],
  );
  const { unit, decimals, color } = panel.defaults;
  const text = (value: number) => unitText(value, unit, decimals);
  if (bins.length === 0) return <p className="note">There is no value to count.</p>;
  if (asTable) {
    return (
      <div className="table-scroll" role="region" aria-label={`${title}, data`} tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col" className="numeric">
                Values
              </th>
            </tr>
          </thead>
          <tbody>
            {bins.map((bin) => (
              <tr key={bin.from}>
                <th scope="row">{text(bin.from)}</th>
                <td>{text(bin.to)}</td>
                <td className="numeric">{bin.count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    );
  }
  const most = Math.max(...bins.map((bin) => bin.count));
  const plot = Math.max(1, height - AXIS_PX);
  const every = Math.max(1, Math.ceil((bins.length * LABEL_PX) / width));
  const fill = color?.mode === "fixed" ? resolveColor(color.fixedColor, theme) : seriesColor(0, theme);
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  return (
    <svg className="histogram" width={width} height={height} role="img" aria-label={`Histogram: ${title}. ${total} values from ${text(bins[0]?.from ?? 0)} to ${text(bins.at(-1)?.to ?? 0)}.`}>
      {bins.map((bin, index) => {
        const [left, right] = [(index / bins.length) * width, ((index + 1) / bins.length) * width];
        const tall = bin.count === 0 ? 0 : Math.max(1, (bin.count / most) * (plot - 4));
        return (
          <g key={bin.from}>
            <rect x={left} y={0} width={right - left} height={plot} fill="transparent">
              <title>{`${text(bin.from)} to ${text(bin.to)}: ${bin.count}`}</title>
            </rect>
            <rect x={left + 0.5} y={plot - tall} width={Math.max(1, right - left - 1)} height={tall} fill={fill} pointerEvents="none" />
            {index % every === 0 ? (
              <text x={left} y={height - 6} className="histogram-label">
                {text(bin.from)}
              </text>
            ) : null}
          </g>
        );
      })}
    </svg>
  );
}
