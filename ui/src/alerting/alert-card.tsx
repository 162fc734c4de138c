import { Link } from "wouter";
import { exploreAddress } from "../explore/address.ts";
import { exactNumber } from "../format/number.ts";
import { describeDuration } from "../time/duration.ts";
import { formatDateTime } from "../time/range.ts";
import { Fact } from "../widgets/facts.tsx";
import { OutsideText } from "../widgets/outside-text.tsx";
import { Icon } from "../widgets/icons.tsx";
import { Badge, LabelChips, type Tone } from "../widgets/states.tsx";
import type { AlertItem, Standing } from "./alerts.ts";
import { matchersOf, matcherText } from "./matchers.ts";
import { severityTone } from "./severity.ts";

const STANDING_TONES: Readonly<Record<Standing, Tone>> = { firing: "bad", pending: "warn", silenced: "plain", inhibited: "plain", muted: "plain" };

/** The address of a new silence for exactly these labels. */
export function silenceAddress(labels: Readonly<Record<string, string>>): string {
  return `/alerts/silences/new?${new URLSearchParams({ matchers: matchersOf(labels).map(matcherText).join(", ") })}`;
}

/** One alert: the line everybody reads, and behind it what one needs to act. */
export function AlertCard({ item, now }: { item: AlertItem; now: number }) {
  return (
    <li>
      <details className="alert-card" data-state={item.standing} data-severity={item.severity}>
        <summary>
          <Icon name="chevron" size={14} />
          {item.severity === "none" ? null : <Badge tone={severityTone(item.severity)}>{item.severity}</Badge>}
          <span className="alert-name">{item.name}</span>
          {item.standing === "firing" ? null : <Badge tone={STANDING_TONES[item.standing]}>{item.standing}</Badge>}
          <span className="alert-summary">{item.annotations["summary"] ?? item.annotations["message"] ?? item.annotations["description"] ?? identity(item)}</span>
          <span className="alert-age muted">{Number.isNaN(item.since) ? "" : describeDuration(now - item.since)}</span>
        </summary>
        <div className="alert-body">
          <Details item={item} now={now} />
        </div>
      </details>
    </li>
  );
}

function Details({ item, now }: { item: AlertItem; now: number }) {
  const { summary, description, ...others } = item.annotations;
  return (
    <>
      {summary ? <p className="alert-text">{summary}</p> : null}
      {description ? <p className="alert-text">{description}</p> : null}
      <LabelChips labels={item.labels} omit={["alertname"]} />
      <dl className="facts">
        <Fact name="Since">{Number.isNaN(item.since) ? "unknown" : `${formatDateTime(item.since, "browser")} (${describeDuration(now - item.since)})`}</Fact>
        {item.value === undefined ? null : <Fact name="Value">{valueText(item.value)}</Fact>}
        {item.query === undefined ? null : (
          <Fact name="Expression">
            <Link href={exploreAddress([item.query])} className="mono expr-link">
              {item.query}
            </Link>
          </Fact>
        )}
        <Fact name="Goes to">{item.receivers.length > 0 ? item.receivers.join(", ") : item.standing === "pending" ? "nobody yet" : "no receiver"}</Fact>
        {item.silencedBy.length > 0 ? (
          <Fact name="Silenced by">
            {item.silencedBy.map((id) => (
              <Link key={id} href={`/alerts/silences/${encodeURIComponent(id)}`} className="mono text-link">
                {id}
              </Link>
            ))}
          </Fact>
        ) : null}
        {item.inhibitedBy.length > 0 ? <Fact name="Inhibited by">{item.inhibitedBy.join(", ")}</Fact> : null}
        {item.mutedBy.length > 0 ? <Fact name="Muted by">{item.mutedBy.join(", ")}</Fact> : null}
        {Object.entries(others).map(([name, text]) => (
          <Fact key={name} name={name}>
            <OutsideText text={text} />
          </Fact>
        ))}
        {item.source && item.query === undefined ? (
          <Fact name="Source">
            <OutsideText text={item.source} />
          </Fact>
        ) : null}
      </dl>
      <p className="card-actions">
        <Link href={`/alerts/explain?filter=${encodeURIComponent(matchersOf(item.labels).map(matcherText).join(", "))}`} className="button">
          Explain
        </Link>
        {item.standing === "silenced" ? null : (
          <Link href={silenceAddress(item.labels)} className="button">
            <Icon name="mute" /> Silence
          </Link>
        )}
      </p>
    </>
  );
}

function identity(item: AlertItem): string {
  return Object.entries(item.labels)
    .filter(([name]) => name !== "alertname" && name !== "severity")
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function valueText(text: string): string {
  const value = Number(text);
  return Number.isNaN(value) ? text : exactNumber(Number(value.toPrecision(6)));
}
