import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { openHouse, openPage, violations } from "./support.mjs";

const ROUTES = [
  ["/", "figure[aria-busy=false] canvas"],
  ["/d/host?viewPanel=8", "figure canvas"],
  ["/dashboards", ".card-link"],
  ["/explore?q=vector(1)&from=now-5m", ".explore-chart canvas"],
  ["/explore?q=vector(1)&tab=table", "td"],
  ["/explore?q=sum(", ".query-error"],
  ["/alerts", ".alert-list, .notice"],
  ["/alerts/silences", ".alert-list, .notice"],
  ["/alerts/silences/new?matchers=job%3D%22gone%22", ".silence-form"],
  ["/alerts/deliveries", ".deliveries, .notice"],
  ["/alerts/incidents", ".incident, .notice"],
  ["/alerts/history", ".history-table, .notice"],
  ["/alerts/history?view=noise", ".history-table, .notice"],
  ["/alerts/explain", ".notice"],
  ["/alerts/routing", ".route-tree, .notice"],
  ["/alerts/schedules", ".rota, .notice"],
  ["/rules/backtest", ".backtest-form"],
  ["/rules", "table, .notice"],
  ["/targets", "table, .notice"],
  ["/training", ".run-table, .notice"],
  ["/training/compare", ".notice"],
  ["/queries", ".table-card"],
  ["/storage", ".tile"],
  ["/status", ".config"],
  ["/d/no-such-dashboard", ".notice"],
];

describe("WCAG 2.2 AA", async () => {
  const house = await openHouse();
  const options = { skip: house.missing ?? false };
  after(() => house.close());

  for (const theme of ["dark", "light"]) {
    for (const [path, ready] of ROUTES) {
      test(`${path} has no violation in ${theme} colours`, options, async () => {
        const { page, faults, close } = await openPage(house, { path, theme });
        await page.locator(ready).first().waitFor();
        assert.deepEqual(await violations(page), []);
        // Chromium itself tells on the console that the dashboard asked for is not there.
        assert.deepEqual(faults.filter((fault) => !fault.includes("no-such-dashboard")), []);
        await close();
      });
    }

    test(`open menus, dialogs and popovers have no violation in ${theme} colours`, options, async () => {
      const { page, close } = await openPage(house, { theme, path: "/?refresh=" });
      await page.getByRole("button", { name: "Menu of CPU by mode" }).click();
      await page.getByRole("menuitem", { name: "View alone" }).waitFor();
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /^Last/ }).click();
      await page.getByRole("button", { name: "Use these times" }).waitFor();
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("Escape");
      await page.getByRole("combobox", { name: /^Instance/ }).click();
      await page.getByRole("option").first().waitFor();
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await violations(page), []);
      await close();
    });
  }

  test("the chosen colours are kept", options, async () => {
    const { page, close } = await openPage(house, { theme: "dark" });
    await page.getByRole("button", { name: /^Colours/ }).click();
    await page.getByRole("menuitemradio", { name: "Light" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    await close();
  });
});
