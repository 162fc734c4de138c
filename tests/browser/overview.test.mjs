import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { knows, openHouse, openPage, until } from "./support.mjs";

describe("the overview", async () => {
  const house = await openHouse();
  const options = { skip: house.missing ?? false };
  after(() => house.close());

  test("shows this machine's own numbers within five seconds of its first sample, without an error on the console", options, async () => {
    await knows(house, "node_memory_MemTotal_bytes");
    const { page, faults, close } = await openPage(house);
    await page.getByRole("heading", { level: 1, name: "This machine" }).waitFor({ timeout: 5_000 });
    const memory = page.getByRole("figure", { name: "Memory size" });
    await memory.getByText(/\d+(\.\d+)?\s*(G|M|T)iB/).waitFor({ timeout: 5_000 });
    await page.getByRole("figure", { name: "Memory", exact: true }).last().locator("canvas").waitFor();
    assert.match(await page.title(), /This machine/);
    assert.deepEqual(faults, []);
    await close();
  });

  test("asks once for all panels at a refresh", options, async () => {
    const { page, close } = await openPage(house, { path: "/?refresh=" });
    await page.getByRole("figure", { name: "Processors" }).getByText(/^\d+$/).waitFor();
    const asked = [];
    page.on("request", (request) => request.url().endsWith("/api/ui/v1/query") && asked.push(request.postDataJSON().queries.length));
    const answered = page.waitForResponse((response) => response.url().endsWith("/api/ui/v1/query"));
    await page.getByRole("button", { name: "Refresh now" }).click();
    await answered;
    assert.equal(asked.length, 1);
    assert.ok(asked[0] > 5, `${asked[0]} queries in the request`);
    await close();
  });

  test("keeps its whole state in the URL", options, async () => {
    const { page, close } = await openPage(house);
    await page.getByRole("button", { name: /^Last/ }).first().click();
    await page.getByRole("button", { name: "Last 15 minutes" }).click();
    await page.waitForURL(/from=now-15m/);
    await page.getByRole("button", { name: "Menu of CPU by mode" }).click();
    await page.getByRole("menuitem", { name: "View alone" }).click();
    await page.waitForURL(/viewPanel=\d+/);
    const shared = await openPage(house, { path: page.url().slice(house.url.length) });
    await shared.page.getByRole("button", { name: "Last 15 minutes" }).waitFor();
    await shared.page.getByRole("figure", { name: "CPU by mode" }).waitFor();
    assert.equal(await shared.page.getByRole("figure").count(), 1);
    await shared.close();
    await close();
  });

  test("a collapsed row asks nothing until it is opened", options, async () => {
    const { page, close } = await openPage(house, { path: "/?refresh=" });
    const expressions = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/api/ui/v1/query")) expressions.push(...request.postDataJSON().queries.map((query) => query.expr));
    });
    const row = page.getByRole("button", { name: /^More/ });
    await row.waitFor();
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.getByRole("figure", { name: "Processors" }).getByText(/^\d+$/).waitFor();
    assert.ok(!expressions.some((expr) => expr.includes("node_context_switches_total")));
    await row.click();
    await page.waitForURL(/rows=/);
    await page.getByRole("figure", { name: "Context switches and interrupts" }).scrollIntoViewIfNeeded();
    await until(() => expressions.some((expr) => expr.includes("node_context_switches_total")), "the opened row's queries");
    await close();
  });

  test("tells when the server goes away, and keeps the picture", options, async () => {
    const { page, close } = await openPage(house);
    await page.getByRole("figure", { name: "Processors" }).getByText(/^\d+$/).waitFor();
    await page.route("**/api/**", (route) => route.abort());
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.getByText(/has not answered since/).waitFor();
    await page.getByRole("figure", { name: "Processors" }).getByText(/^\d+$/).waitFor();
    await page.unroute("**/api/**");
    await page.getByText(/has not answered since/).waitFor({ state: "detached", timeout: 20_000 });
    await close();
  });

  for (const path of ["/", "/dashboards", "/explore?q=up&tab=table", "/explore?q=up", "/alerts", "/alerts/silences", "/alerts/silences/new", "/alerts/deliveries", "/rules", "/targets", "/queries", "/storage", "/status"]) {
    test(`${path} fits screens of 320, 800 and 1440 pixels without sideways scrolling`, options, async () => {
      const { page, close } = await openPage(house, { path, width: 320, height: 640 });
      await page.locator("figure, .card, .alert-card, .explore-chart, .notice").first().waitFor();
      for (const width of [320, 800, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0, `${overflow} pixels too wide at ${width}`);
      }
      await close();
    });
  }
});
