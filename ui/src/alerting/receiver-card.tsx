import { useId, useState } from "react";
import { messageOf } from "../api/errors.ts";
import { useReceiverTest, type Trial } from "../api/receiver-test.ts";
import type { RouteTree } from "../api/routes.ts";
import { formatNumber } from "../format/number.ts";
import { Icon } from "../widgets/icons.tsx";
import { Badge, type Tone } from "../widgets/states.tsx";

type Receiver = RouteTree["receivers"][number];

const OUTCOMES: Readonly<Record<Trial["outcome"], { tone: Tone; text: string }>> = {
  delivered: { tone: "good", text: "delivered" },
  retry: { tone: "warn", text: "failed, would be tried again" },
  dead: { tone: "bad", text: "refused for good" },
};

/** A receiver, whom it tells, and a try of it: really sent, with all that was said. */
export function ReceiverCard({ receiver }: { receiver: Receiver }) {
  const test = useReceiverTest(receiver.name);
  const [resolve, setResolve] = useState(true);
  const ends = useId();
  const tells = receiver.integrations.length > 0;
  return (
    <li className="alert-instance">
      <div className="alert-instance-head">
        <span className="strong">{receiver.name}</span>
        <span className="muted">
          {tells ? receiver.integrations.join(", ") : "tells nobody"}
          {receiver.fallback ? `; when it refuses for good: ${receiver.fallback}` : ""}
        </span>
        {tells ? (
          <span className="receiver-try">
            <input id={ends} type="checkbox" checked={resolve} onChange={(event) => setResolve(event.target.checked)} />
            <label htmlFor={ends}>and its end</label>
            <button type="button" className="button" aria-label={`Send a test to ${receiver.name}`} disabled={test.isPending} onClick={() => test.mutate({ resolve })}>
              <Icon name="play" size={14} /> {test.isPending ? "Sending…" : "Send a test"}
            </button>
          </span>
        ) : null}
      </div>
      <div role="status">
        {test.error ? <p className="field-problem">{messageOf(test.error)}</p> : null}
        {test.data ? (
          <>
            <p className="strong">{test.data.delivered ? `${receiver.name} was told.` : `${receiver.name} was not told of all.`}</p>
            <ul className="card-rows">
              {test.data.trials.map((trial) => (
                <TrialLine key={`${trial.integration} ${trial.tells}`} trial={trial} />
              ))}
            </ul>
          </>
        ) : null}
      </div>
    </li>
  );
}

function TrialLine({ trial }: { trial: Trial }) {
  const { tone, text } = OUTCOMES[trial.outcome];
  return (
    <li>
      <p className="incident-line">
        <span className="mono">{trial.integration}</span>
        <span className="muted">{trial.tells === "firing" ? "that it fires" : "that it ended"}</span>
        <Badge tone={tone}>{text}</Badge>
        {trial.status === null ? null : <span className="muted">status {trial.status}</span>}
        <span className="muted">{formatNumber(trial.seconds * 1000, 0)} ms</span>
      </p>
      {trial.error ? <p className="field-problem">{trial.error}</p> : null}
      {trial.exchanges.map((exchange, index) => (
        // An integration may say several things, always in the same order.
        // oxlint-disable-next-line react/no-array-index-key
        <details key={index} className="exchange">
          <summary>What was sent and answered{trial.exchanges.length > 1 ? `, ${index + 1}` : ""}</summary>
          <pre className="config" tabIndex={0} aria-label="Sent">
            {exchange.sent}
          </pre>
          <pre className="config" tabIndex={0} aria-label="Answered">
            {exchange.answered}
          </pre>
        </details>
      ))}
    </li>
  );
}
