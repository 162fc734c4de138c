// Every built-in dashboard, fed by a platform that has one of everything: each panel draws something.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { knows, openHouse, openPage, until, violations } from "./support.mjs";

/** Panels that may be empty on a machine that is well, or that lacks the thing. */
const MAY_BE_EMPTY = {
  host: ["Temperature", "Pressure", "Filesystems", "Fullest disk", "Disk traffic", "Disk busy"],
  llm: ["Servers on this host"],
  watchfire: ["Refused"],
};

describe("the built-in dashboards", async () => {
  const house = await openHouse({ fed: true });
  const options = { skip: house.missing ?? false };
  after(() => house.close());
  const boards = house.missing ? [] : await (await fetch(`${house.url}/api/ui/v1/dashboards`)).json();

  test("are all there", options, async () => {
    assert.ok(boards.length >= 19, boards.map(({ uid }) => uid).join(" "));
    // Rates of five minutes that rules record, and the ratio of probes, come last.
    for (const metric of ["llm:output_tokens:rate5m", "probe:success:ratio1h", "gpu:utilization_ratio"]) await knows(house, metric);
  });

  test("the overview shows the GPUs and the LLM servers of this machine, unasked", options, async () => {
    const { page, close } = await openPage(house, { path: "/?from=now-5m", height: 4_000 });
    for (const name of ["Use of GPUs", "Temperature of GPUs", "TTFT, 95 %", "KV cache"]) await page.getByRole("figure", { name }).locator("canvas").waitFor({ timeout: 60_000 });
    await close();
  });

  // What their rules record comes by the minute, so they come last.
  const byMinute = ["business", "cicd", "probes"];
  for (const { uid, title } of boards.toSorted((a, b) => byMinute.indexOf(a.uid) - byMinute.indexOf(b.uid))) {
    test(`${title} has something in every panel`, options, async () => {
      const { page, faults, close } = await openPage(house, { path: `/d/${uid}?from=now-5m&to=now`, height: 4_000 });
      await page.getByRole("heading", { level: 1, name: title }).waitFor();
      const may = MAY_BE_EMPTY[uid] ?? [];
      // A young server has no two samples of everything yet.
      await until(
        async () => {
          const panels = await page.getByRole("figure").evaluateAll((figures) =>
            figures.map((figure) => ({
              title: figure.querySelector("figcaption h2, figcaption h3")?.textContent ?? "",
              busy: figure.getAttribute("aria-busy") !== "false",
              state: figure.querySelector(".panel-state, .panel-loading")?.textContent ?? "",
            })),
          );
          const open = panels.filter((panel) => panel.busy || (panel.state !== "" && !may.includes(panel.title)));
          waiting = open.map((panel) => `${panel.title}: ${panel.state}`).join("; ");
          return panels.length > 3 && open.length === 0;
        },
        () => `all panels of ${uid}; ${waiting}`,
        byMinute.includes(uid) ? 200_000 : 60_000,
      );
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(faults, []);
      await close();
    });
  }
});

let waiting = "";
