import { useState, type FormEvent } from "react";
import { useActOnIncident, type IncidentAct, type IncidentDetail } from "../api/incidents.ts";
import { messageOf } from "../api/errors.ts";
import { parseDuration } from "../time/duration.ts";
import { Field } from "../widgets/field.tsx";
import { readAuthor, storeAuthor } from "./author.ts";

const EXPIRIES = ["30m", "1h", "2h", "4h", "8h"] as const;

interface ActForm {
  who: string;
  note: string;
  expires: string;
  reminder: string;
}

type Problems = Partial<Record<keyof ActForm, string>>;

/** What is wrong with the form for an act; empty when it may be sent. */
function problemsOf(act: IncidentAct, form: ActForm): Problems {
  const problems: Problems = {};
  if (form.who.trim() === "") problems.who = "Others must know whom to ask.";
  if (act === "note" && form.note.trim() === "") problems.note = "A note needs a text.";
  if (act === "acknowledge") {
    if (form.expires !== "" && !parseDuration(form.expires)) problems.expires = "A duration such as 2h, or nothing.";
    if (form.reminder !== "" && !parseDuration(form.reminder)) problems.reminder = "A duration such as 30m, or nothing.";
  }
  return problems;
}

function bodyOf(act: IncidentAct, form: ActForm): Record<string, unknown> {
  const note = form.note.trim() === "" ? {} : { note: form.note.trim() };
  if (act !== "acknowledge") return { by: form.who.trim(), ...note };
  return {
    owner: form.who.trim(),
    ...note,
    ...(form.expires === "" ? {} : { expires: form.expires }),
    ...(form.reminder === "" ? {} : { reminder: form.reminder }),
  };
}

/** Taking an incident, giving it back, writing on it, passing it on: one form, several ways to send it. */
export function IncidentActs({ incident }: { incident: IncidentDetail }) {
  const act = useActOnIncident(incident.id);
  const [form, setForm] = useState<ActForm>(() => ({ who: readAuthor(), note: "", expires: "2h", reminder: "" }));
  const [tried, setTried] = useState<IncidentAct>();
  const problems = tried ? problemsOf(tried, form) : {};
  const set = (change: Partial<ActForm>) => setForm((old) => ({ ...old, ...change }));
  const resolved = incident.state === "resolved";
  const taken = incident.acknowledgement !== null;

  const send = (what: IncidentAct) => {
    setTried(what);
    if (Object.keys(problemsOf(what, form)).length > 0) return;
    storeAuthor(form.who.trim());
    act.mutate(
      { act: what, body: bodyOf(what, form) },
      {
        onSuccess: () => {
          set({ note: "" });
          setTried(undefined);
        },
      },
    );
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    send(resolved ? "note" : "acknowledge");
  };

  return (
    <form className="card incident-acts" onSubmit={submit} noValidate aria-label="What to do">
      <h2>{resolved ? "Write on it" : taken ? "It is taken" : "Take it"}</h2>
      <Field label="Who" problem={problems.who}>
        {(props) => <input {...props} className="input" autoComplete="name" value={form.who} onChange={(event) => set({ who: event.target.value })} />}
      </Field>
      <Field label="Note" problem={problems.note}>
        {(props) => <textarea {...props} className="input text-area" rows={2} value={form.note} onChange={(event) => set({ note: event.target.value })} />}
      </Field>
      {resolved ? null : (
        <div className="incident-times">
          <Field label="Acknowledged for" problem={problems.expires} hint={form.expires === "" ? "until it is resolved" : "then it pages again"}>
            {(props) => <input {...props} className="input mono" list="incident-expiries" value={form.expires} onChange={(event) => set({ expires: event.target.value.trim() })} />}
          </Field>
          <datalist id="incident-expiries">
            {EXPIRIES.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          <Field label="Remind every" problem={problems.reminder} hint={form.reminder === "" ? "no reminder" : undefined}>
            {(props) => <input {...props} className="input mono" placeholder="30m" value={form.reminder} onChange={(event) => set({ reminder: event.target.value.trim() })} />}
          </Field>
        </div>
      )}
      {act.error ? (
        <p className="field-problem" role="alert">
          It was not done: {messageOf(act.error)}
        </p>
      ) : null}
      <p className="card-actions">
        {resolved ? null : (
          <button type="submit" className="button primary" disabled={act.isPending}>
            {taken ? "Acknowledge again" : "Acknowledge"}
          </button>
        )}
        <button type={resolved ? "submit" : "button"} className="button" disabled={act.isPending} onClick={resolved ? undefined : () => send("note")}>
          Add note
        </button>
        {taken && !resolved ? (
          <button type="button" className="button" disabled={act.isPending} onClick={() => send("unacknowledge")}>
            Give it back
          </button>
        ) : null}
        {incident.escalation && !resolved ? (
          <button type="button" className="button" disabled={act.isPending} onClick={() => send("escalate")}>
            Escalate now
          </button>
        ) : null}
      </p>
    </form>
  );
}
