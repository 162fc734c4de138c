import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { HOSTILE, openHouse, openPage, remoteWrite, until } from "./support.mjs";

describe("alerts and hostile text", async () => {
  const house = await openHouse({ configured: true });
  const options = { skip: house.missing ?? false };
  const ownServer = { skip: house.missing ?? (house.fresh ? false : "needs its own Watchfire, not WATCHFIRE_URL") };
  after(() => house.close());

  const ran = (page) => page.evaluate(() => window.hostileRan ?? 0);

  test("a firing alert is seen at a glance, with its labels and since when", ownServer, async () => {
    const { page, faults, close } = await openPage(house, { path: "/alerts" });
    await page.getByText("TargetGone").first().waitFor();
    await until(async () => (await page.locator('.alert-card[data-state="firing"]').filter({ hasText: "TargetGone" }).count()) > 0, "the alert to fire");
    const card = page.locator(".alert-card").filter({ hasText: "TargetGone" });
    await card.getByText(/does not answer/).first().waitFor();
    await card.getByText(/since \d{4}-/).first().waitFor();
    await page.getByRole("link", { name: /Alerts.*firing/ }).waitFor();
    assert.match(await page.title(), /firing/);
    await page.getByRole("button", { name: /^Inactive/ }).click();
    await page.waitForURL(/state=inactive/);
    await card.waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
    await close();
  });

  test("markup in an annotation is shown as the text it is", ownServer, async () => {
    const { page, close } = await openPage(house, { path: "/alerts?state=firing" });
    await page.getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await ran(page), 0);
    await close();
  });

  test("a target that does not answer says why", ownServer, async () => {
    const { page, close } = await openPage(house, { path: "/targets?health=down" });
    await page.getByRole("heading", { name: /gone/ }).waitFor();
    await page.locator(".bad-text").first().waitFor();
    await close();
  });

  test("markup in label values and metric names stays text on every way it is shown", options, async () => {
    const written = await remoteWrite(house.url, [
      { labels: { __name__: "hostile_label", path: HOSTILE }, value: 1 },
    ]);
    assert.ok(written.ok, `remote write: ${written.status} ${await written.text()}`);
    const named = await remoteWrite(house.url, [{ labels: { __name__: HOSTILE, kind: "name" }, value: 2 }]);
    for (const tab of ["graph", "table"]) {
      const { page, faults, close } = await openPage(house, { path: `/explore?q=hostile_label&from=now-5m&tab=${tab}` });
      await page.getByText("onerror").first().waitFor();
      assert.equal(await page.locator("img").count(), 0);
      assert.equal(await ran(page), 0);
      assert.deepEqual(faults, []);
      await close();
    }
    if (!named.ok) {
      console.log(`metric names beyond the classic letters are refused here (${named.status}), which is an answer too`);
      return;
    }
    const { page, close } = await openPage(house, { path: `/explore?tab=table&q=${encodeURIComponent('{kind="name"}')}` });
    await page.getByRole("cell", { name: HOSTILE }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await ran(page), 0);
    await close();
  });
});
