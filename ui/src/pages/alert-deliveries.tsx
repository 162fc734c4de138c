import { AlertTabs } from "../alerting/tabs.tsx";
import { useDeliveries } from "../api/hooks.ts";
import { useDocumentTitle } from "../app/title.ts";
import { Failed, Loading, Notice } from "../widgets/states.tsx";
import { DeliveryList } from "./deliveries.tsx";

/** Every notification that is owed, and every attempt to deliver one. */
export default function AlertDeliveriesPage() {
  useDocumentTitle("Deliveries");
  const deliveries = useDeliveries();
  return (
    <>
      <div className="page-head">
        <h1>Alerts</h1>
      </div>
      <AlertTabs />
      {deliveries.data ? (
        <DeliveryList deliveries={deliveries.data} />
      ) : deliveries.data === null ? (
        <Notice icon="info" title="Deliveries are not recorded here" />
      ) : deliveries.error ? (
        <Failed error={deliveries.error} what="The deliveries" retry={() => void deliveries.refetch()} />
      ) : (
        <Loading what="deliveries" />
      )}
    </>
  );
}
