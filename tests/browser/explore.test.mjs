import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { knows, openHouse, openPage } from "./support.mjs";

describe("Explore", async () => {
  const house = await openHouse();
  const options = { skip: house.missing ?? false };
  after(() => house.close());

  test("runs a typed query with Ctrl Enter, as graph and as table", options, async () => {
    const { page, faults, close } = await openPage(house, { path: "/explore?from=now-5m" });
    const editor = page.getByRole("textbox", { name: "Query", exact: true });
    await page.locator(".editor-host").waitFor();
    await editor.click();
    await page.keyboard.type("vector(42)");
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/q=vector/);
    await page.getByRole("application", { name: "Chart of the queries" }).waitFor();
    await page.getByRole("tab", { name: "Table" }).click();
    await page.getByRole("cell", { name: "42" }).waitFor();
    assert.match(page.url(), /tab=table/);
    assert.deepEqual(faults, []);
    await close();
  });

  test("offers the server's metric names while typing", options, async () => {
    await knows(house, "node_memory_MemTotal_bytes");
    const { page, close } = await openPage(house, { path: "/explore" });
    await page.locator(".editor-host").waitFor();
    await page.getByRole("textbox", { name: "Query", exact: true }).click();
    await page.keyboard.type("node_memory_MemTot");
    await page.getByRole("option", { name: /node_memory_MemTotal_bytes/ }).waitFor();
    await close();
  });

  test("marks the place of an error and says what it is", options, async () => {
    const { page, close } = await openPage(house, { path: "/explore?q=sum(rate(up%5B5m%5D)" });
    await page.locator(".editor-host").waitFor();
    const told = page.getByRole("alert").filter({ hasText: /parse error|unclosed|expected/ });
    await told.waitFor();
    await page.locator(".cm-lintRange-error, .cm-lintPoint-error").first().waitFor({ state: "attached" });
    await close();
  });

  test("says why a query gave nothing", options, async () => {
    const { page, close } = await openPage(house, { path: "/explore?q=no_such_metric_total" });
    await page.getByText("The metric no_such_metric_total has no samples in this range.").waitFor();
    await close();
  });

  test("understands addresses of Prometheus's graph page", options, async () => {
    const { page, close } = await openPage(house, { path: "/graph?g0.expr=vector(7)&g0.tab=1" });
    await page.getByRole("cell", { name: "7" }).waitFor();
    await close();
  });
});
