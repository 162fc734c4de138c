/** One step of a threshold list: its colour holds from `value` up to the next step. `null` means from below everything. */
export interface ThresholdStep {
  value: number | null;
  color: string;
}

export interface Thresholds {
  mode: "absolute" | "percentage";
  steps: ThresholdStep[];
}

/** The step a value falls in. Percentages are of the way from `min` to `max`. */
export function stepAt(thresholds: Thresholds, value: number, min = 0, max = 100): ThresholdStep | undefined {
  const scale = thresholds.mode === "percentage" ? ((value - min) / (max - min || 1)) * 100 : value;
  let found: ThresholdStep | undefined;
  for (const step of thresholds.steps) {
    if (step.value === null || scale >= step.value) found = step;
  }
  return found ?? thresholds.steps[0];
}

/** Where a step begins, in the unit of the values. */
export function stepValue(thresholds: Thresholds, step: ThresholdStep, min = 0, max = 100): number | undefined {
  if (step.value === null) return undefined;
  return thresholds.mode === "percentage" ? min + (step.value / 100) * (max - min) : step.value;
}
