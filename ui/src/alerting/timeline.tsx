import type { IncidentEvent } from "../api/incidents.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { Icon, type IconName } from "../widgets/icons.tsx";

const LOOKS: Readonly<Record<string, { icon: IconName; tone: string; name: string }>> = {
  fired: { icon: "alerts", tone: "bad", name: "Fired" },
  joined: { icon: "plus", tone: "bad", name: "Joined" },
  ended: { icon: "check", tone: "good", name: "Ended" },
  severity: { icon: "warning", tone: "bad", name: "Severity" },
  notified: { icon: "external", tone: "info", name: "Told" },
  acknowledged: { icon: "check", tone: "warn", name: "Acknowledged" },
  unacknowledged: { icon: "back", tone: "warn", name: "Given back" },
  expired: { icon: "clock", tone: "warn", name: "Acknowledgement expired" },
  reminded: { icon: "clock", tone: "info", name: "Reminded" },
  note: { icon: "info", tone: "plain", name: "Note" },
  escalated: { icon: "chevron", tone: "warn", name: "Escalated" },
  unreachable: { icon: "error", tone: "bad", name: "Nobody reachable" },
  reopened: { icon: "refresh", tone: "bad", name: "Reopened" },
  resolved: { icon: "check", tone: "good", name: "Resolved" },
};

/** What happened, oldest first, each with how long after the beginning. */
export function Timeline({ events, start }: { events: readonly IncidentEvent[]; start: number }) {
  if (events.length === 0) return <p className="muted">Nothing is written down yet.</p>;
  return (
    <ol className="timeline">
      {events.map((event, index) => (
        <TimelineEvent key={`${event.at} ${event.kind} ${index}`} event={event} start={start} />
      ))}
    </ol>
  );
}

function TimelineEvent({ event, start }: { event: IncidentEvent; start: number }) {
  const look = LOOKS[event.kind] ?? { icon: "info" as const, tone: "plain", name: event.kind };
  const at = Date.parse(event.at);
  const { notification } = event;
  const failed = notification?.attempts.filter((attempt) => attempt.outcome === "retry" || attempt.outcome === "dead") ?? [];
  return (
    <li className="timeline-event" data-tone={notification?.state === "dead" ? "bad" : look.tone}>
      <span className="timeline-mark">
        <Icon name={look.icon} size={13} />
      </span>
      <time dateTime={event.at} className="timeline-time">
        {formatDateTime(at, "browser")}
        {at > start ? <span className="muted"> +{describeDuration(at - start)}</span> : null}
      </time>
      <div className="timeline-text">
        <span className="strong">{look.name}</span> {event.actor ? <span className="muted">{event.actor}</span> : null}
        <p>{event.text}</p>
        {notification && failed.length > 0 ? (
          <ul className="timeline-attempts">
            {failed.map((attempt) => (
              <li key={attempt.at} className="bad-text">
                {formatDateTime(Date.parse(attempt.at), "browser")}: {attempt.status === null ? "" : `HTTP ${attempt.status}: `}
                {attempt.error ?? "not delivered"}
              </li>
            ))}
          </ul>
        ) : null}
        {notification?.nextTryAt && notification.state === "open" ? <p className="muted">Tried again at {formatDateTime(Date.parse(notification.nextTryAt), "browser")}</p> : null}
      </div>
    </li>
  );
}
