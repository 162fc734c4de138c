import { keepPreviousData, useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { fetchData, request } from "./client.ts";

export interface ScheduleSummary {
  name: string;
  timeZone: string;
  onCall: string[];
  until: string | null;
  next: string[];
}

export interface ScheduleList {
  schedules: ScheduleSummary[];
  people: { name: string; fullName: string; timeZone: string; receivers: string[] }[];
  policies: { name: string; severities: string[]; repeat: number; steps: { wait: string; tell: Record<string, string>[] }[] }[];
}

/** From when to when somebody is on call. Times are RFC 3339. */
export interface Shift {
  from: string;
  to: string;
  people: string[];
  layer?: string;
}

export interface ShiftOverride {
  /** `null` where it comes from the configuration, and so cannot be taken back here. */
  id: number | null;
  people: string[];
  from: string;
  to: string;
  by: string | null;
  note: string;
}

export interface Schedule {
  name: string;
  timeZone: string;
  from: string;
  to: string;
  onCall: string[];
  layers: { name: string; shifts: Shift[] }[];
  overrides: ShiftOverride[];
  final: Shift[];
  gaps: { from: string; to: string }[];
}

export interface OverrideDraft {
  people: string[];
  from: string;
  to: string;
  by: string;
  note: string;
}

export function useSchedules(): UseQueryResult<ScheduleList> {
  return useQuery({ queryKey: ["schedules"], queryFn: ({ signal }) => fetchData<ScheduleList>("api/v1/schedules", { signal }), refetchInterval: 30_000 });
}

export function useSchedule(name: string | undefined, from: number, to: number): UseQueryResult<Schedule> {
  const params = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  return useQuery({
    queryKey: ["schedule", name, params.toString()],
    queryFn: ({ signal }) => fetchData<Schedule>(`api/v1/schedules/${encodeURIComponent(name ?? "")}?${params}`, { signal }),
    enabled: name !== undefined,
    placeholderData: keepPreviousData,
  });
}

export function useSaveOverride(name: string) {
  const after = useForgetSchedules();
  return useMutation({
    mutationFn: (draft: OverrideDraft) =>
      fetchData<ShiftOverride>(`api/v1/schedules/${encodeURIComponent(name)}/overrides`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(draft) }),
    onSuccess: after,
  });
}

export function useDeleteOverride(name: string) {
  const after = useForgetSchedules();
  return useMutation({
    mutationFn: (id: number) => request(`api/v1/schedules/${encodeURIComponent(name)}/overrides/${id}`, { method: "DELETE" }),
    onSuccess: after,
  });
}

function useForgetSchedules() {
  const client = useQueryClient();
  return async () => {
    await Promise.all(["schedules", "schedule"].map((key) => client.invalidateQueries({ queryKey: [key] })));
  };
}
