import { describe, expect, test } from "vitest";
import type { Silence } from "../api/alertmanager.ts";
import { draftOf, formOf, formProblems, newForm, silenceFits } from "./silences.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

function silence(state: Silence["status"]["state"], startsAt: string, endsAt: string): Silence {
  return {
    id: "one",
    status: { state },
    matchers: [{ name: "job", value: "vllm", isRegex: false, isEqual: true }],
    startsAt,
    endsAt,
    updatedAt: startsAt,
    createdBy: "ada",
    comment: "swap of a card",
  };
}

describe("a silence's form", () => {
  test("a new one begins now and ends after its duration", () => {
    const form = { ...newForm('job="vllm"', "ada"), comment: "why", duration: "90m" };
    expect(formProblems(form)).toEqual({});
    expect(draftOf(form, NOW)).toMatchObject({ startsAt: "2026-11-21T12:00:00.000Z", endsAt: "2026-11-21T13:30:00.000Z", createdBy: "ada" });
    expect(draftOf(form, NOW)).not.toHaveProperty("id");
  });

  test("changing an active one keeps its start and id, and counts what is left", () => {
    const form = formOf(silence("active", "2026-11-21T10:00:00Z", "2026-11-21T13:00:00Z"), NOW);
    expect(form.duration).toBe("1h");
    expect(draftOf(form, NOW)).toMatchObject({ id: "one", startsAt: "2026-11-21T10:00:00.000Z", endsAt: "2026-11-21T13:00:00.000Z" });
  });

  test("changing one that is still to come keeps both ends", () => {
    const form = formOf(silence("pending", "2026-11-21T14:00:00Z", "2026-11-21T15:30:00Z"), NOW);
    expect(draftOf(form, NOW)).toMatchObject({ startsAt: "2026-11-21T14:00:00.000Z", endsAt: "2026-11-21T15:30:00.000Z" });
  });

  test("an expired one is made again from now, as long as it was", () => {
    const form = formOf(silence("expired", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z"), NOW);
    expect(form.id).toBeUndefined();
    expect(draftOf(form, NOW)).toMatchObject({ startsAt: "2026-11-21T12:00:00.000Z", endsAt: "2026-11-21T14:00:00.000Z" });
  });

  test("what would silence everything, or says neither who nor why, is not sent", () => {
    const form = { ...newForm('job=~".*", zone=""', ""), duration: "long" };
    expect(Object.keys(formProblems(form)).sort()).toEqual(["comment", "createdBy", "duration", "matchers"]);
    expect(formProblems({ ...newForm("", "ada"), comment: "x" })).toHaveProperty("matchers");
    expect(formProblems({ ...newForm('job!="x", team="a"', "ada"), comment: "x" })).toEqual({});
  });

  test("a silence is found by any of its words", () => {
    const one = silence("active", "2026-11-21T10:00:00Z", "2026-11-21T13:00:00Z");
    expect(silenceFits(one, "ADA vllm")).toBe(true);
    expect(silenceFits(one, "ada trainer")).toBe(false);
  });
});
