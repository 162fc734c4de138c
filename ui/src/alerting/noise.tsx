import { useAlertStatistics, type RuleNoise } from "../api/history.ts";
import { describeDuration } from "../time/duration.ts";
import { DayBars } from "./day-bars.tsx";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import { Tile } from "../widgets/tile.tsx";

/** Which rules woke people, how often, and whether it was worth it. */
export function NoiseView({ params }: { params: URLSearchParams }) {
  const answer = useAlertStatistics(params);
  if (answer.error && !answer.data) return <Failed error={answer.error} what="The statistics" retry={() => void answer.refetch()} />;
  if (!answer.data) return <Loading what="statistics" />;
  const { rules, total } = answer.data;
  if (rules.length === 0)
    return (
      <Notice icon="check" title="Silence">
        <p>No rule fired in this time.</p>
      </Notice>
    );
  return (
    <>
      <ul className="tiles" aria-label="Noise at a glance">
        <Tile value={String(total.fired)} name="fired" note={`${total.pendingOnly} more ended before they fired`} />
        <Tile value={String(total.notifications)} name="notifications" note={total.notificationsFailed > 0 ? `${total.notificationsFailed} more were refused for good` : "confirmed by their receivers"} />
        <Tile value={total.timeToAcknowledge.median === null ? "–" : describeDuration(total.timeToAcknowledge.median * 1000)} name="to acknowledge" note={`median of ${total.timeToAcknowledge.count}`} />
        <Tile value={total.timeToResolve.median === null ? "–" : describeDuration(total.timeToResolve.median * 1000)} name="to resolve" note={`median of ${total.timeToResolve.count}`} />
      </ul>
      <DayBars name="Notifications by day" days={answer.data.days.map(({ day, fired, notifications }) => ({ day, count: notifications, text: `${notifications} notifications, ${fired} fired` }))} />
      <div className="table-scroll card history-table" role="region" aria-label="Noise of rules" tabIndex={0}>
        <table className="data-table">
          <caption className="visually-hidden">Rules, the noisiest first</caption>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" className="numeric">
                Notifications
              </th>
              <th scope="col" className="numeric">
                Fired
              </th>
              <th scope="col" className="numeric">
                Only pending
              </th>
              <th scope="col" className="numeric">
                Firing
              </th>
              <th scope="col" className="numeric">
                To acknowledge
              </th>
              <th scope="col" className="numeric">
                To resolve
              </th>
              <th scope="col" className="numeric">
                Flaps
              </th>
              <th scope="col" className="numeric">
                Under {describeDuration(answer.data.within * 1000)}
              </th>
              <th scope="col">To</th>
            </tr>
          </thead>
          <tbody>
            {rules.map((rule) => (
              <NoiseRow key={`${rule.file} ${rule.group} ${rule.rule}`} rule={rule} />
            ))}
          </tbody>
        </table>
      </div>
      {answer.data.truncated ? <p className="note">Only a part was counted: choose a shorter time.</p> : null}
    </>
  );
}

function NoiseRow({ rule }: { rule: RuleNoise }) {
  const duration = (seconds: number | null) => (seconds === null ? "–" : describeDuration(seconds * 1000));
  return (
    <tr>
      <td>
        <span className="strong">{rule.rule}</span>
        {rule.group ? <span className="muted"> {rule.group}</span> : rule.source === "outside" ? <span className="muted"> from outside</span> : null}
      </td>
      <td className="numeric">
        {rule.notifications}
        {rule.notificationsFailed > 0 ? <span className="bad-text"> +{rule.notificationsFailed} refused</span> : null}
      </td>
      <td className="numeric">
        {rule.fired}
        {rule.firing > 0 ? <span className="muted"> ({rule.firing} now)</span> : null}
      </td>
      <td className="numeric">{rule.pendingOnly}</td>
      <td className="numeric">{duration(rule.firingSeconds)}</td>
      <td className="numeric" title={rule.timeToAcknowledge.p90 === null ? undefined : `nine in ten within ${duration(rule.timeToAcknowledge.p90)}, of ${rule.timeToAcknowledge.count}`}>
        {duration(rule.timeToAcknowledge.median)}
      </td>
      <td className="numeric" title={rule.timeToResolve.p90 === null ? undefined : `nine in ten within ${duration(rule.timeToResolve.p90)}`}>
        {duration(rule.timeToResolve.median)}
      </td>
      <td className="numeric">{rule.flaps}</td>
      <td className="numeric">{rule.shortLived === null ? "–" : `${Math.round(rule.shortLived * 100)}%`}</td>
      <td>{rule.receivers.map((one) => `${one.receiver} ${one.notifications}`).join(", ") || "nobody"}</td>
    </tr>
  );
}
