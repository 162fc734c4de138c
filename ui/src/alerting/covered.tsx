import { useMemo } from "react";
import { useActiveAlerts } from "../api/alertmanager.ts";
import { useSecond } from "../time/clock.ts";
import { Failed } from "../widgets/states.tsx";
import { AlertCard } from "./alert-card.tsx";
import { gatherAlerts } from "./alerts.ts";
import type { Matcher } from "./matchers.ts";

const MOST_SHOWN = 50;

/** The alerts of this moment that fit: what a silence covers, or would. */
export function Covered({ matchers }: { matchers: readonly Matcher[] }) {
  const now = useSecond();
  const alerts = useActiveAlerts(matchers);
  const items = useMemo(() => gatherAlerts(alerts.data ?? [], []), [alerts.data]);
  if (alerts.error) return <Failed error={alerts.error} what="The alerts it would cover" />;
  return (
    <section aria-labelledby="covered" aria-busy={alerts.isPlaceholderData}>
      <h2 id="covered" className="group-head" aria-live="polite">
        {alerts.data === undefined ? "Looking…" : summary(items.length)}
      </h2>
      <ul className="alert-list">
        {items.slice(0, MOST_SHOWN).map((item) => (
          <AlertCard key={item.key} item={item} now={now} />
        ))}
      </ul>
      {items.length > MOST_SHOWN ? (
        <p className="note">
          The most pressing {MOST_SHOWN} of {items.length}.
        </p>
      ) : null}
    </section>
  );
}

function summary(count: number): string {
  if (count === 0) return "No alert of this moment fits";
  return count === 1 ? "1 alert of this moment fits" : `${count} alerts of this moment fit`;
}
