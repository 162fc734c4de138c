/** `GET /api/ui/v1/boot`: what the page must know before it draws anything. */
export interface Boot {
  version: string;
  /** Unix milliseconds at which the server started. */
  started_ms: number;
  external_url: string;
  scrape_interval_s: number;
  /** The uid of the dashboard shown at `/`. */
  home_dashboard: string;
}

export interface DashboardEntry {
  uid: string;
  title: string;
  tags?: string[];
}

export interface ScrapeTarget {
  discoveredLabels?: Record<string, string>;
  labels: Record<string, string>;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  lastError: string;
  /** What of the last scrape was not kept, though all is well. */
  lastWarning?: string;
  /** RFC 3339; the year 1 when it was never scraped. */
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval?: string;
  scrapeTimeout?: string;
}

export interface DroppedTarget {
  discoveredLabels: Record<string, string>;
  scrapePool?: string;
}

export interface Targets {
  activeTargets: ScrapeTarget[];
  droppedTargets: DroppedTarget[];
  /** Target files that are wrong and targets that cannot be made, one line each; Prometheus does not tell them. */
  discoveryFaults?: string[];
}

export type AlertState = "firing" | "pending" | "inactive";

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: AlertState;
  activeAt?: string;
  keepFiringSince?: string;
  value: string;
}

interface RuleCommon {
  name: string;
  query: string;
  labels?: Record<string, string>;
  health: string;
  lastError?: string;
  /** Seconds. */
  evaluationTime: number;
  lastEvaluation: string;
}

export interface AlertingRule extends RuleCommon {
  type: "alerting";
  state: AlertState;
  /** Seconds. */
  duration: number;
  keepFiringFor?: number;
  annotations?: Record<string, string>;
  alerts: Alert[];
}

export interface RecordingRule extends RuleCommon {
  type: "recording";
}

export type Rule = AlertingRule | RecordingRule;

export interface RuleGroup {
  name: string;
  file: string;
  /** Seconds. */
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
  rules: Rule[];
}

/** `GET /api/ui/v1/deliveries`. Times are milliseconds since the Unix epoch. */
export interface Deliveries {
  counts: { open: number; done: number; dead: number };
  outbox: WaitingJob[];
  deliveries: Attempt[];
}

/** A notification that a receiver is still owed. */
export interface WaitingJob {
  id: number;
  receiver: string;
  reason: string;
  firing: number;
  resolved: number;
  attempts: number;
  next_try_ms: number;
  last_error: string | null;
}

/** One attempt to deliver a notification. */
export interface Attempt {
  id: number;
  group_key: string;
  receiver: string;
  outcome: string;
  status: number | null;
  latency_ms: number | null;
  started_ms: number;
  error: string | null;
}

export interface TsdbStatus {
  /** A value is `null` while there are no samples. */
  headStats?: Record<string, number | null>;
  seriesCountByMetricName?: NamedCount[];
  labelValueCountByLabelName?: NamedCount[];
  memoryInBytesByLabelName?: NamedCount[];
  seriesCountByLabelValuePair?: NamedCount[];
}

/** `GET /api/ui/v1/cardinality`. Times are milliseconds since the Unix epoch. */
export interface Cardinality {
  now_ms: number;
  memory: Memory;
  limits: { series: number; series_per_target: number; series_per_job: number; series_per_tenant: number; tenant_label: string };
  total: Holder;
  counts: { targets: number; jobs: number; tenants: number; label_pairs: number; chunks: number };
  targets: Holder[];
  jobs: Holder[];
  tenants: Holder[];
  churning: Holder[];
  refused: Holder[];
  metrics: NamedCount[];
  labels: NamedCount[];
  label_bytes: NamedCount[];
  pairs: NamedCount[];
  samples: { appended: number; refused: { reason: string; samples: number }[] };
  parts: { count: number; bytes: number; samples: number; min_ms: number | null; max_ms: number | null };
  corruptions: number;
  compaction_failures: number;
  read_only: string | null;
}

/** The process against its memory ceiling; a ceiling of 0 is none. */
export interface Memory {
  pressure: "calm" | "tight" | "full" | "over";
  ceiling_bytes: number;
  used_bytes: number;
  live_bytes: number;
  flush_bytes: number;
  overhead_bytes: number;
  resident_bytes: number;
  soft_bytes: number;
  hard_bytes: number;
  head_bytes: number;
}

/** Whose series they are: a target's, a job's, a tenant's, or all. */
export interface Holder {
  scope: "target" | "job" | "tenant" | "total";
  name: string;
  instance: string;
  series: number;
  /** 0 for any number. */
  limit: number;
  made_per_hour: number;
  forgotten_per_hour: number;
  refused_per_hour: number;
  last_refused_ms: number | null;
  culprit: { label: string; values: number; series: number; is_exact: boolean } | null;
  reason: string | null;
}

export interface NamedCount {
  name: string;
  value: number;
}

export interface MetricMetadata {
  type: string;
  help: string;
  unit: string;
}
