import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { HOSTILE, openHouse, openPage, until, violations } from "./support.mjs";

describe("incidents, history and explanations", async () => {
  const house = await openHouse({ configured: true });
  const ownServer = { skip: house.missing ?? (house.fresh ? false : "needs its own Watchfire, not WATCHFIRE_URL") };
  after(() => house.close());

  const data = async (path) => (await (await fetch(`${house.url}/${path}`)).json()).data;
  const opened = () => until(async () => (await data("api/v1/incidents"))?.incidents?.find((one) => one.title.includes("TargetGone")), "the incident to open");

  test("an incident is found, read and acknowledged with the keyboard alone", ownServer, async () => {
    await opened();
    const { page, faults, close } = await openPage(house, { path: "/alerts/incidents" });
    const title = page.getByRole("link", { name: /TargetGone/ });
    await title.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/incidents\/\d+$/);
    await page.locator(".cause-chart canvas").first().waitFor();
    await page.locator(".timeline-event").filter({ hasText: "Fired" }).waitFor();
    await page.locator(".timeline-event").filter({ hasText: "pager" }).first().waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(await violations(page), []);

    const send = page.getByRole("button", { name: "Acknowledge", exact: true });
    await send.focus();
    await page.keyboard.press("Enter");
    await page.getByText("Others must know whom to ask.").waitFor();
    await page.getByLabel("Who").focus();
    await page.keyboard.type("ada");
    await page.getByLabel("Note").focus();
    await page.keyboard.type(HOSTILE);
    await send.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "It is taken" }).waitFor();
    await page.locator(".timeline-event").filter({ hasText: "Acknowledged" }).getByText(HOSTILE).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    const { incidents } = await data("api/v1/incidents?state=acknowledged");
    assert.equal(incidents[0].acknowledgement.owner, "ada");

    await page.getByRole("button", { name: "Give it back" }).click();
    await page.getByRole("heading", { name: "Take it" }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("history tells what fired, and leads to why somebody was told", ownServer, async () => {
    await opened();
    const { page, faults, close } = await openPage(house, { path: "/alerts/history" });
    const row = page.getByRole("row").filter({ hasText: "TargetGone" }).filter({ hasText: "firing" }).first();
    await row.waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByRole("button", { name: "Which rules are noisy" }).click();
    await page.getByRole("row").filter({ hasText: "TargetGone" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await page.goBack();
    await page.goto(`${house.url}/alerts/explain?filter=${encodeURIComponent('alertname="TargetGone"')}`);
    await page.locator(".explain-summary").getByText(/pager/).waitFor();
    await page.locator('.route[data-outcome="ends_here"]').getByText("pager").first().waitFor();
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(faults, []);
    await close();
  });

  test("the routing tester says where labels lead, and what is wrong with them", ownServer, async () => {
    const { page, faults, close } = await openPage(house, { path: "/alerts/routing" });
    const field = page.getByRole("searchbox", { name: "Labels of an alert" });
    await field.fill('alertname="X", severity="critical"');
    await page.getByText("Now it would be told to pager.").waitFor();
    await page.locator('.route[data-outcome="ends_here"]').getByText("pager").waitFor();
    assert.deepEqual(await violations(page), []);
    await field.fill('severity=~"critical"');
    await page.getByText(/An alert has one value for severity/).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("a receiver is tried out, and what was sent and answered is shown", ownServer, async () => {
    const { page, faults, close } = await openPage(house, { path: "/alerts/routing" });
    await page.getByRole("button", { name: "Send a test to pager" }).click();
    await page.getByText("pager was told.").waitFor();
    await page.getByText("What was sent and answered").first().click();
    await page.getByLabel("Sent").first().getByText(/ReceiverTest/).waitFor();
    assert.match(await page.getByLabel("Answered").first().textContent(), /^200/);
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(faults, []);
    await close();
  });

  test("a rule is tried out over what is stored, and a broken one is told its place", ownServer, async () => {
    await opened();
    const { page, close } = await openPage(house, { path: "/rules" });
    await page.getByRole("link", { name: "Backtest TargetGone" }).click();
    const field = page.getByRole("textbox", { name: "Rule file" });
    await until(async () => (await field.inputValue()).includes("TargetGone"), "the rule to stand in the field");
    await page.getByRole("button", { name: "1 day" }).click();
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByRole("list", { name: "What would have happened" }).waitFor();
    await page.getByRole("region", { name: "Alerts of TargetGone" }).getByRole("row").nth(1).waitFor();
    assert.deepEqual(await violations(page), []);
    await field.fill("groups:\n  - name: x\n    rules:\n      - alert: Y\n        expr: sum(\n");
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByRole("alert").getByText(/5:/).waitFor();
    await close();
  });

  test("the calendar says who is on call, and somebody stands in for a day and takes it back", ownServer, async () => {
    const { page, faults, close } = await openPage(house, { path: "/alerts/schedules" });
    await page.locator(".rota-shift").first().waitFor();
    await page.getByRole("list", { name: "On call now" }).getByText(/ada|ben/).first().waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByText("As a table").click();
    await page.getByRole("region", { name: "Shifts" }).getByRole("row").nth(1).waitFor();

    await page.getByRole("button", { name: "Stand in" }).click();
    await page.getByText("Somebody must stand in.").waitFor();
    await page.getByLabel("Stands in").selectOption("ben");
    await page.getByLabel("Your name").fill("ada");
    await page.getByLabel("Note").fill(HOSTILE);
    await page.getByRole("button", { name: "Stand in" }).click();
    await page.locator(".overrides").getByText(HOSTILE).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    const { overrides } = await data("api/v1/schedules/primary");
    assert.deepEqual(overrides.map((one) => one.people), [["ben"]]);
    await page.getByRole("button", { name: /^Take back ben/ }).click();
    await page.getByText("Nobody stands in for another in this time.").waitFor();
    await page.getByRole("button", { name: "A week later" }).click();
    await page.waitForURL(/from=\d+/);
    assert.deepEqual(faults, []);
    await close();
  });
});
