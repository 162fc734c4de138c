// Training runs as MLflow's clients report them: the list, one run, several beside one another.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { HOSTILE, openHouse, openPage, violations } from "./support.mjs";

describe("training runs", async () => {
  const house = await openHouse();
  const options = { skip: house.missing ?? false };
  after(() => house.close());
  const ids = house.missing || !house.fresh ? [] : await report(house);

  test("are listed with how far they are, and their names are only text", { skip: options.skip || !house.fresh }, async () => {
    const { page, faults, close } = await openPage(house, { path: "/training" });
    await page.getByRole("link", { name: HOSTILE }).waitFor();
    const row = page.getByRole("row", { name: /first/ });
    await row.getByRole("progressbar").waitFor();
    assert.match(await row.textContent(), /step 99 of 200/);
    assert.equal(await page.evaluate(() => window.hostileRan), undefined);
    assert.deepEqual(await violations(page), []);
    await page.getByLabel("Filter runs by metrics, params and tags").fill("metrics.loss < 2 and params.lr = '0.1'");
    await page.keyboard.press("Enter");
    await page.getByRole("row", { name: /first/ }).waitFor();
    await page.getByRole("link", { name: HOSTILE }).waitFor({ state: "detached" });
    assert.match(page.url(), /filter=/);
    assert.deepEqual(faults, []);
    await close();
  });

  test("have curves by step that keys can read, and numbers behind them", { skip: options.skip || !house.fresh }, async () => {
    const { page, faults, close } = await openPage(house, { path: `/training/runs/${ids[0]}`, theme: "light" });
    const curve = page.getByRole("region", { name: "Curve of loss", exact: true });
    const chart = curve.getByRole("application");
    await chart.focus();
    await page.keyboard.press("End");
    await curve.getByText(/Step 99: first 0\.\d+/).waitFor();
    await page.getByRole("button", { name: "Since start" }).click();
    await page.waitForURL(/x=relative/);
    await curve.getByRole("button", { name: /Table/ }).click();
    await curve.getByRole("columnheader", { name: "Since its start" }).waitFor();
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
    await close();
  });

  test("are compared, what differs first", { skip: options.skip || !house.fresh }, async () => {
    const { page, faults, close } = await openPage(house, { path: "/training" });
    await page.getByRole("checkbox", { name: /^Compare/ }).nth(1).waitFor();
    for (const box of await page.getByRole("checkbox", { name: /^Compare/ }).all()) await box.check();
    await page.getByRole("link", { name: "Compare", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Compare runs" }).waitFor();
    await page.getByRole("region", { name: "Curve of loss", exact: true }).locator("canvas").waitFor();
    const rows = page.getByRole("region", { name: "Parameters and results" }).last().getByRole("row");
    assert.match(await rows.nth(1).textContent(), /Parameter, differs.*lr/);
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
    await close();
  });
});

/** Reports two runs through MLflow's REST API; their ids. */
async function report(house) {
  const post = async (path, body) => {
    const answer = await fetch(`${house.url}/api/2.0/mlflow/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return answer.json();
  };
  const { experiment_id } = await post("experiments/create", { name: "browser" });
  const began = Date.now() - 100_000;
  const ids = [];
  for (const [run_name, lr] of [["first", "0.1"], [HOSTILE, "0.2"]]) {
    const { run } = await post("runs/create", { experiment_id, run_name, start_time: began });
    const run_id = run.info.run_id;
    const params = [{ key: "batch", value: "8" }, { key: "lr", value: lr }, { key: "max_steps", value: "200" }];
    const metrics = Array.from({ length: 100 }, (_, step) => ({ key: "loss", value: 1 / (1 + step / 20), timestamp: began + step * 1_000, step }));
    await post("runs/log-batch", { run_id, params, metrics });
    ids.push(run_id);
  }
  return ids;
}
