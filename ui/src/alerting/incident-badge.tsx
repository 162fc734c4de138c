import type { IncidentState } from "../api/incidents.ts";
import { Badge, type Tone } from "../widgets/states.tsx";

const LOOKS: Readonly<Record<IncidentState, { tone: Tone; text: string }>> = {
  firing: { tone: "bad", text: "Open" },
  acknowledged: { tone: "warn", text: "Acknowledged" },
  resolved: { tone: "good", text: "Resolved" },
};

export function IncidentBadge({ state }: { state: IncidentState }) {
  const look = LOOKS[state] ?? { tone: "plain" as const, text: state };
  return <Badge tone={look.tone}>{look.text}</Badge>;
}
