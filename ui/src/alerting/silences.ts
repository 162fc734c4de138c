import type { Silence, SilenceDraft } from "../api/alertmanager.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import { matcherText, parseMatchers, type Matcher } from "./matchers.ts";

/** The form as it is filled in: texts and matchers, wrong ones too. */
export interface SilenceForm {
  id?: string;
  matchers: Matcher[];
  /** Unix milliseconds; `undefined` means from now on. */
  startsAt?: number;
  duration: string;
  createdBy: string;
  comment: string;
}

export const DURATIONS = ["30m", "1h", "2h", "4h", "8h", "1d", "3d", "1w"] as const;

export function emptyMatcher(): Matcher {
  return { name: "", value: "", isRegex: false, isEqual: true };
}

/** A new form for these matchers, by this person. */
export function newForm(matchers: string, createdBy: string): SilenceForm {
  const parsed = parseMatchers(matchers).matchers;
  return { matchers: parsed.length > 0 ? parsed : [emptyMatcher()], duration: "2h", createdBy, comment: "" };
}

/**
 * The form that changes a silence, or makes its like again when it has expired. How long it lasts is counted from its
 * start, or from now when that has passed.
 */
export function formOf(silence: Silence, now: number): SilenceForm {
  const [starts, ends] = [Date.parse(silence.startsAt), Date.parse(silence.endsAt)];
  const expired = silence.status.state === "expired";
  const from = expired ? starts : Math.max(starts, now);
  return {
    ...(expired ? {} : { id: silence.id, startsAt: starts }),
    matchers: silence.matchers,
    duration: formatDuration(Math.max(60_000, Math.round((ends - from) / 60_000) * 60_000)),
    createdBy: silence.createdBy,
    comment: silence.comment,
  };
}

/** What is wrong with the form, by field; empty when it may be sent. */
export function formProblems(form: SilenceForm): Partial<Record<"matchers" | "duration" | "createdBy" | "comment", string>> {
  const problems: ReturnType<typeof formProblems> = {};
  if (form.matchers.some((matcher) => matcher.name.trim() === "")) problems.matchers = "Every matcher needs the name of a label.";
  else if (form.matchers.every(matchesNothing)) problems.matchers = "At least one matcher must ask for something: these would silence everything.";
  if (!parseDuration(form.duration)) problems.duration = "A duration such as 2h or 1d12h.";
  if (form.createdBy.trim() === "") problems.createdBy = "Others must know whom to ask.";
  if (form.comment.trim() === "") problems.comment = "Say why, for whoever reads this at night.";
  return problems;
}

/** True when an alert without the label would fit too. */
function matchesNothing(matcher: Matcher): boolean {
  if (!matcher.isRegex) return matcher.isEqual === (matcher.value === "");
  try {
    return new RegExp(`^(?:${matcher.value})$`, "su").test("") === matcher.isEqual;
  } catch {
    return false;
  }
}

/** The silence to send. */
export function draftOf(form: SilenceForm, now: number): SilenceDraft {
  const starts = Math.max(form.startsAt ?? now, form.id === undefined ? now : 0);
  const from = Math.max(starts, now);
  return {
    ...(form.id === undefined ? {} : { id: form.id }),
    matchers: form.matchers.map((matcher) => ({ ...matcher, name: matcher.name.trim() })),
    startsAt: new Date(starts).toISOString(),
    endsAt: new Date(from + (parseDuration(form.duration) ?? 0)).toISOString(),
    createdBy: form.createdBy.trim(),
    comment: form.comment.trim(),
  };
}

/** True when every word is somewhere in the silence. */
export function silenceFits(silence: Silence, search: string): boolean {
  const text = [silence.id, silence.comment, silence.createdBy, ...silence.matchers.map(matcherText)].join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
