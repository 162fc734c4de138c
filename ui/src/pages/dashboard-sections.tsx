import { useMemo } from "react";
import type { Dashboard, Panel, Section } from "../dashboard/model.ts";
import { columnsFor, GAP_PX, layOut, ROW_PX } from "../dashboard/grid.ts";
import { interpolate } from "../dashboard/interpolate.ts";
import { repeatSections } from "../dashboard/repeat.ts";
import { usePanelSurroundings } from "../panels/context.ts";
import { PanelView } from "../panels/panel.tsx";
import { Icon } from "../widgets/icons.tsx";
import { useSize } from "../widgets/measure.ts";
import { Notice } from "../widgets/states.tsx";

interface SectionsProps {
  dashboard: Dashboard;
  viewed: number | undefined;
  /** Ids of the rows that are not as the author left them, as the URL holds them: `3,9`. */
  collapsed: string;
  onCollapse: (rows: string) => void;
}

/** The rows and panels of a dashboard. A collapsed row has no panels, and so asks nothing. */
export function DashboardSections({ dashboard, viewed, collapsed, onCollapse }: SectionsProps) {
  const [ref, size] = useSize<HTMLDivElement>();
  const toggled = useMemo(() => new Set(collapsed.split(",").filter(Boolean).map(Number)), [collapsed]);
  const toggle = (id: number) => {
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    onCollapse([...next].join(","));
  };
  const { variables } = usePanelSurroundings();
  const sections = useMemo(() => repeatSections(dashboard.sections, variables), [dashboard, variables]);
  const alone = viewed === undefined ? undefined : sections.flatMap((section) => section.panels).find((panel) => panel.id === viewed);
  return (
    <div ref={ref} className="sections">
      {size === undefined ? null : viewed !== undefined ? (
        alone ? (
          <div className="panel-alone">
            <PanelView panel={alone} />
          </div>
        ) : (
          <Notice icon="dashboards" title={`The dashboard has no panel ${viewed}`} />
        )
      ) : (
        sections.map((section) => (
          <SectionView
            key={section.id}
            section={section}
            width={size.width}
            open={section.title === undefined || section.collapsed === toggled.has(section.id)}
            onToggle={() => toggle(section.id)}
          />
        ))
      )}
    </div>
  );
}

function SectionView({ section, width, open, onToggle }: { section: Section; width: number; open: boolean; onToggle: () => void }) {
  const { variables } = usePanelSurroundings();
  const grid = `section-${section.id}`;
  return (
    <section className="section">
      {section.title === undefined ? null : (
        <h2 className="section-head">
          <button type="button" aria-expanded={open} aria-controls={open ? grid : undefined} onClick={onToggle}>
            <Icon name="chevron" size={14} />
            {interpolate(section.title, { ...variables, ...section.scope })}
            {open ? null : <span className="muted">{section.panels.length} panels</span>}
          </button>
        </h2>
      )}
      {open ? <PanelGrid id={grid} panels={section.panels} width={width} /> : null}
    </section>
  );
}

function PanelGrid({ id, panels, width }: { id: string; panels: readonly Panel[]; width: number }) {
  const columns = columnsFor(width);
  const places = useMemo(() => layOut(panels.map((panel) => ({ ...panel.gridPos, compact: panel.type === "stat" })), columns), [panels, columns]);
  return (
    <div id={id} className="grid" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`, gridAutoRows: ROW_PX, gap: GAP_PX }}>
      {panels.map((panel, index) => {
        const place = places[index];
        if (!place) return null;
        return (
          <div
            key={panel.id}
            className="grid-cell"
            style={{ gridColumn: `${place.column} / span ${place.span}`, gridRow: `${place.row} / span ${place.rows}` }}
          >
            <PanelView panel={panel} />
          </div>
        );
      })}
    </div>
  );
}
