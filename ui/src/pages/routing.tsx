import { useMemo } from "react";
import { parseLabels } from "../alerting/labels.ts";
import { MatcherField } from "../alerting/matcher-field.tsx";
import { ReceiverCard } from "../alerting/receiver-card.tsx";
import { RouteTreeView } from "../alerting/route-tree.tsx";
import { Suppressions } from "../alerting/suppressions.tsx";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useRouteTest, useRouteTree, type RouteTest } from "../api/routes.ts";
import { messageOf } from "../api/errors.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { describeDuration } from "../time/duration.ts";
import { LabelChips, Failed, Loading, Notice } from "../widgets/states.tsx";

/** Where alerts go, and where one with given labels would go. */
export default function RoutingPage() {
  useDocumentTitle("Routing");
  const { params, change } = useUrlState();
  const typed = params.get("labels") ?? "";
  const parsed = useMemo(() => parseLabels(typed), [typed]);
  const tree = useRouteTree();
  const test = useRouteTest(parsed.labels);
  const tested = Object.keys(parsed.labels).length > 0 ? test.data : undefined;
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
      </div>
      <AlertTabs />
      {tree.data?.root ? (
        <>
          <section className="card route-tester" aria-label="Try labels out">
            <h2>Where would it go?</h2>
            <p className="muted">The labels of an alert; nothing is sent.</p>
            <MatcherField label="Labels of an alert" value={typed} problem={parsed.problem} onChange={(value) => change({ labels: value })} />
            {test.error ? (
              <p className="field-problem" role="alert">
                {messageOf(test.error)}
              </p>
            ) : null}
            {tested ? <Verdict test={tested} /> : null}
          </section>
          <RouteTreeView root={tested?.tree ?? tree.data.root} />
          <section className="card" aria-label="Receivers">
            <h2>Receivers</h2>
            <p className="muted">A test is really sent: whoever the receiver tells is told.</p>
            <ul className="card-rows">
              {tree.data.receivers.map((receiver) => (
                <ReceiverCard key={receiver.name} receiver={receiver} />
              ))}
            </ul>
          </section>
        </>
      ) : tree.data ? (
        <Notice icon="alerts" title="Alerts go to nobody">
          <p>
            No routes are configured: name a file with them under <code>alertmanager_file</code>.
          </p>
        </Notice>
      ) : tree.error ? (
        <Failed error={tree.error} what="The routes" retry={() => void tree.refetch()} />
      ) : (
        <Loading what="routes" />
      )}
    </>
  );
}

function Verdict({ test }: { test: RouteTest }) {
  return (
    <div className="route-verdict" role="status">
      <p className="strong">
        {test.told.length > 0 ? `Now it would be told to ${test.told.join(", ")}.` : `Now nobody would be told${test.receivers.length > 0 ? `, although it is routed to ${test.receivers.join(", ")}` : ""}.`}
      </p>
      <Suppressions list={test.suppressedBy} />
      <ul className="card-rows">
        {test.routes.map((route) => (
          <li key={`${route.route} ${route.receiver}`} className="alert-instance">
            <div className="alert-instance-head">
              <span className="strong">{route.receiver}</span>
              <span className="muted">
                {route.integrations.join(", ") || "tells nobody"} · after {describeDuration(route.groupWait * 1000)}, again after {describeDuration(route.repeatInterval * 1000)}
              </span>
            </div>
            {Object.keys(route.groupLabels).length > 0 ? (
              <div className="route-group">
                <span className="muted">in the group</span> <LabelChips labels={route.groupLabels} />
              </div>
            ) : null}
            <Suppressions list={route.suppressedBy} />
          </li>
        ))}
      </ul>
      {test.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
    </div>
  );
}
