import { useState, type FormEvent } from "react";
import { readAuthor, storeAuthor } from "../alerting/author.ts";
import { Rota } from "../alerting/rota.tsx";
import { AlertTabs } from "../alerting/tabs.tsx";
import { serverUrl } from "../api/base.ts";
import { messageOf } from "../api/errors.ts";
import { useDeleteOverride, useSaveOverride, useSchedule, useSchedules, type Schedule, type ScheduleList } from "../api/schedules.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeDuration } from "../time/duration.ts";
import { fromInputValue, toInputValue, zoneName } from "../time/range.ts";
import { dayStarts, dayTime, knownZone, weekStart } from "../time/zoned.ts";
import { Field } from "../widgets/field.tsx";
import { FilterButtons } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";

const SPANS = ["7", "14", "28"] as const;

/** Who is on call, now and later. */
export default function SchedulesPage() {
  useDocumentTitle("On call");
  const { params, change } = useUrlState();
  const list = useSchedules();
  const name = params.get("schedule") ?? list.data?.schedules[0]?.name;
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
      </div>
      <AlertTabs />
      {list.data ? (
        list.data.schedules.length > 0 && name !== undefined ? (
          <>
            <NowOnCall list={list.data} chosen={name} choose={(next) => change({ schedule: next, from: undefined })} />
            <Calendar name={name} zone={list.data.schedules.find((one) => one.name === name)?.timeZone ?? "UTC"} people={list.data.people.map((person) => person.name)} />
            <Policies list={list.data} />
          </>
        ) : (
          <Notice icon="clock" title="There is no schedule yet">
            <p>Schedules, people and escalation policies are written in the configuration; the documentation’s page on schedules begins with an example.</p>
          </Notice>
        )
      ) : list.error ? (
        <Failed error={list.error} what="The schedules" retry={() => void list.refetch()} />
      ) : (
        <Loading what="schedules" />
      )}
    </>
  );
}

