import { describe, expect, test } from "vitest";
import type { ActiveAlert } from "../api/alertmanager.ts";
import type { RuleGroup } from "../api/types.ts";
import { fitsMatchers, gatherAlerts, groupAlerts, groupingLabels } from "./alerts.ts";
import { parseMatchers } from "./matchers.ts";

function active(labels: Record<string, string>, status: Partial<ActiveAlert["status"]> = {}): ActiveAlert {
  return {
    fingerprint: JSON.stringify(labels),
    labels,
    annotations: {},
    startsAt: "2026-11-21T10:00:00Z",
    endsAt: "2026-11-21T10:05:00Z",
    updatedAt: "2026-11-21T10:00:00Z",
    receivers: [{ name: "pager" }],
    status: { state: "active", silencedBy: [], inhibitedBy: [], ...status },
  };
}

function rules(...alerts: { labels: Record<string, string>; state: "firing" | "pending"; value?: string }[]): RuleGroup[] {
  return [
    {
      name: "g",
      file: "f",
      interval: 15,
      evaluationTime: 0,
      lastEvaluation: "",
      rules: [
        {
          type: "alerting",
          name: "Hot",
          query: "temp > 85",
          health: "ok",
          evaluationTime: 0,
          lastEvaluation: "",
          state: "firing",
          duration: 0,
          alerts: alerts.map((alert) => ({ annotations: {}, value: "1", ...alert })),
        },
      ],
    },
  ];
}

describe("alerts as a person sees them", () => {
  test("an alert of our own rules is told once, with its value, though external labels were added on the way", () => {
    const items = gatherAlerts(
      [active({ alertname: "Hot", gpu: "0", cluster: "a" })],
      rules({ labels: { alertname: "Hot", gpu: "0" }, state: "firing", value: "91" }),
    );
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ value: "91", query: "temp > 85", standing: "firing", receivers: ["pager"] });
  });

  test("pending alerts, and firing ones nobody took over, are told too", () => {
    const items = gatherAlerts([], rules({ labels: { alertname: "Hot", gpu: "1" }, state: "pending" }, { labels: { alertname: "Hot", gpu: "2" }, state: "firing" }));
    expect(items.map((item) => [item.labels["gpu"], item.standing])).toEqual([
      ["2", "firing"],
      ["1", "pending"],
    ]);
  });

  test("what is firing stands before what is kept quiet, critical before warning", () => {
    const items = gatherAlerts(
      [
        active({ alertname: "A", severity: "critical" }, { silencedBy: ["s1"] }),
        active({ alertname: "B", severity: "warning" }),
        active({ alertname: "C", severity: "CRITICAL" }),
        active({ alertname: "D", severity: "critical" }, { inhibitedBy: ["x"] }),
        active({ alertname: "E", severity: "critical" }, { mutedBy: ["nights"] }),
      ],
      [],
    );
    expect(items.map((item) => [item.name, item.standing])).toEqual([
      ["C", "firing"],
      ["B", "firing"],
      ["E", "muted"],
      ["D", "inhibited"],
      ["A", "silenced"],
    ]);
  });

  test("grouping keeps the order of the most pressing, and an alert without the label is not lost", () => {
    const items = gatherAlerts([active({ alertname: "A", team: "x", severity: "info" }), active({ alertname: "B", severity: "critical" })], []);
    expect(groupAlerts(items, "team").map((group) => [group.title, group.items.length])).toEqual([
      ["", 1],
      ["x", 1],
    ]);
    expect(groupAlerts(items, "severity").map((group) => group.title)).toEqual(["critical", "info"]);
    expect(groupAlerts(items, "").flatMap((group) => group.items)).toEqual(items);
    expect(groupingLabels(items)).toEqual(["alertname", "team"]);
  });

  test("matchers judge labels as the server does: anchored, and an absent label is an empty one", () => {
    const labels = { team: "ml-infra" };
    const judge = (text: string) => fitsMatchers(labels, parseMatchers(text).matchers);
    expect(judge('team=~"ml"')).toBe(false);
    expect(judge('team=~"ml.*"')).toBe(true);
    expect(judge('zone=""')).toBe(true);
    expect(judge('zone!=""')).toBe(false);
    expect(judge('team!="ml-infra"')).toBe(false);
    expect(judge('team=~"("')).toBe(false);
  });
});
