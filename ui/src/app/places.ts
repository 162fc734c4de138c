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
  { path: "/alerts", name: "Alerts", icon: "alerts", words: "firing pending silences notifications deliveries" },
  { path: "/rules", name: "Rules", icon: "rules", words: "recording alerting groups" },
  { path: "/targets", name: "Targets", icon: "targets", words: "scrape jobs health up down" },
  { path: "/queries", name: "Queries", icon: "clock", words: "running slow kill stop promql" },
  { path: "/storage", name: "Storage", icon: "storage", words: "cardinality series memory limits churn refused tenants disk parts" },
  { path: "/status", name: "Status", icon: "status", words: "build version flags configuration tsdb storage runtime" },
];
