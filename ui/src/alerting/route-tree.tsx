import type { RouteNode } from "../api/routes.ts";
import { describeDuration } from "../time/duration.ts";
import { Badge, type Tone } from "../widgets/states.tsx";

const OUTCOMES: Readonly<Record<NonNullable<RouteNode["outcome"]>, { tone: Tone; text: string }>> = {
  ends_here: { tone: "good", text: "ends here" },
  passed: { tone: "info", text: "passes on" },
  not_matched: { tone: "plain", text: "does not match" },
  not_tried: { tone: "plain", text: "not asked" },
};

/** Alertmanager's tree, each route with what decides and how it tells; after a test, which way the alert went. */
export function RouteTreeView({ root }: { root: RouteNode }) {
  return (
    <ul className="route-tree" aria-label="Routes">
      <RouteLine node={root} />
    </ul>
  );
}

function RouteLine({ node }: { node: RouteNode }) {
  const outcome = node.outcome ? OUTCOMES[node.outcome] : undefined;
  const intervals = [...node.muteTimeIntervals.map((name) => `muted in ${name}`), ...node.activeTimeIntervals.map((name) => `only in ${name}`)];
  return (
    <li className="route" data-outcome={node.outcome}>
      <div className="route-box">
        <div className="route-head">
          <span className="mono route-matchers">{node.matchers.length > 0 ? node.matchers.join(", ") : node.id === "" ? "every alert" : "everything that comes here"}</span>
          <span aria-hidden="true">→</span>
          <span className="visually-hidden">goes to</span>
          <span className="strong">{node.receiver}</span>
          {node.continue ? <Badge>continue</Badge> : null}
          {outcome ? <Badge tone={outcome.tone}>{outcome.text}</Badge> : null}
        </div>
        <p className="muted route-facts">
          {node.groupBy.length === 0 ? "all in one group" : node.groupBy[0] === "..." ? "each alert by itself" : `grouped by ${node.groupBy.join(", ")}`} · waits {seconds(node.groupWait)}, tells changes every {seconds(node.groupInterval)}, repeats after{" "}
          {seconds(node.repeatInterval)}
          {intervals.length > 0 ? ` · ${intervals.join(", ")}` : ""}
        </p>
        {node.why ? <p className="route-why">{node.why}</p> : null}
      </div>
      {node.routes.length > 0 ? (
        <ul>
          {node.routes.map((child) => (
            <RouteLine key={child.id} node={child} />
          ))}
        </ul>
      ) : null}
    </li>
  );
}

function seconds(value: number): string {
  return value === 0 ? "0 s" : describeDuration(value * 1000);
}
