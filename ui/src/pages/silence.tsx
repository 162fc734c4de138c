import { Link } from "wouter";
import { AlertTabs } from "../alerting/tabs.tsx";
import { useSilence } from "../api/alertmanager.ts";
import { useDocumentTitle } from "../app/title.ts";
import { Icon } from "../widgets/icons.tsx";
import { Failed, Loading } from "../widgets/states.tsx";
import { SilenceCard } from "./silences.tsx";
import { Covered } from "../alerting/covered.tsx";

/** One silence, with the alerts it covers. */
export default function SilencePage({ id }: { id: string }) {
  useDocumentTitle("Silence");
  const silence = useSilence(id);
  return (
    <>
      <div className="page-head">
        <h1>Silence</h1>
      </div>
      <AlertTabs />
      <Link href="/alerts/silences" className="button back-button">
        <Icon name="back" /> All silences
      </Link>
      {silence.data ? (
        <>
          <ul className="alert-list">
            <SilenceCard silence={silence.data} />
          </ul>
          {silence.data.status.state === "expired" ? null : <Covered matchers={silence.data.matchers} />}
        </>
      ) : silence.error ? (
        <Failed error={silence.error} what="The silence" retry={() => void silence.refetch()} />
      ) : (
        <Loading what="the silence" rows={3} />
      )}
    </>
  );
}
