import type { IconName } from "../widgets/icons.tsx";

export interface Place {
  path: string;
  name: string;
  icon: IconName;
  /** Other words a person may look for it by. */
  words: string;
}

/** The pages, in the order of the navigation. */
export const PLACES: readonly Place[] = [
  { path: "/", name: "Overview", icon: "home", words: "home this machine host" },
  { path: "/dashboards", name: "Dashboards", icon: "dashboards", words: "boards panels" },
  { path: "/explore", name: "Explore", icon: "explore", words: "query promql graph metrics" },
  { path: "/alerts", name: "Alerts", icon: "alerts", words: "firing pending" },
  { path: "/rules", name: "Rules", icon: "rules", words: "recording alerting groups" },
  { path: "/targets", name: "Targets", icon: "targets", words: "scrape jobs health up down" },
  { path: "/training", name: "Training", icon: "training", words: "runs experiments mlflow tensorboard loss epochs" },
  { path: "/queries", name: "Queries", icon: "clock", words: "running slow kill stop promql" },
  { path: "/storage", name: "Storage", icon: "storage", words: "cardinality series memory limits churn refused tenants disk parts" },
  { path: "/status", name: "Status", icon: "status", words: "build version flags configuration tsdb storage runtime" },
];

/** Pages within pages: found by name, not in the navigation. */
export const INNER_PLACES: readonly Place[] = [
  { path: "/alerts/incidents", name: "Incidents", icon: "alerts", words: "alerts acknowledge escalate timeline pages" },
  { path: "/alerts/silences", name: "Silences", icon: "mute", words: "alerts mute quiet" },
  { path: "/alerts/silences/new", name: "New silence", icon: "mute", words: "alerts mute quiet" },
  { path: "/alerts/history", name: "Alert history", icon: "history", words: "noise statistics flapping" },
  { path: "/alerts/explain", name: "Explain an alert", icon: "info", words: "why paged not told" },
  { path: "/alerts/routing", name: "Routing", icon: "alerts", words: "alertmanager routes tree test receivers" },
  { path: "/alerts/schedules", name: "On call", icon: "clock", words: "schedules rota shifts overrides escalation" },
  { path: "/alerts/deliveries", name: "Deliveries", icon: "external", words: "notifications outbox attempts" },
  { path: "/rules/backtest", name: "Backtest", icon: "play", words: "rules try out pages" },
];
