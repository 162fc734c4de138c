import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import type { ApiError } from "../api/errors.ts";
import type { FailedResult, QueryResult } from "../api/columns.ts";
import { messageOf } from "../api/errors.ts";
import { useExpressions } from "../api/hooks.ts";
import { interpolate } from "../dashboard/interpolate.ts";
import type { DrawnKind } from "../dashboard/kinds.ts";
import { readyLink } from "../dashboard/links.ts";
import type { Panel } from "../dashboard/model.ts";
import { planQueries, timeVariables, type PlannedQuery } from "../dashboard/plan.ts";
import { exploreAddress } from "../explore/address.ts";
import { useNearScreen, useSize } from "../widgets/measure.ts";
import { usePanelSurroundings } from "./context.ts";
import { PanelFrame, type PanelAction, type PanelLinkAction, type PanelNote } from "./frame.tsx";
import { GaugePanel } from "./gauge.tsx";
import { PanelEmpty, PanelError, PanelLoading } from "./states.tsx";
import { StatPanel } from "./stat.tsx";
import { TablePanel } from "./table.tsx";
import { TimeseriesPanel } from "./timeseries.tsx";
import { UnsupportedPanel } from "./unsupported.tsx";

const TextPanel = lazy(() => import("./text.tsx"));
// Rarer kinds come when a dashboard first has one.
const BarGaugePanel = lazy(async () => ({ default: (await import("./bargauge.tsx")).BarGaugePanel }));
const HeatmapPanel = lazy(async () => ({ default: (await import("./heatmap.tsx")).HeatmapPanel }));
const HistogramPanel = lazy(async () => ({ default: (await import("./histogram.tsx")).HistogramPanel }));
const PieChartPanel = lazy(async () => ({ default: (await import("./piechart.tsx")).PieChartPanel }));
const StateTimelinePanel = lazy(async () => ({ default: (await import("./state-timeline.tsx")).StateTimelinePanel }));

/** What a panel that draws data is given. */
export interface DrawnPanel {
  panel: Panel;
  title: string;
  planned: readonly PlannedQuery[];
  results: readonly QueryResult[];
  width: number;
  height: number;
  asTable: boolean;
}

const DRAWN = {
  timeseries: TimeseriesPanel,
  stat: StatPanel,
  gauge: GaugePanel,
  table: TablePanel,
  bargauge: BarGaugePanel,
  heatmap: HeatmapPanel,
  histogram: HistogramPanel,
  piechart: PieChartPanel,
  "state-timeline": StateTimelinePanel,
  "status-history": StateTimelinePanel,
} as const satisfies Record<Exclude<DrawnKind, "text">, unknown>;

const SAYS_NO_VALUE = new Set(["stat", "gauge", "bargauge"]);

/** Pictures that can also be read as a table. */
const READABLE = new Set(["timeseries", "heatmap", "histogram", "state-timeline", "status-history"]);

