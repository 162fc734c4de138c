import { useMemo, useState } from "react";
import { useTheme } from "../app/theme.ts";
import { parseLinks, readyLink, type LinkScope, type ReadyLink } from "../dashboard/links.ts";
import { LinkTo } from "../widgets/link-to.tsx";
import { styleOf, type FieldStyle } from "../dashboard/fields.ts";
import { sortRows, tablesOf, transformTables, type Cell, type Column } from "../dashboard/table.ts";
import { resolveColor, withAlpha, type Theme } from "../format/colors.ts";
import { exactNumber } from "../format/number.ts";
import { mapValue } from "../format/mappings.ts";
import { stepAt } from "../format/thresholds.ts";
import { unitText } from "../format/units.ts";
import { formatDateTime, type Zone } from "../time/range.ts";
import { usePanelSurroundings } from "./context.ts";
import type { DrawnPanel } from "./panel.tsx";

const MOST_ROWS = 500;

interface Sort {
  field: string;
  descending: boolean;
}

export function TablePanel({ panel, title, planned, results }: DrawnPanel) {
  const { zone, variables, from, to } = usePanelSurroundings();
  const theme = useTheme();
  const [sort, setSort] = useState<Sort | undefined>(() => firstSort(panel.options));
  const { tables, unknown } = useMemo(
    () => transformTables(tablesOf(results, planned.map((query) => query.target)), panel.transformations),
    [results, planned, panel.transformations],
  );
  const table = tables[0] ?? [];
  const sorted = useMemo(() => (sort ? sortRows(table, sort.field, sort.descending) : table), [table, sort]);
  const columns = sorted
    .map((column) => ({ column, style: styleOf({ name: column.title ?? column.name, refId: column.refId, labels: {}, type: column.type }, panel.defaults, panel.overrides) }))
    .filter(({ style }) => style.custom.hidden !== true);
  const rows = sorted[0]?.cells.length ?? 0;
  const scope = { variables: panel.scope ? { ...variables, ...panel.scope } : variables, from, to };

  return (
    <div className="table-scroll" role="region" aria-label={`${title}, table`} tabIndex={0}>
      <table className="data-table">
        <caption className="visually-hidden">{title}</caption>
        <thead>
          <tr>
            {columns.map(({ column, style }) => {
              const active = sort?.field === column.name;
              return (
                <th key={column.name} scope="col" className={column.type === "number" ? "numeric" : undefined} aria-sort={active ? (sort.descending ? "descending" : "ascending") : undefined}>
                  <button type="button" className="sort-button" onClick={() => setSort({ field: column.name, descending: active ? !sort.descending : column.type === "number" })}>
                    {style.displayName ?? column.title ?? column.name}
                    <span aria-hidden="true" className="sort-mark">
                      {active ? (sort.descending ? "↓" : "↑") : ""}
                    </span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: Math.min(rows, MOST_ROWS) }, (_, row) => (
            <tr key={row}>
              {columns.map(({ column, style }) => (
                <TableCell key={column.name} column={column} style={style} cell={column.cells[row] ?? null} theme={theme} zone={zone} link={cellLink(column, style, row, sorted, scope, zone)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows > MOST_ROWS ? <p className="note">The first {MOST_ROWS} of {rows} rows.</p> : null}
      {tables.length > 1 ? <p className="note">The first of {tables.length} tables; a “merge” transformation would join them.</p> : null}
      {unknown.length > 0 ? <p className="note">Not applied, because unknown here: {unknown.join(", ")}.</p> : null}
    </div>
  );
}

interface TableCellProps {
  column: Column;
  style: FieldStyle;
  cell: Cell;
  theme: Theme;
  zone: Zone;
  link: ReadyLink | undefined;
}

function TableCell({ column, style, cell, theme, zone, link }: TableCellProps) {
  const mapped = mapValue(style.mappings, cell);
  const plain = mapped?.text ?? cellText(column, style, cell, zone);
  const text = link ? (
    <LinkTo link={link} className="text-link">
      {plain}
    </LinkTo>
  ) : (
    plain
  );
  if (column.type !== "number" || typeof cell !== "number") return <td className={column.type === "number" ? "numeric" : undefined}>{text}</td>;
  const kind = style.custom.cellOptions?.type;
  const step = style.thresholds ? stepAt(style.thresholds, cell, style.min, style.max) : undefined;
  const color = mapped?.color ? resolveColor(mapped.color, theme) : resolveColor(step?.color, theme);
  if (kind === "gauge") {
    const { min = 0, max = style.unit === "percentunit" ? 1 : 100 } = style;
    const share = Math.min(1, Math.max(0, (cell - min) / (max - min || 1)));
    return (
      <td className="numeric cell-gauge" title={exactNumber(cell)}>
        <span className="cell-bar">
          <span style={{ width: `${share * 100}%`, background: color }} />
        </span>
        <span className="cell-bar-text">{text}</span>
      </td>
    );
  }
  const look = kind === "color-background" ? { background: withAlpha(color, 0.22) } : kind === "color-text" ? { color } : undefined;
  return (
    <td className="numeric" title={exactNumber(cell)} style={look}>
      {text}
    </td>
  );
}

/** The first data link of a column, filled in for a row. */
function cellLink(column: Column, style: FieldStyle, row: number, table: readonly Column[], scope: LinkScope, zone: Zone): ReadyLink | undefined {
  const [spec] = parseLinks(style.links);
  const cell = column.cells[row] ?? null;
  if (!spec || cell === null) return undefined;
  const fields = Object.fromEntries(table.flatMap((one) => [one.name, one.title ?? one.name].map((name) => [name, String(one.cells[row] ?? "")])));
  return readyLink(spec, { ...scope, value: { raw: String(cell), text: cellText(column, style, cell, zone), name: column.title ?? column.name, labels: fields, fields } });
}

function cellText(column: Column, style: FieldStyle, cell: Cell, zone: Zone): string {
  if (cell === null || (typeof cell === "number" && Number.isNaN(cell))) return style.noValue ?? "–";
  if (column.type === "time" && typeof cell === "number") return formatDateTime(cell, zone);
  return typeof cell === "number" ? unitText(cell, style.unit, style.decimals) : cell;
}

function firstSort(options: Record<string, unknown>): Sort | undefined {
  const [first] = Array.isArray(options["sortBy"]) ? (options["sortBy"] as { displayName?: string; desc?: boolean }[]) : [];
  return first?.displayName ? { field: first.displayName, descending: first.desc === true } : undefined;
}
