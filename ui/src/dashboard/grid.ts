import type { GridPos } from "./model.ts";

/** Pixels of one grid row, and between two. */
export const ROW_PX = 30;
export const GAP_PX = 8;

/** A panel to be laid out; `compact` ones hold a single value and need no height of their own. */
export interface GridItem extends GridPos {
  compact?: boolean;
}

/** A line of compact panels alone is made no higher than this. */
const COMPACT_ROWS = 3;

/** How a panel lies in a CSS grid of the given number of columns; lines count from one. */
export interface Placement {
  column: number;
  span: number;
  row: number;
  rows: number;
}

/**
 * Lays panels out for a width. At full width every panel lies where its author put it, moved up when the rows
 * above are gone. On narrower grids panels flow in reading order and widen so that each line is filled.
 */
export function layOut(panels: readonly GridItem[], columns: 24 | 12 | 4): Placement[] {
  return columns === 24 ? place(panels) : flow(panels, columns);
}

/** The grid for a width in pixels: as drawn, half, or narrow. */
export function columnsFor(width: number): 24 | 12 | 4 {
  if (width >= 960) return 24;
  return width >= 560 ? 12 : 4;
}

function place(panels: readonly GridPos[]): Placement[] {
  const top = Math.min(...panels.map((panel) => panel.y));
  return panels.map((panel) => ({ column: panel.x + 1, span: panel.w, row: panel.y - top + 1, rows: panel.h }));
}

function flow(panels: readonly GridItem[], columns: 12 | 4): Placement[] {
  const placed: Placement[] = [];
  let line: number[] = [];
  let used = 0;
  let row = 1;

  const close = () => {
    if (line.length === 0) return;
    // What is left over goes to the panels of the line, so that no hole stays at its end.
    let spare = columns - used;
    const written = Math.max(...line.map((index) => panels[index]?.h ?? 1));
    const height = line.every((index) => panels[index]?.compact) ? Math.min(written, COMPACT_ROWS) : written;
    let column = 1;
    for (const [at, index] of line.entries()) {
      const share = Math.ceil(spare / (line.length - at));
      spare -= share;
      const span = spanOf(panels[index], columns) + share;
      placed[index] = { column, span, row, rows: height };
      column += span;
    }
    row += height;
    line = [];
    used = 0;
  };

  const inOrder = panels.map((_, index) => index).sort((a, b) => reading(panels[a]) - reading(panels[b]));
  for (const index of inOrder) {
    const span = spanOf(panels[index], columns);
    if (used + span > columns) close();
    line.push(index);
    used += span;
  }
  close();
  return placed;
}

function reading(panel: GridPos | undefined): number {
  return (panel?.y ?? 0) * 100 + (panel?.x ?? 0);
}

function spanOf(panel: GridPos | undefined, columns: 12 | 4): number {
  const width = panel?.w ?? 24;
  const small = width <= 6;
  if (columns === 4) return small ? 2 : 4;
  if (width <= 4) return 3;
  if (small) return 4;
  return width <= 12 ? 6 : 12;
}
