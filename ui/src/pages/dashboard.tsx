import { useMemo } from "react";
import { useBoot, useDashboardFile, useScrapeInterval } from "../api/hooks.ts";
import { ApiError } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import type { Dashboard } from "../dashboard/model.ts";
import { parseDashboard } from "../dashboard/parse.ts";
import { useVariables } from "../dashboard/use-variables.ts";
import { valuesOf } from "../dashboard/variables.ts";
import { PanelContext, type PanelSurroundings } from "../panels/context.ts";
import { useTime } from "../time/clock.ts";
import { isLive } from "../time/range.ts";
import { useAnnotations } from "../dashboard/use-annotations.ts";
import { AnnotationBar, DashboardLinks, toggled } from "./dashboard-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import { useFittingStart } from "./fitting-start.ts";
import { TimeControls } from "../widgets/time-controls.tsx";
import { DashboardSections } from "./dashboard-sections.tsx";
import { VariableBar } from "./variable-bar.tsx";

const HOME_REFRESH = "5s";
/** So long after a start the first samples come in one by one. */
const SETTLING_MS = 12_000;

/** `/`: the dashboard the server names as home, moving by itself. */
export function HomePage() {
  const boot = useBoot();
  const from = useFittingStart(boot.data?.started_ms);
  if (boot.data) return <DashboardPage uid={boot.data.home_dashboard} refresh={HOME_REFRESH} from={from} home />;
  if (boot.error) return <Failed error={boot.error} what="The overview" retry={() => void boot.refetch()} />;
  return <Loading what="the overview" />;
}

interface DashboardPageProps {
  uid: string;
  /** Used when neither the URL nor the dashboard says how often. */
  refresh?: string;
  /** Used when the URL does not say; `undefined` means as the dashboard says, `"pending"` that it is not known yet. */
  from?: string | undefined;
  home?: boolean;
}

export function DashboardPage({ uid, refresh = "", from, home = false }: DashboardPageProps) {
  const file = useDashboardFile(uid);
  const dashboard = useMemo(() => (file.data === undefined ? undefined : parseDashboard(file.data)), [file.data]);
  useDocumentTitle(dashboard?.title ?? "Dashboard");
  const scrapeInterval = useScrapeInterval();
  if (dashboard && scrapeInterval !== undefined && from !== "pending") {
    return <DashboardView dashboard={dashboard} scrapeInterval={scrapeInterval} refresh={refresh} from={from ?? dashboard.time.from} home={home} />;
  }
  if (file.error instanceof ApiError && file.error.status === 404) {
    return (
      <Notice icon="dashboards" title={`There is no dashboard “${uid}”`}>
        <p>{file.error.message}</p>
      </Notice>
    );
  }
  if (file.error) return <Failed error={file.error} what="The dashboard" retry={() => void file.refetch()} />;
  return <Loading what="the dashboard" rows={10} />;
}

interface DashboardViewProps {
  dashboard: Dashboard;
  scrapeInterval: number;
  refresh: string;
  from: string;
  home: boolean;
}

function DashboardView({ dashboard, scrapeInterval, refresh, from, home }: DashboardViewProps) {
  const { params, change } = useUrlState();
  const boot = useBoot();
  const time = useTime({
    hurry: home && Date.now() - (boot.data?.started_ms ?? 0) < SETTLING_MS,
    from,
    to: dashboard.time.to,
    refresh: dashboard.refresh || refresh,
    zone: dashboard.timezone === "utc" ? "utc" : undefined,
  });
  const variables = useVariables(dashboard, params, time.resolved, scrapeInterval);
  const values = useMemo(() => valuesOf(variables.data ?? []), [variables.data]);
  const viewed = Number(params.get("viewPanel")?.replace("panel-", "")) || undefined;

  const off = params.get("annotations-off") ?? "";
  const shownAnnotations = useMemo(() => dashboard.annotations.filter((spec) => spec.enable !== off.split(",").includes(spec.name)), [dashboard, off]);
  const annotations = useAnnotations(dashboard.uid, shownAnnotations, time.resolved, scrapeInterval, variables.data ? values : undefined);

  const { setRange, resolved, zone } = time;
  const { from: rangeFrom, to: rangeTo } = time.range;
  const { marks } = annotations;
  const surroundings = useMemo(
    (): PanelSurroundings => ({
      scope: dashboard.uid,
      range: resolved,
      zone,
      variables: values,
      scrapeInterval,
      syncKey: dashboard.sharedCrosshair ? `dashboard-${dashboard.uid}` : undefined,
      zoom: ({ start, end }) => setRange({ from: String(start), to: String(end) }),
      view: (panel) => change({ viewPanel: panel === undefined ? undefined : String(panel) }, { push: true }),
      viewed,
      from: rangeFrom,
      to: rangeTo,
      marks,
    }),
    [dashboard, resolved, zone, values, scrapeInterval, setRange, change, viewed, rangeFrom, rangeTo, marks],
  );

  return (
    <div className="dashboard">
      <div className="page-head">
        <div className="page-title">
          <h1>{dashboard.title}</h1>
          {home && isLive(time.range) && time.refresh ? (
            <span className="live" title={`Asks again every ${time.refresh}`}>
              <span className="live-dot" aria-hidden="true" /> Live
            </span>
          ) : null}
        </div>
        <TimeControls time={time} />
      </div>
      <div className="dashboard-bar">
        <VariableBar variables={variables.data ?? []} onChange={(name, chosen) => change({ [`var-${name}`]: chosen })} />
        <AnnotationBar specs={dashboard.annotations} shown={shownAnnotations} problems={annotations.problems} toggle={(name) => change({ "annotations-off": toggled(off, name) })} />
        <DashboardLinks uid={dashboard.uid} links={dashboard.links} scope={{ variables: values, from: rangeFrom, to: rangeTo }} />
      </div>
      {viewed ? (
        <button type="button" className="button back-button" onClick={() => change({ viewPanel: undefined })}>
          <Icon name="back" /> All panels
        </button>
      ) : null}
      {variables.data ? (
        <PanelContext.Provider value={surroundings}>
          <DashboardSections dashboard={dashboard} viewed={viewed} collapsed={params.get("rows") ?? ""} onCollapse={(rows) => change({ rows: rows || undefined })} />
        </PanelContext.Provider>
      ) : variables.error ? (
        <Failed error={variables.error} what="The variables" retry={() => void variables.refetch()} />
      ) : (
        <Loading what="the variables" />
      )}
    </div>
  );
}
