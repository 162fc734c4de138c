import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { openHouse, openPage, until } from "./support.mjs";

describe("without a pointer", async () => {
  const house = await openHouse();
  const options = { skip: house.missing ?? false };
  after(() => house.close());

  const focusedText = (page) => page.evaluate(() => document.activeElement?.textContent ?? "");

  test("the first stop is the way past the navigation, and it leads to the content", options, async () => {
    const { page, close } = await openPage(house);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await focusedText(page), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
    await close();
  });

  test("one goes from the overview to a query and its table by keys alone", options, async () => {
    const { page, close } = await openPage(house);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Go to" }).waitFor();
    await page.keyboard.type("expl");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/explore/);
    const editor = page.getByRole("textbox", { name: "Query", exact: true });
    await page.locator(".editor-host").waitFor();
    await until(async () => {
      await page.keyboard.press("Tab");
      return editor.evaluate((element) => element.getRootNode().activeElement === element);
    }, "the focus to reach the editor");
    await page.keyboard.type("vector(3)");
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/q=vector/);
    await until(async () => {
      await page.keyboard.press("Tab");
      return (await page.evaluate(() => document.activeElement?.getAttribute("role"))) === "tab";
    }, "the focus to reach the tabs");
    await page.keyboard.press("ArrowRight");
    await page.getByRole("cell", { name: "3" }).waitFor();
    await close();
  });

  test("arrow keys read a chart aloud, and a stretch can be zoomed into", options, async () => {
    const { page, close } = await openPage(house, { path: "/explore?q=vector(5)&from=now-15m" });
    const chart = page.getByRole("application", { name: "Chart of the queries" });
    await chart.waitFor();
    await chart.focus();
    await page.keyboard.press("ArrowLeft");
    await chart.locator("[aria-live]").getByText(/vector\(5\) 5/).waitFor();
    await page.keyboard.press("Home");
    for (let step = 0; step < 10; step += 1) await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Enter");
    await page.waitForURL(/from=\d{13}&to=\d{13}/);
    await close();
  });

  test("a chart can be had as a table, from its menu", options, async () => {
    const { page, close } = await openPage(house);
    const panel = page.getByRole("figure", { name: "Load", exact: true });
    await panel.scrollIntoViewIfNeeded();
    await panel.locator("canvas").waitFor();
    await panel.getByRole("button", { name: "Menu of Load" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Show data as table" }).focus();
    await page.keyboard.press("Enter");
    await panel.getByRole("columnheader", { name: "1 min" }).waitFor();
    await close();
  });

  test("the palette closes with Escape and gives the focus back", options, async () => {
    const { page, close } = await openPage(house);
    const opener = page.getByRole("button", { name: /Go to/ });
    await opener.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.match(await focusedText(page), /Go to/);
    await close();
  });
});