function NowOnCall({ list, chosen, choose }: { list: ScheduleList; chosen: string; choose: (name: string) => void }) {
  const now = useSecond();
  return (
    <ul className="tiles" aria-label="On call now">
      {list.schedules.map((schedule) => (
        <li key={schedule.name} className="tile oncall-tile" data-tone={schedule.onCall.length === 0 ? "bad" : "plain"} data-chosen={schedule.name === chosen ? "" : undefined}>
          <span className="tile-value oncall-name">{schedule.onCall.join(", ") || "nobody"}</span>
          <button type="button" className="link-button" aria-pressed={schedule.name === chosen} onClick={() => choose(schedule.name)}>
            {schedule.name}
          </button>
          <span className="tile-note">
            {schedule.until ? `for ${describeDuration(Math.max(0, Date.parse(schedule.until) - now))} more` : "without an end"}
            {schedule.next.length > 0 ? `, then ${schedule.next.join(", ")}` : ""}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Calendar({ name, zone: wanted, people }: { name: string; zone: string; people: readonly string[] }) {
  const { params, change } = useUrlState();
  const now = useSecond();
  const zone = knownZone(wanted);
  const days = Number(SPANS.find((span) => span === params.get("days")) ?? "14");
  const start = dayStarts(Number(params.get("from")) || weekStart(now, zone), 0, zone)[0] ?? now;
  const end = dayStarts(start, days, zone).at(-1) ?? start;
  const schedule = useSchedule(name, start, end);
  // From the middle of a day, so that a changed clock cannot lead to its neighbour.
  const go = (by: number) => change({ from: String(dayStarts(start + by * 86_400_000 + 43_200_000, 0, zone)[0] ?? start) });
  return (
    <section className="card schedule" aria-label={`Schedule ${name}`}>
      <div className="card-head">
        <h2>{name}</h2>
        <span className="muted">{zone}</span>
        <FilterButtons label="Days shown" value={String(days)} options={SPANS.map((span) => ({ value: span, text: `${Number(span) / 7} wk` }))} onChange={(value) => change({ days: value })} />
        <button type="button" className="button" onClick={() => go(-7)} aria-label="A week earlier">
          ‹
        </button>
        <button type="button" className="button" onClick={() => change({ from: undefined })}>
          This week
        </button>
        <button type="button" className="button" onClick={() => go(7)} aria-label="A week later">
          ›
        </button>
        <a className="button" href={serverUrl(`api/v1/schedules/${encodeURIComponent(name)}/calendar.ics`)} download={`${name}.ics`}>
          iCalendar
        </a>
      </div>
      {schedule.data ? (
        <>
          <Rota schedule={schedule.data} start={start} days={days} zone={zone} now={now} />
          {schedule.data.gaps.length > 0 ? (
            <p className="field-problem" role="status">
              <Icon name="warning" size={13} /> Nobody is on call for {schedule.data.gaps.length === 1 ? "a stretch" : `${schedule.data.gaps.length} stretches`} of this time.
            </p>
          ) : null}
          <ShiftTable schedule={schedule.data} zone={zone} />
          <Overrides schedule={schedule.data} people={people} />
        </>
      ) : schedule.error ? (
        <Failed error={schedule.error} what="The schedule" retry={() => void schedule.refetch()} />
      ) : (
        <Loading what="the schedule" />
      )}
    </section>
  );
}

function ShiftTable({ schedule, zone }: { schedule: Schedule; zone: string }) {
  return (
    <details className="shift-list">
      <summary>As a table</summary>
      <div className="table-scroll" role="region" aria-label="Shifts" tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">Who is on call, in order</caption>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">Who</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {schedule.final.map((shift) => (
              <tr key={`${shift.from} ${shift.people.join()}`}>
                <td>{dayTime(Date.parse(shift.from), zone)}</td>
                <td>{dayTime(Date.parse(shift.to), zone)}</td>
                <td>{shift.people.join(", ")}</td>
                <td>{shift.layer ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Overrides({ schedule, people }: { schedule: Schedule; people: readonly string[] }) {
  const save = useSaveOverride(schedule.name);
  const remove = useDeleteOverride(schedule.name);
  const zone = knownZone(schedule.timeZone);
  const [form, setForm] = useState(() => {
    const [from = 0, to = 0] = dayStarts(Date.now() + 86_400_000, 1, zone);
    return { person: "", from, to, by: readAuthor(), note: "" };
  });
  const [tried, setTried] = useState(false);
  const set = (next: Partial<typeof form>) => setForm((old) => ({ ...old, ...next }));
  const problems = {
    person: form.person === "" ? "Somebody must stand in." : undefined,
    to: form.to <= form.from ? "It must end after it begins." : undefined,
    by: form.by.trim() === "" ? "Others must know whom to ask." : undefined,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (problems.person || problems.to || problems.by) return;
    storeAuthor(form.by.trim());
    save.mutate(
      { people: [form.person], from: new Date(form.from).toISOString(), to: new Date(form.to).toISOString(), by: form.by.trim(), note: form.note.trim() },
      {
        onSuccess: () => {
          setTried(false);
          set({ person: "", note: "" });
        },
      },
    );
  };
  const time = (key: "from" | "to", label: string, problem?: string) => (
    <Field label={`${label} (${zoneName("browser")})`} problem={problem}>
      {(props) => (
        <input
          {...props}
          className="input"
          type="datetime-local"
          value={toInputValue(form[key], "browser").slice(0, 16)}
          onChange={(event) => {
            const at = fromInputValue(event.target.value, "browser");
            if (at !== undefined) set({ [key]: at });
          }}
        />
      )}
    </Field>
  );
  return (
    <div className="overrides">
      <h3>Overrides</h3>
      {schedule.overrides.length === 0 ? <p className="muted">Nobody stands in for another in this time.</p> : null}
      <ul className="card-rows">
        {schedule.overrides.map((one) => (
          <li key={`${one.id} ${one.from}`} className="alert-instance-head">
            <span className="strong">{one.people.join(", ")}</span>
            <span>
              {dayTime(Date.parse(one.from), zone)} to {dayTime(Date.parse(one.to), zone)}
            </span>
            <span className="muted">{[one.note, one.by ? `by ${one.by}` : "", one.id === null ? "from the configuration" : ""].filter((text) => text !== "").join(", ")}</span>
            {one.id === null ? null : (
              <button type="button" className="button" disabled={remove.isPending} onClick={() => one.id !== null && remove.mutate(one.id)} aria-label={`Take back ${one.people.join(", ")}, ${dayTime(Date.parse(one.from), zone)}`}>
                <Icon name="trash" size={14} />
              </button>
            )}
          </li>
        ))}
      </ul>
      <form className="override-form" onSubmit={submit} noValidate aria-label="New override">
        <Field label="Stands in" problem={tried ? problems.person : undefined}>
          {(props) => (
            <select {...props} className="input" value={form.person} onChange={(event) => set({ person: event.target.value })}>
              <option value="">Who?</option>
              {people.map((person) => (
                <option key={person} value={person}>
                  {person}
                </option>
              ))}
            </select>
          )}
        </Field>
        {time("from", "From")}
        {time("to", "To", tried ? problems.to : undefined)}
        <Field label="Your name" problem={tried ? problems.by : undefined}>
          {(props) => <input {...props} className="input" autoComplete="name" value={form.by} onChange={(event) => set({ by: event.target.value })} />}
        </Field>
        <Field label="Note">{(props) => <input {...props} className="input" value={form.note} onChange={(event) => set({ note: event.target.value })} />}</Field>
        <button type="submit" className="button primary" disabled={save.isPending}>
          Stand in
        </button>
      </form>
      {(save.error ?? remove.error) ? (
        <p className="field-problem" role="alert">
          It was not done: {messageOf(save.error ?? remove.error)}
        </p>
      ) : null}
    </div>
  );
}

function Policies({ list }: { list: ScheduleList }) {
  if (list.policies.length === 0) return null;
  return (
    <section className="card" aria-label="Escalation policies">
      <h2>Escalation</h2>
      {list.policies.map((policy) => (
        <div key={policy.name} className="policy">
          <h3>
            {policy.name} <span className="muted">{policy.severities.join(", ")}</span>
          </h3>
          <ol className="policy-steps">
            {policy.steps.map((step, index) => (
              <li key={`${policy.name} ${index}`}>
                {step.tell.map((target) => Object.entries(target).map(([kind, name]) => `${kind} ${name}`)).join(", ")}
                {index < policy.steps.length - 1 || policy.repeat > 0 ? <span className="muted">, then after {step.wait}</span> : null}
              </li>
            ))}
            {policy.repeat > 0 ? <li className="muted">and from the beginning, {policy.repeat === 1 ? "once" : `${policy.repeat} times`} more</li> : null}
          </ol>
        </div>
      ))}
    </section>
  );
}
