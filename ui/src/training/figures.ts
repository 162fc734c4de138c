import { numberOf, type JsonNumber, type Run } from "../api/training.ts";
import { formatNumber } from "../format/number.ts";

const NONE = "–";

/** A measured value, or a dash where nothing was measured. */
export function figure(value: JsonNumber | null | undefined): string {
  return value === null || value === undefined ? NONE : formatNumber(numberOf(value));
}

export function share(value: number | null): string {
  return value === null ? NONE : `${formatNumber(value * 100, 0)} %`;
}

/** An amount of money with as many decimals as it takes to tell it from nothing. */
export function money(value: number | null, currency: string): string {
  if (value === null) return NONE;
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency, maximumSignificantDigits: Math.abs(value) < 1 ? 2 : 6 }).format(value);
  } catch {
    return `${formatNumber(value)} ${currency}`;
  }
}

/** What a run is called: names may be empty. */
export function nameOf(run: Pick<Run, "id" | "name">): string {
  return run.name.trim() === "" ? run.id.slice(0, 8) : run.name;
}
