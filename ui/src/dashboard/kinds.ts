/** The kinds of panel that are drawn, by Grafana's names. */
export const DRAWN_KINDS = [
  "timeseries",
  "stat",
  "gauge",
  "bargauge",
  "table",
  "heatmap",
  "histogram",
  "piechart",
  "state-timeline",
  "status-history",
  "text",
] as const;

export type DrawnKind = (typeof DRAWN_KINDS)[number];
