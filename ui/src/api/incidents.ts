import { keepPreviousData, useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { fetchData } from "./client.ts";

const LIVE_MS = 5_000;

export type IncidentState = "firing" | "acknowledged" | "resolved";

/** One trouble that people see, from the first alert of a group until its last has ended. Times are RFC 3339. */
export interface Incident {
  id: number;
  title: string;
  state: IncidentState;
  severity: string;
  receiver: string;
  groupKey: string;
  groupLabels: Record<string, string>;
  commonLabels: Record<string, string>;
  commonAnnotations: Record<string, string>;
  startsAt: string;
  updatedAt: string;
  endsAt: string | null;
  reopened: number;
  alerts: { firing: number; resolved: number };
  acknowledgement: Acknowledgement | null;
  escalation: { policy: string; step: number; steps: number; round: number; repeat: number; nextStepAt: string | null } | null;
}

export interface Acknowledgement {
  owner: string;
  note: string;
  at: string;
  until: string | null;
  reminder: string | null;
  nextReminderAt: string | null;
}

export interface IncidentAlert {
  fingerprint: string;
  status: "firing" | "resolved";
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string | null;
  generatorURL: string;
}

/** Something that happened to an incident, oldest first in its timeline. */
export interface IncidentEvent {
  at: string;
  kind: string;
  actor: string | null;
  text: string;
  alerts: string[];
  notification: {
    job: number;
    receiver: string;
    integration: string | null;
    reason: string;
    state: "open" | "done" | "dead";
    nextTryAt: string | null;
    attempts: { at: string; outcome: string; status: number | null; latencyMs: number | null; error: string | null }[];
  } | null;
}

export interface IncidentDetail extends Incident {
  alertList: IncidentAlert[];
  timeline: IncidentEvent[];
}

export interface IncidentList {
  total: number;
  counts: Record<IncidentState, number>;
  incidents: Incident[];
}

export function useIncidents(params: URLSearchParams): UseQueryResult<IncidentList> {
  return useQuery({
    queryKey: ["incidents", params.toString()],
    queryFn: ({ signal }) => fetchData<IncidentList>(`api/v1/incidents?${params}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
  });
}

export function useIncident(id: string): UseQueryResult<IncidentDetail> {
  return useQuery({
    queryKey: ["incident", id],
    queryFn: ({ signal }) => fetchData<IncidentDetail>(`api/v1/incidents/${encodeURIComponent(id)}`, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: LIVE_MS,
  });
}

/** What a person may do with an incident; the name is the last part of its route. */
export type IncidentAct = "acknowledge" | "unacknowledge" | "note" | "escalate";

export function useActOnIncident(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ act, body }: { act: IncidentAct; body: Record<string, unknown> }) =>
      fetchData<Incident>(`api/v1/incidents/${id}/${act}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    onSuccess: async () => {
      await Promise.all(["incident", "incidents"].map((key) => client.invalidateQueries({ queryKey: [key] })));
    },
  });
}
