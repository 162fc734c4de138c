// What a machine of an AI platform shows on the home page to somebody who configured nothing.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { openHouse, openPage, until } from "./support.mjs";
import { startPlatform } from "./platform.mjs";

describe("a machine with a GPU and a vLLM, without a configuration file", async () => {
  const platform = await startPlatform();
  if (platform.missing) console.log(`skipped: ${platform.missing}`);
  const house = platform.missing ? { missing: platform.missing, close: async () => {} } : await openHouse({ environment: platform.environment });
  const options = { skip: house.missing ?? (house.fresh ? false : "WATCHFIRE_URL names a machine of its own") };
  after(async () => {
    await house.close();
    await platform.stop();
  });

  test("shows both on the home page, above everything else, to whoever opened it at once", options, async () => {
    const { page, faults, close } = await openPage(house, { height: 3_000 });
    await page.getByRole("heading", { level: 1, name: "This machine" }).waitFor();
    for (const name of ["Use of GPUs", "Temperature of GPUs", "Tokens a second", "KV cache"]) {
      await page.getByRole("figure", { name }).locator("canvas").waitFor({ timeout: 120_000 });
    }
    await page.getByRole("figure", { name: "KV cache" }).getByText(/llama-8b/).waitFor();
    const top = async (name) => (await page.getByRole("figure", { name, exact: true }).last().boundingBox()).y;
    const [cpu, gpu, llm] = [await top("CPU by mode"), await top("Use of GPUs"), await top("KV cache")];
    assert.ok(gpu < cpu && llm < cpu, `GPUs at ${gpu}, LLM servers at ${llm}, processors at ${cpu}`);
    assert.deepEqual(faults, []);
    await close();
  });

  test("says what was found, and how the objectives are kept", options, async () => {
    const { page, close } = await openPage(house, { path: "/d/llm?from=now-5m&to=now", height: 3_000 });
    await page.getByRole("figure", { name: "Servers on this host" }).getByText("vllm").first().waitFor({ timeout: 60_000 });
    const asked = `${house.url}/api/v1/query?query=${encodeURIComponent('llm:goodput:at_most:ratio5m{model_name="llama-8b"} > 0')}`;
    const [found] = await until(async () => {
      const { result } = (await (await fetch(asked)).json()).data;
      return result.length > 0 && result;
    }, "goodput", 120_000);
    assert.ok(Math.abs(Number(found.value[1]) - 0.9) < 0.05, `${found.value[1]} of nine in ten`);
    await page.getByRole("figure", { name: "Goodput" }).getByText(/\d%|\d %/).waitFor({ timeout: 60_000 });
    await close();
  });
});
