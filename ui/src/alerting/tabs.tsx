import { Link, useLocation } from "wouter";

const TABS = [
  { path: "/alerts", name: "Active" },
  { path: "/alerts/incidents", name: "Incidents" },
  { path: "/alerts/silences", name: "Silences" },
  { path: "/alerts/history", name: "History" },
  { path: "/alerts/explain", name: "Explain" },
  { path: "/alerts/routing", name: "Routing" },
  { path: "/alerts/schedules", name: "On call" },
  { path: "/alerts/deliveries", name: "Deliveries" },
] as const;

/** The pages about alerts, side by side. */
export function AlertTabs() {
  const [location] = useLocation();
  return (
    <nav className="page-tabs" aria-label="Alert pages">
      {TABS.map((tab) => (
        <Link
          key={tab.path}
          href={tab.path}
          className="page-tab"
          aria-current={location === tab.path || (tab.path !== "/alerts" && location.startsWith(`${tab.path}/`)) ? "page" : undefined}
        >
          {tab.name}
        </Link>
      ))}
    </nav>
  );
}
