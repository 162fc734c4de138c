import { lazy, Suspense } from "react";
import { Route, Router, Switch } from "wouter";
import { routerBase } from "../api/base.ts";
import { DashboardPage, HomePage } from "../pages/dashboard.tsx";
import { NotFoundPage } from "../pages/not-found.tsx";
import { Loading } from "../widgets/states.tsx";
import { Boundary } from "./boundary.tsx";
import { Shell } from "./shell.tsx";

const DashboardsPage = lazy(() => import("../pages/dashboards.tsx"));
const ExplorePage = lazy(() => import("../pages/explore.tsx"));
const AlertsPage = lazy(() => import("../pages/alerts.tsx"));
const AlertDeliveriesPage = lazy(() => import("../pages/alert-deliveries.tsx"));
const AlertHistoryPage = lazy(() => import("../pages/alert-history.tsx"));
const ExplainPage = lazy(() => import("../pages/explain.tsx"));
const IncidentsPage = lazy(() => import("../pages/incidents.tsx"));
const IncidentPage = lazy(() => import("../pages/incident.tsx"));
const RoutingPage = lazy(() => import("../pages/routing.tsx"));
const SchedulesPage = lazy(() => import("../pages/schedules.tsx"));
const SilencesPage = lazy(() => import("../pages/silences.tsx"));
const SilencePage = lazy(() => import("../pages/silence.tsx"));
const NewSilencePage = lazy(async () => ({ default: (await import("../pages/silence-form.tsx")).NewSilencePage }));
const EditSilencePage = lazy(async () => ({ default: (await import("../pages/silence-form.tsx")).EditSilencePage }));
const BacktestPage = lazy(() => import("../pages/backtest.tsx"));
const RulesPage = lazy(() => import("../pages/rules.tsx"));
const TargetsPage = lazy(() => import("../pages/targets.tsx"));
const RunsPage = lazy(() => import("../pages/runs.tsx"));
const RunPage = lazy(() => import("../pages/run.tsx"));
const CompareRunsPage = lazy(() => import("../pages/compare-runs.tsx"));
const QueriesPage = lazy(() => import("../pages/queries.tsx"));
const StoragePage = lazy(() => import("../pages/storage.tsx"));
const StatusPage = lazy(() => import("../pages/status.tsx"));

export function App() {
  return (
    <Router base={routerBase()}>
      <Shell>
        <Boundary>
          <Suspense fallback={<Loading what="the page" />}>
            <Switch>
              <Route path="/" component={HomePage} />
              <Route path="/d/:uid/:slug?">{({ uid }) => <DashboardPage key={uid} uid={uid} />}</Route>
              <Route path="/dashboards" component={DashboardsPage} />
              <Route path="/explore" component={ExplorePage} />
              <Route path="/graph" component={ExplorePage} />
              <Route path="/alerts" component={AlertsPage} />
              <Route path="/alerts/incidents" component={IncidentsPage} />
              <Route path="/alerts/incidents/:id">{({ id }) => <IncidentPage key={id} id={id} />}</Route>
              <Route path="/alerts/history" component={AlertHistoryPage} />
              <Route path="/alerts/explain" component={ExplainPage} />
              <Route path="/alerts/routing" component={RoutingPage} />
              <Route path="/alerts/schedules" component={SchedulesPage} />
              <Route path="/alerts/deliveries" component={AlertDeliveriesPage} />
              <Route path="/alerts/silences" component={SilencesPage} />
              <Route path="/alerts/silences/new" component={NewSilencePage} />
              <Route path="/alerts/silences/:id">{({ id }) => <SilencePage id={decodeURIComponent(id)} />}</Route>
              <Route path="/alerts/silences/:id/edit">{({ id }) => <EditSilencePage key={id} id={decodeURIComponent(id)} />}</Route>
              <Route path="/rules" component={RulesPage} />
              <Route path="/rules/backtest" component={BacktestPage} />
              <Route path="/targets" component={TargetsPage} />
              <Route path="/training" component={RunsPage} />
              <Route path="/training/compare" component={CompareRunsPage} />
              <Route path="/training/runs/:id">{({ id }) => <RunPage key={id} id={id} />}</Route>
              <Route path="/queries" component={QueriesPage} />
              <Route path="/storage" component={StoragePage} />
              <Route path="/status" component={StatusPage} />
              <Route component={NotFoundPage} />
            </Switch>
          </Suspense>
        </Boundary>
      </Shell>
    </Router>
  );
}
