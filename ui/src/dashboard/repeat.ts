import type { VariableValues } from "./interpolate.ts";
import type { Panel, Section } from "./model.ts";

/** More copies than this of one panel or row help nobody, and ask the server for as many answers. */
export const MOST_COPIES = 60;

const COLUMNS = 24;
/** Copies of a row are counted in millionths, so that each may have copies of its panels. */
const COPIES_OF_ROWS = 1_000_000;

/**
 * Makes one panel or row for each value of the variable it repeats by, as Grafana does: panels side by side in lines of
 * `maxPerRow`, or one beneath the other; what stands below moves down. Each copy has its one value in `scope`. The first
 * copy keeps its id, so that links to the panel go on working.
 */
export function repeatSections(sections: readonly Section[], variables: VariableValues): Section[] {
  return sections.flatMap((section) => {
    const values = valuesFor(section.repeat, variables);
    // A row for each of nothing is no row: what a machine does not have takes no room on its page.
    if (section.repeat !== undefined && variables[section.repeat]?.values.length === 0) return [];
    if (!values) return [{ ...section, panels: repeatPanels(section.panels, variables) }];
    return values.map((value, copy): Section => {
      const scope = scopeOf(section.repeat, value);
      const panels = section.panels.map((panel) => ({ ...panel, id: idOf(panel.id, copy, COPIES_OF_ROWS), scope: { ...panel.scope, ...scope } }));
      return { ...section, id: idOf(section.id, copy), scope, panels: repeatPanels(panels, { ...variables, ...scope }) };
    });
  });
}

function repeatPanels(panels: readonly Panel[], variables: VariableValues): Panel[] {
  let shift = 0;
  const made: Panel[] = [];
  for (const panel of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
    const place = { ...panel.gridPos, y: panel.gridPos.y + shift };
    const values = valuesFor(panel.repeat, variables);
    if (!values) {
      made.push({ ...panel, gridPos: place });
      continue;
    }
    const standing = panel.repeatDirection === "v";
    const across = standing ? 1 : Math.min(values.length, panel.maxPerRow);
    const width = standing ? place.w : Math.floor(COLUMNS / across);
    values.forEach((value, copy) => {
      made.push({
        ...panel,
        id: idOf(panel.id, copy),
        scope: { ...panel.scope, ...scopeOf(panel.repeat, value) },
        gridPos: { x: standing ? place.x : (copy % across) * width, y: place.y + Math.floor(copy / across) * place.h, w: width, h: place.h },
      });
    });
    shift += (Math.ceil(values.length / across) - 1) * place.h;
  }
  return made;
}

/** The values to repeat for; `undefined` when nothing is repeated or there is no value to repeat for. */
function valuesFor(name: string | undefined, variables: VariableValues): string[] | undefined {
  const values = name === undefined ? undefined : variables[name]?.values;
  return values && values.length > 0 ? values.slice(0, MOST_COPIES) : undefined;
}

function scopeOf(name: string | undefined, value: string): VariableValues {
  return name === undefined ? {} : { [name]: { values: [value], text: value, list: true } };
}

/** Between the whole numbers there is room for copies, and each has the same id at every drawing. */
function idOf(id: number, copy: number, part = 1_000): number {
  return copy === 0 ? id : Number((id + copy / part).toFixed(6));
}
