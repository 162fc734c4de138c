import { createContext, useContext } from "react";
import type { ChartMark } from "../chart/model.ts";
import type { VariableValues } from "../dashboard/interpolate.ts";
import type { ResolvedRange, Zone } from "../time/range.ts";

/** What the page tells all its panels. */
export interface PanelSurroundings {
  /** Tells this dashboard's queries apart from another's. */
  scope: string;
  range: ResolvedRange;
  zone: Zone;
  variables: VariableValues;
  scrapeInterval: number;
  syncKey: string | undefined;
  /** The range as it stands in the address, such as `now-1h`: links hand it on. */
  from: string;
  to: string;
  /** What annotations mark on charts over time. */
  marks: readonly ChartMark[];
  zoom: (range: ResolvedRange) => void;
  /** Shows one panel alone, or all again. */
  view: (panel: number | undefined) => void;
  viewed: number | undefined;
}

export const PanelContext = createContext<PanelSurroundings | undefined>(undefined);

export function usePanelSurroundings(): PanelSurroundings {
  const found = useContext(PanelContext);
  if (!found) throw new Error("a panel stands outside a dashboard");
  return found;
}
