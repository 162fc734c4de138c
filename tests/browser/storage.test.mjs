import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { HOSTILE, openHouse, openPage, remoteWrite, until } from "./support.mjs";

describe("storage", async () => {
  const house = await openHouse({ configured: true });
  const ownServer = { skip: house.missing ?? (house.fresh ? false : "needs its own Watchfire, not WATCHFIRE_URL") };
  after(() => house.close());

  test("memory, series and disk are seen at a glance, and nobody is refused at first", ownServer, async () => {
    const { page, faults, close } = await openPage(house, { path: "/storage" });
    await page.getByRole("heading", { name: "Storage", level: 1 }).waitFor();
    await page.getByRole("meter", { name: "Memory in use" }).waitFor();
    await page.getByRole("heading", { name: "Disk" }).waitFor();
    assert.equal(await page.getByRole("heading", { name: "New series are refused" }).count(), 0);
    await page.getByRole("button", { name: /^Tenants/ }).click();
    await page.waitForURL(/by=tenants/);
    await page.getByText('No series has the label "tenant"').waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("who is refused is named with the label that exploded, hostile names as the text they are", ownServer, async () => {
    const series = Array.from({ length: 80 }, (_, id) => ({
      labels: { __name__: "bomb", job: "llm", tenant: HOSTILE, request_id: `request-${id}` },
      value: id,
    }));
    const answer = await remoteWrite(house.url, series);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /label "request_id" has .* values/);
    const { page, faults, close } = await openPage(house, { path: "/storage?by=tenants" });
    const refusals = page.getByRole("region", { name: "New series are refused" });
    await refusals.getByText("request_id").first().waitFor();
    await refusals.getByText("metrics.limits.series_per_tenant").first().waitFor();
    await page.getByRole("row").filter({ hasText: "50 (100 %)" }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => window.hostileRan ?? 0), 0);
    assert.deepEqual(faults, []);
    await close();
  });

  test("the choice of owners is made with the keyboard and kept in the address", ownServer, async () => {
    const { page, close } = await openPage(house, { path: "/storage" });
    await page.getByRole("button", { name: /^Jobs/ }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/by=jobs/);
    await page.reload();
    await until(() => page.getByRole("region", { name: "Jobs with the most series" }).isVisible(), "the jobs");
    await close();
  });
});
