import { expect, test } from "vitest";
import { placeOfMlflowLink } from "./mlflow-links.ts";

test("links that MLflow's clients print lead to the run, or to the runs", () => {
  const run = "0599574d8435eac385b3708b324106c5";
  expect(placeOfMlflowLink(`#/experiments/1/runs/${run}`)).toBe(`/training/runs/${run}`);
  expect(placeOfMlflowLink(`#/experiments/1/runs/${run}/artifacts`)).toBe(`/training/runs/${run}`);
  expect(placeOfMlflowLink("#/experiments/12")).toBe("/training");
  for (const other of ["", "#panel-3", "#/experiments/1/runs/../../x", "#/models/a"]) expect(placeOfMlflowLink(other)).toBeUndefined();
});
