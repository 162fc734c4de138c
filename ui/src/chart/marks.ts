import type uPlot from "uplot";
import type { Theme } from "../format/colors.ts";
import { resolveColor, withAlpha } from "../format/colors.ts";
import type { ChartMark } from "./model.ts";

/** A dashed line where something happened, a tinted stretch while it lasted, and a foot to find both by. */
export function drawMarks(plot: uPlot, marks: readonly ChartMark[], theme: Theme) {
  if (marks.length === 0) return;
  const { left, top, width, height } = plot.bbox;
  const ratio = window.devicePixelRatio;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  // However many things last at a time, the tint stays one tint, so that the data keeps its colours.
  for (const { start, end, color } of stretches(marks)) {
    const from = Math.max(left, plot.valToPos(start / 1000, "x", true));
    const to = Math.min(left + width, plot.valToPos(end / 1000, "x", true));
    if (to <= from) continue;
    ctx.fillStyle = withAlpha(resolveColor(color, theme), 0.06);
    ctx.fillRect(from, top, to - from, height);
  }
  for (const mark of marks) {
    const from = plot.valToPos(mark.start / 1000, "x", true);
    const to = plot.valToPos(mark.end / 1000, "x", true);
    if (to < left || from > left + width) continue;
    const color = resolveColor(mark.color, theme);
    if (to > from) {
      ctx.fillStyle = color;
      ctx.fillRect(from, top + height - 3 * ratio, to - from, 3 * ratio);
    }
    ctx.strokeStyle = withAlpha(color, 0.75);
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    for (const at of to > from ? [from, to] : [from]) {
      ctx.beginPath();
      ctx.moveTo(at, top);
      ctx.lineTo(at, top + height);
      ctx.stroke();
    }
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.moveTo(from - 4 * ratio, top + height);
    ctx.lineTo(from + 4 * ratio, top + height);
    ctx.lineTo(from, top + height - 6 * ratio);
    ctx.fill();
  }
  ctx.restore();
}

/** Marks that last, joined where they overlap and are of one colour. */
export function stretches(marks: readonly ChartMark[]): { start: number; end: number; color: string }[] {
  const joined: { start: number; end: number; color: string }[] = [];
  for (const { start, end, color } of marks.filter((mark) => mark.end > mark.start).toSorted((a, b) => a.start - b.start)) {
    const last = joined.findLast((one) => one.color === color);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end, color });
  }
  return joined;
}
