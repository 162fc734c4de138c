import { useRef, useState, type FormEvent } from "react";
import { Link, useLocation } from "wouter";
import { Covered } from "../alerting/covered.tsx";
import { MatcherRows } from "../alerting/matcher-rows.tsx";
import { draftOf, DURATIONS, formOf, formProblems, newForm, type SilenceForm } from "../alerting/silences.ts";
import { readAuthor, storeAuthor } from "../alerting/author.ts";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useSaveSilence, useSilence } from "../api/alertmanager.ts";
import { messageOf } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { formatDateTime, fromInputValue, toInputValue, zoneName } from "../time/range.ts";
import { Field } from "../widgets/field.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading } from "../widgets/states.tsx";

/** Makes a silence: `/alerts/silences/new?matchers=…`. */
export function NewSilencePage() {
  const { params } = useUrlState();
  const [form] = useState(() => ({ ...newForm(params.get("matchers") ?? "", readAuthor()), comment: params.get("comment") ?? "" }));
  return <Form title="New silence" start={form} />;
}

/** Changes a silence, or makes an expired one again. */
export function EditSilencePage({ id }: { id: string }) {
  const silence = useSilence(id);
  if (silence.data) {
    const form = formOf(silence.data, Date.now());
    return <Form title={form.id === undefined ? "Recreate a silence" : "Edit a silence"} start={form} />;
  }
  return silence.error ? <Failed error={silence.error} what="The silence" retry={() => void silence.refetch()} /> : <Loading what="the silence" />;
}

function Form({ title, start }: { title: string; start: SilenceForm }) {
  useDocumentTitle(title);
  const [form, setForm] = useState(start);
  const [tried, setTried] = useState(false);
  const [, navigate] = useLocation();
  const save = useSaveSilence();
  const element = useRef<HTMLFormElement>(null);
  const problems = tried ? formProblems(form) : {};
  const set = (change: Partial<SilenceForm>) => setForm((old) => ({ ...old, ...change }));
  const named = form.matchers.filter((matcher) => matcher.name.trim() !== "");

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(formProblems(form)).length > 0) {
      // After the problems are drawn the first of them takes the focus.
      window.requestAnimationFrame(() => element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
      return;
    }
    storeAuthor(form.createdBy.trim());
    save.mutate(draftOf(form, Date.now()), { onSuccess: (id) => navigate(`/alerts/silences/${encodeURIComponent(id)}`) });
  };

  return (
    <>
      <div className="page-head">
        <h1>{title}</h1>
      </div>
      <AlertTabs />
      <div className="silence-page">
        <form ref={element} className="card silence-form" onSubmit={submit} noValidate>
          <MatcherRows matchers={form.matchers} problem={problems.matchers} onChange={(matchers) => set({ matchers })} />
          <TimeFields form={form} problem={problems.duration} set={set} />
          <Field label="Who" problem={problems.createdBy}>
            {(props) => <input {...props} className="input" autoComplete="name" value={form.createdBy} onChange={(event) => set({ createdBy: event.target.value })} />}
          </Field>
          <Field label="Why" problem={problems.comment}>
            {(props) => <textarea {...props} className="input text-area" rows={3} value={form.comment} onChange={(event) => set({ comment: event.target.value })} />}
          </Field>
          {save.error ? (
            <p className="field-problem" role="alert">
              It was not saved: {messageOf(save.error)}
            </p>
          ) : null}
          <p className="card-actions">
            <button type="submit" className="button primary" disabled={save.isPending}>
              <Icon name="mute" /> {form.id === undefined ? "Silence" : "Save"}
            </button>
            <Link href="/alerts/silences" className="button">
              Cancel
            </Link>
          </p>
        </form>
        {named.length > 0 ? <Covered matchers={named} /> : <p className="muted">Name a label to see which alerts would be kept quiet.</p>}
      </div>
    </>
  );
}

function TimeFields({ form, problem, set }: { form: SilenceForm; problem: string | undefined; set: (change: Partial<SilenceForm>) => void }) {
  const now = useSecond();
  const starts = form.startsAt ?? now;
  const draft = draftOf({ ...form, matchers: [] }, now);
  return (
    <fieldset className="form-group">
      <legend>When</legend>
      <Field label={`Starts (${zoneName("browser")})`}>
        {(props) => (
          <input
            {...props}
            className="input"
            type="datetime-local"
            step={60}
            value={toInputValue(starts, "browser").slice(0, 16)}
            onChange={(event) => {
              const at = fromInputValue(event.target.value, "browser");
              if (at !== undefined) set({ startsAt: at });
            }}
          />
        )}
      </Field>
      <Field label="Lasts" problem={problem} hint={problem ? undefined : `until ${formatDateTime(Date.parse(draft.endsAt), "browser")}`}>
        {(props) => <input {...props} className="input mono" value={form.duration} onChange={(event) => set({ duration: event.target.value })} />}
      </Field>
      <div className="segments" role="group" aria-label="Usual durations">
        {DURATIONS.map((one) => (
          <button key={one} type="button" className="segment" aria-pressed={form.duration === one} onClick={() => set({ duration: one })}>
            {one}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
