import { useState } from "react";
import { Link } from "wouter";
import { matcherText } from "../alerting/matchers.ts";
import { silenceFits } from "../alerting/silences.ts";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useActiveAlerts, useExpireSilence, useSilences, type Silence, type SilenceState } from "../api/alertmanager.ts";
import { messageOf } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { useSecond } from "../time/clock.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { FilterButtons, SearchField } from "../widgets/filter-bar.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";

const STATES: readonly SilenceState[] = ["active", "pending", "expired"];
const MOST_SHOWN = 200;

/** What is kept quiet, by whom, why and until when. */
export default function SilencesPage() {
  useDocumentTitle("Silences");
  const { params, change } = useUrlState();
  const silences = useSilences();
  const state = STATES.find((one) => one === params.get("state")) ?? "active";
  const search = params.get("search") ?? "";
  const all = silences.data ?? [];
  const found = all.filter((silence) => silence.status.state === state && silenceFits(silence, search));
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
        <SearchField label="Find silences" value={search} onChange={(value) => change({ search: value })} />
        <Link href="/alerts/silences/new" className="button">
          <Icon name="plus" /> New silence
        </Link>
      </div>
      <AlertTabs />
      {silences.data ? (
        <>
          <div className="filters">
            <FilterButtons
              label="State"
              value={state}
              onChange={(value) => change({ state: value === "active" ? undefined : value })}
              options={STATES.map((one) => ({ value: one, text: one.charAt(0).toUpperCase() + one.slice(1), count: all.filter((silence) => silence.status.state === one).length }))}
            />
          </div>
          {found.length > 0 ? (
            <ul className="alert-list">
              {found.slice(0, MOST_SHOWN).map((silence) => (
                <SilenceCard key={silence.id} silence={silence} />
              ))}
            </ul>
          ) : (
            <Notice icon="mute" title={search === "" ? `No silence is ${state}` : "No silence fits"}>
              <p>{search === "" ? "Every alert that fires goes where its route sends it." : "Take a word away to see more."}</p>
            </Notice>
          )}
          {found.length > MOST_SHOWN ? (
            <p className="note">
              {MOST_SHOWN} of {found.length}: search to see others.
            </p>
          ) : null}
        </>
      ) : silences.error ? (
        <Failed error={silences.error} what="The silences" retry={() => void silences.refetch()} />
      ) : (
        <Loading what="silences" />
      )}
    </>
  );
}

/** One silence: what it covers, who made it and why, and what may be done with it. */
export function SilenceCard({ silence }: { silence: Silence }) {
  const expire = useExpireSilence();
  const [asked, setAsked] = useState(false);
  const { state } = silence.status;
  const address = `/alerts/silences/${encodeURIComponent(silence.id)}`;
  return (
    <li className="card silence" data-state={state}>
      <div className="silence-head">
        <ul className="chips" aria-label="Matchers">
          {silence.matchers.map((matcher) => (
            <li key={matcherText(matcher)} className="chip mono">
              {matcherText(matcher)}
            </li>
          ))}
        </ul>
        <span className="silence-actions">
          <Link href={`${address}/edit`} className="button">
            {state === "expired" ? "Recreate" : "Edit"}
          </Link>
          {state === "expired" ? null : asked ? (
            <>
              <button type="button" className="button danger" disabled={expire.isPending} onClick={() => expire.mutate(silence.id)}>
                Expire now
              </button>
              <button type="button" className="button" onClick={() => setAsked(false)}>
                Keep it
              </button>
            </>
          ) : (
            <button type="button" className="button" onClick={() => setAsked(true)}>
              Expire…
            </button>
          )}
        </span>
      </div>
      <p className="silence-comment">{silence.comment}</p>
      <p className="muted">
        {silence.createdBy} · <Times silence={silence} /> · <Covered silence={silence} /> ·{" "}
        <Link href={address} className="text-link mono">
          {silence.id}
        </Link>
      </p>
      {expire.error ? (
        <p className="field-problem" role="alert">
          It was not expired: {messageOf(expire.error)}
        </p>
      ) : null}
    </li>
  );
}

function Times({ silence }: { silence: Silence }) {
  const now = useSecond();
  const [starts, ends] = [Date.parse(silence.startsAt), Date.parse(silence.endsAt)];
  if (silence.status.state === "expired") return `ended ${formatDateTime(ends, "browser")}`;
  if (silence.status.state === "pending") return `from ${formatDateTime(starts, "browser")} to ${formatDateTime(ends, "browser")}`;
  return `until ${formatDateTime(ends, "browser")} (${describeDuration(Math.max(0, ends - now))} left)`;
}

function Covered({ silence }: { silence: Silence }) {
  const alerts = useActiveAlerts(silence.matchers, silence.status.state !== "expired");
  if (silence.status.state === "expired") return "covers nothing any more";
  if (!alerts.data) return "…";
  const count = alerts.data.length;
  const words = count === 0 ? "no alert" : count === 1 ? "1 alert" : `${count} alerts`;
  return silence.status.state === "active" ? `keeps ${words} quiet` : `would keep ${words} quiet`;
}