/** One panel of a dashboard: asks when it is near the screen, and shows what came of it. */
export function PanelView({ panel }: { panel: Panel }) {
  const page = usePanelSurroundings();
  const around = useMemo(() => (panel.scope ? { ...page, variables: { ...page.variables, ...panel.scope } } : page), [page, panel.scope]);
  const [, navigate] = useLocation();
  const holder = useRef<HTMLDivElement>(null);
  const near = useNearScreen(holder);
  const [body, size] = useSize<HTMLDivElement>();
  const [asTable, setAsTable] = useState(false);

  const Drawn = Object.hasOwn(DRAWN, panel.type) && !panel.foreignSource ? DRAWN[panel.type as keyof typeof DRAWN] : undefined;
  const title = interpolate(panel.title, { ...around.variables, ...timeVariables(around.range, 60_000, around.scrapeInterval) });

  const width = size?.width ?? 0;
  const planned = useMemo(
    () => (Drawn && width > 0 ? planQueries(panel, { range: around.range, width, scrapeInterval: around.scrapeInterval, variables: around.variables }) : []),
    [Drawn, panel, around.range, around.scrapeInterval, around.variables, width],
  );
  const specs = useMemo(() => planned.map((query) => query.spec), [planned]);
  const answer = useExpressions(specs, { enabled: near && Drawn !== undefined, scope: `${around.scope}/${panel.id}` });

  // A failed refresh leaves the last good picture; `keepPreviousData` holds it only while loading.
  const lastGood = useRef<QueryResult[] | undefined>(undefined);
  if (answer.data) lastGood.current = answer.data;
  const results = answer.data ?? (answer.error ? lastGood.current : undefined);

  const exprs = planned.map((query) => query.spec.expr);
  const links = panel.links.flatMap((spec) => readyLink(spec, { variables: around.variables, from: around.from, to: around.to }) ?? []);
  const actions: (PanelAction | PanelLinkAction)[] = [
    around.viewed === panel.id
      ? { text: "Back to the dashboard", run: () => around.view(undefined) }
      : { text: "View alone", run: () => around.view(panel.id) },
    ...(READABLE.has(panel.type)
      ? [{ text: asTable ? "Show as chart" : "Show data as table", run: () => setAsTable(!asTable) }]
      : []),
    ...(exprs.length > 0
      ? [
          { text: "Open in Explore", run: () => navigate(exploreAddress(exprs, { from: String(around.range.start), to: String(around.range.end) })) },
          { text: "Copy query", run: () => void navigator.clipboard?.writeText(exprs.join("\n")) },
        ]
      : []),
    ...links.map((link) => ({ link })),
  ];

  return (
    <div ref={holder} className="panel-holder">
      <PanelFrame
        title={title}
        description={interpolate(panel.description, around.variables)}
        notes={notesOf(results, answer.error)}
        actions={actions}
        busy={answer.isFetching}
        width={size?.width}
      >
        <div ref={body} className="panel-fill">
          {panel.type === "text" ? (
            <Suspense fallback={null}>
              <TextPanel options={panel.options} variables={around.variables} />
            </Suspense>
          ) : Drawn ? (
            content()
          ) : (
            <UnsupportedPanel panel={panel} variables={around.variables} />
          )}
        </div>
      </PanelFrame>
    </div>
  );

  function content() {
    if (!Drawn || !size || !near) return null;
    if (planned.length === 0) return <PanelEmpty title="No query" exprs={[]} reason="The panel has no visible query." />;
    if (!results) return answer.error ? <PanelError error={answer.error} expr={undefined} /> : <PanelLoading title={title} />;
    const failed = results.filter((result): result is FailedResult => result.kind === "failed");
    const [firstFailed] = failed;
    if (firstFailed && failed.length === results.length) {
      return <PanelError error={firstFailed.error} expr={exprs[results.indexOf(firstFailed)]} />;
    }
    const empty = results.every((result) => result.kind === "failed" || result.series.length === 0);
    // Panels of single values write the text in the value's place.
    if (empty && panel.defaults.noValue !== undefined && !SAYS_NO_VALUE.has(panel.type)) return <PanelEmpty title={panel.defaults.noValue} exprs={[]} reason="" />;
    if (empty && panel.defaults.noValue === undefined) return <PanelEmpty title="No data" exprs={exprs} range={around.range} patient />;
    return (
      <Suspense fallback={<PanelLoading title={title} />}>
        <Drawn panel={panel} title={title || "Panel"} planned={planned} results={results} width={size.width} height={size.height} asTable={asTable} />
      </Suspense>
    );
  }
}

function notesOf(results: readonly QueryResult[] | undefined, error: ApiError | Error | null): PanelNote[] {
  const notes = new Map<string, PanelNote>();
  const add = (tone: PanelNote["tone"], text: string) => notes.set(text, { tone, text });
  if (error && results) add("error", `Not refreshed: ${messageOf(error)} What you see is the last answer.`);
  for (const result of results ?? []) {
    if (result.kind === "failed") {
      add("error", result.error.message);
      continue;
    }
    if (result.totalSeries > result.series.length) add("warning", `Showing ${result.series.length} of ${result.totalSeries} series.`);
    for (const warning of result.warnings) add("warning", warning);
    for (const info of result.infos) add("info", info);
  }
  return [...notes.values()];
}
