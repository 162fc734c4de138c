import { Link } from "wouter";
import { useDashboardList } from "../api/hooks.ts";
import { useDocumentTitle } from "../app/title.ts";
import { useUrlState } from "../app/url.ts";
import { Badge, Failed, Loading, Notice } from "../widgets/states.tsx";

export default function DashboardsPage() {
  useDocumentTitle("Dashboards");
  const { params, change } = useUrlState();
  const list = useDashboardList();
  const search = params.get("search") ?? "";
  const found = (list.data ?? []).filter((one) => `${one.title} ${(one.tags ?? []).join(" ")}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div className="page-head">
        <h1>Dashboards</h1>
        <input className="input search" type="search" aria-label="Find a dashboard" placeholder="Find" value={search} onChange={(event) => change({ search: event.target.value || undefined })} />
      </div>
      {list.data ? (
        found.length > 0 ? (
          <ul className="card-list">
            {found.map((one) => (
              <li key={one.uid}>
                <Link href={`/d/${encodeURIComponent(one.uid)}`} className="card card-link">
                  <span className="card-title">{one.title}</span>
                  <span className="card-tags">
                    {(one.tags ?? []).map((tag) => (
                      <Badge key={tag}>{tag}</Badge>
                    ))}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        ) : (
          <Notice icon="dashboards" title={search ? `No dashboard fits “${search}”` : "There are no dashboards"} />
        )
      ) : list.error ? (
        <Failed error={list.error} what="The dashboards" retry={() => void list.refetch()} />
      ) : (
        <Loading what="dashboards" />
      )}
    </>
  );
}
