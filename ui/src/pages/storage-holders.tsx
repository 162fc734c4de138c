import type { Holder } from "../api/types.ts";
import { Badge } from "../widgets/states.tsx";

/** `job "llm" target "10.0.0.1:8000"`, without what is empty. */
export function holderName(holder: Holder): string {
  if (holder.scope === "total") return "all jobs";
  const name = `${holder.scope === "tenant" ? "tenant" : "job"} "${holder.name}"`;
  return holder.scope === "target" ? `${name} target "${holder.instance}"` : name;
}

interface HolderTableProps {
  name: string;
  holders: readonly Holder[];
  empty: string;
}

/** Owners of series with their fill, their churn, and the label with the most values among what they lately made. */
export function HolderTable({ name, holders, empty }: HolderTableProps) {
  if (holders.length === 0) return <p className="muted">{empty}</p>;
  const count = (value: number) => value.toLocaleString("en-US");
  const withInstance = holders.some((holder) => holder.scope === "target");
  const who = holders[0]?.scope === "tenant" ? "Tenant" : "Job";
  return (
    <div className="table-scroll" role="region" aria-label={name} tabIndex={0}>
      <table className="data-table">
        <caption className="visually-hidden">{name}</caption>
        <thead>
          <tr>
            <th scope="col">{who}</th>
            {withInstance ? <th scope="col">Instance</th> : null}
            <th scope="col" className="numeric">
              Series
            </th>
            <th scope="col" className="numeric">
              Limit
            </th>
            <th scope="col" className="numeric">
              New per hour
            </th>
            <th scope="col" className="numeric">
              Ended per hour
            </th>
            <th scope="col">Label with the most new values</th>
          </tr>
        </thead>
        <tbody>
          {holders.map((holder) => (
            <tr key={`${holder.scope} ${holder.name} ${holder.instance}`}>
              <th scope="row" className="wrap">
                {holder.name || <span className="muted">none</span>} {holder.refused_per_hour > 0 ? <Badge tone="warn">refused</Badge> : null}
              </th>
              {withInstance ? <td className="mono wrap">{holder.instance || <span className="muted">none</span>}</td> : null}
              <td className="numeric">{count(holder.series)}</td>
              <td className="numeric">{holder.limit > 0 ? `${count(holder.limit)} (${percent(holder.series, holder.limit)})` : "–"}</td>
              <td className="numeric">{count(holder.made_per_hour)}</td>
              <td className="numeric">{count(holder.forgotten_per_hour)}</td>
              <td className="wrap">
                {holder.culprit ? (
                  <>
                    <span className="mono">{holder.culprit.label || "(ever new names)"}</span>{" "}
                    <span className="muted">
                      {holder.culprit.is_exact ? "" : "about "}
                      {count(holder.culprit.values)} in {count(holder.culprit.series)} series
                    </span>
                  </>
                ) : (
                  "–"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function percent(part: number, whole: number): string {
  const share = (part / whole) * 100;
  return share > 0 && share < 1 ? "<1 %" : `${Math.floor(share)} %`;
}
