/** Reduces a series to one number by Grafana's names for it. NaN means there is nothing to reduce. */
export function reduceValues(values: ArrayLike<number>, calc: string): number {
  const present = Array.from(values).filter((value) => !Number.isNaN(value));
  if (calc === "count") return present.length;
  if (calc === "last") return values[values.length - 1] ?? Number.NaN;
  if (calc === "first") return values[0] ?? Number.NaN;
  const first = present[0];
  const last = present.at(-1);
  if (first === undefined || last === undefined) return Number.NaN;
  const sum = () => present.reduce((total, value) => total + value, 0);
  switch (calc) {
    case "firstNotNull":
      return first;
    case "min":
      return present.reduce((a, b) => Math.min(a, b));
    case "max":
      return present.reduce((a, b) => Math.max(a, b));
    case "mean":
      return sum() / present.length;
    case "sum":
    case "total":
      return sum();
    case "range":
      return reduceValues(present, "max") - reduceValues(present, "min");
    case "diff":
      return last - first;
    case "diffperc":
      return (last - first) / first;
    case "delta":
      return present.reduce((total, value, index) => total + Math.max(0, value - (present[index - 1] ?? value)), 0);
    case "median":
      return percentile(present, 50);
    case "stdDev":
      return Math.sqrt(variance(present));
    case "variance":
      return variance(present);
    case "distinctCount":
      return new Set(present).size;
    default: {
      const share = /^p(\d{1,2})$/.exec(calc)?.[1];
      return share ? percentile(present, Number(share)) : last;
    }
  }
}

function variance(values: number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length;
}

function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = ((sorted.length - 1) * share) / 100;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

const NAMES: Readonly<Record<string, string>> = {
  lastNotNull: "Last",
  last: "Last",
  firstNotNull: "First",
  first: "First",
  min: "Min",
  max: "Max",
  mean: "Mean",
  sum: "Total",
  count: "Count",
  range: "Range",
  diff: "Difference",
  delta: "Delta",
  median: "Median",
  stdDev: "Std dev",
};

/** The heading of a column of reduced values. */
export function calcName(calc: string): string {
  return NAMES[calc] ?? calc;
}
