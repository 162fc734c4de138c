import { describe, expect, it } from "vitest";
import { labelsText, parseLabels } from "./labels.ts";
import { ruleText } from "./rule-text.ts";

describe("the labels of an alert, as typed", () => {
  it("are equalities", () => {
    expect(parseLabels('alertname="Down", severity=critical')).toEqual({ labels: { alertname: "Down", severity: "critical" }, problem: undefined });
  });
  it("are none where something else than an equality is asked", () => {
    expect(parseLabels('alertname="Down", severity=~"a|b"')).toEqual({ labels: {}, problem: 'An alert has one value for severity: write severity="…".' });
  });
  it("are written so that they can be read again", () => {
    const labels = { alertname: "Down", path: 'C:\\x "y"' };
    expect(parseLabels(labelsText(labels)).labels).toEqual(labels);
  });
});

describe("a rule written out", () => {
  it("is a rule file with this rule alone, hostile texts quoted", () => {
    const text = ruleText(
      { name: "a: b", interval: 90 },
      {
        type: "alerting",
        name: "Down",
        query: 'up{job="x"} == 0 # note',
        duration: 300,
        labels: { severity: "critical" },
        annotations: { summary: "line\nbreak: {{ $value }}" },
        state: "inactive",
        alerts: [],
        health: "ok",
        evaluationTime: 0,
        lastEvaluation: "",
      },
    );
    expect(text).toBe(
      [
        "groups:",
        '  - name: "a: b"',
        "    interval: 1m30s",
        "    rules:",
        '      - alert: "Down"',
        '        expr: "up{job=\\"x\\"} == 0 # note"',
        "        for: 5m",
        "        labels:",
        '          "severity": "critical"',
        "        annotations:",
        '          "summary": "line\\nbreak: {{ $value }}"',
        "",
      ].join("\n"),
    );
  });
});
