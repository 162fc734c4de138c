import { interpolate, type VariableValues } from "../dashboard/interpolate.ts";
import type { Panel } from "../dashboard/model.ts";
import { QueryWithError } from "./query-text.tsx";

/** A panel that cannot be drawn yet says so and keeps its query readable. */
export function UnsupportedPanel({ panel, variables }: { panel: Panel; variables: VariableValues }) {
  return (
    <div className="panel-state">
      <p className="panel-state-title">This panel is not drawn</p>
      <p>
        {panel.foreignSource
          ? `It asks a data source of the type “${panel.foreignSource}”, which is not here.`
          : `Panels of the type “${panel.type}” are not known to this version.`}
      </p>
      {panel.targets
        .filter((target) => target.expr !== "")
        .map((target) => (
          <QueryWithError key={target.refId} expr={interpolate(target.expr, variables, "query")} span={undefined} />
        ))}
    </div>
  );
}
