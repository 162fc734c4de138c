import { keepPreviousData, useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { fetchData } from "./client.ts";

const LIVE_MS = 5_000;

/** JSON has no word for what is not finite. */
export type JsonNumber = number | "NaN" | "+Inf" | "-Inf";

export type RunStatus = "running" | "scheduled" | "finished" | "failed" | "killed";
export const RUN_STATUSES: readonly RunStatus[] = ["running", "finished", "failed", "killed", "scheduled"];

/** What a run measures under one name. */
export interface RunMetric {
  last: JsonNumber;
  step: number;
  at: string;
  min: JsonNumber | null;
  max: JsonNumber | null;
  hasNaN: boolean;
}

export interface RunProgress {
  step: number | null;
  totalSteps: number | null;
  epoch: number | null;
  totalEpochs: number | null;
  ratio: number | null;
  stepsPerSecond: number | null;
  etaSeconds: number | null;
  loss: JsonNumber | null;
  lossKey: string | null;
  validationLoss: JsonNumber | null;
  validationLossKey: string | null;
  gpus: number | null;
  gpuUtilization: number | null;
  costPerStep: number | null;
  cost: number | null;
  currency: string;
}

/** One training run. Times are RFC 3339; its names are whatever its author wrote. */
export interface Run {
  id: string;
  name: string;
  experiment: { id: string; name: string };
  status: RunStatus;
  stalled: boolean;
  startedAt: string;
  endedAt: string | null;
  durationSeconds: number;
  updatedAt: string | null;
  user: string | null;
  source: string | null;
  host: string | null;
  reporter: string;
  deleted: boolean;
  tags: Record<string, string>;
  params: Record<string, string>;
  metrics: Record<string, RunMetric>;
  progress: RunProgress;
}

export interface RunDetail extends Run {
  inputs: { name: string; digest: string; sourceType: string; source: string; context: string | null }[];
  artifactUri: string;
}

export interface RunList {
  total: number;
  counts: Record<RunStatus, number>;
  runs: Run[];
  metricKeys: string[];
  paramKeys: string[];
}

/** What the points of a series lie over: steps, Unix seconds, or seconds since the run began. */
export type RunAxis = "step" | "time" | "relative";

export interface RunSeries {
  runId: string;
  runName: string;
  metric: string;
  total: number;
  decimated: boolean;
  x: number[];
  steps: number[];
  times: number[];
  values: JsonNumber[];
}

/** A name that several runs have, with each run's value, in the order of the runs. */
export interface Compared {
  key: string;
  values: (string | null)[];
  differs: boolean;
}

export interface Comparison {
  runs: Run[];
  params: Compared[];
  tags: Compared[];
  metrics: { key: string; last: (JsonNumber | null)[]; min: (JsonNumber | null)[]; max: (JsonNumber | null)[]; step: (number | null)[] }[];
  x: RunAxis;
  series: RunSeries[];
}

export interface Experiment {
  id: string;
  name: string;
  runs: number;
  running: number;
}

export function numberOf(value: JsonNumber | null): number {
  if (value === null || value === "NaN") return Number.NaN;
  if (value === "+Inf") return Number.POSITIVE_INFINITY;
  return value === "-Inf" ? Number.NEGATIVE_INFINITY : value;
}

export function useExperiments(): UseQueryResult<{ experiments: Experiment[] }> {
  return useQuery({
    queryKey: ["training", "experiments"],
    queryFn: ({ signal }) => fetchData<{ experiments: Experiment[] }>("api/v1/training/experiments", { signal }),
    refetchInterval: 4 * LIVE_MS,
  });
}

export function useRuns(params: URLSearchParams): UseQueryResult<RunList> {
  return useQuery({
    queryKey: ["training", "runs", params.toString()],
    queryFn: ({ signal }) => fetchData<RunList>(`api/v1/training/runs?${params}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
  });
}

export function useRun(id: string): UseQueryResult<RunDetail> {
  return useQuery({
    queryKey: ["training", "run", id],
    queryFn: ({ signal }) => fetchData<RunDetail>(`api/v1/training/runs/${encodeURIComponent(id)}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
  });
}

/** Several runs beside one another; their curves only of the metrics that are asked for. */
export function useComparison(runs: readonly string[], metrics: readonly string[], x: RunAxis): UseQueryResult<Comparison> {
  const params = new URLSearchParams([...runs.map((run) => ["run", run]), ...metrics.map((metric) => ["metric", metric]), ["x", x]]);
  return useQuery({
    queryKey: ["training", "compare", params.toString()],
    queryFn: ({ signal }) => fetchData<Comparison>(`api/v1/training/compare?${params}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
    enabled: runs.length > 0,
  });
}

/** Says that a run is over, whoever of its process is left; its process is not touched. */
export function useMarkEnded(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      fetchData<Run>(`api/v1/training/runs/${encodeURIComponent(id)}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ status: "killed" }) }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["training"] }),
  });
}
