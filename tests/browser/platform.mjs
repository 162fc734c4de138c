// A machine with a GPU and an LLM server on it, where there is neither: the stub of the driver's library that the
// collectors are tested with, and a program that looks like vLLM to whoever looks at processes.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DRIVER = fileURLToPath(new URL("../../crates/collect/tests/stub/nvml.c", import.meta.url));
const STATE = "gpus 1\ntemperature 61\nutilization 80\nmilliwatts 412000\n";

const VLLM = `
import { createServer } from "node:http";
const began = Date.now();
createServer((request, response) => {
  if (request.url !== "/metrics") return response.writeHead(404).end();
  const seconds = (Date.now() - began) / 1000;
  const of = '{engine="0",model_name="llama-8b"}';
  const lines = ["# TYPE vllm:num_requests_running gauge", "vllm:num_requests_running" + of + " 3", "vllm:num_requests_waiting" + of + " 1", "vllm:kv_cache_usage_perc" + of + " 0.4"];
  for (const [name, rate] of [["generation", 90], ["prompt", 400]]) lines.push("# TYPE vllm:" + name + "_tokens_total counter", "vllm:" + name + "_tokens_total" + of + " " + rate * seconds);
  lines.push("# TYPE vllm:time_to_first_token_seconds histogram");
  for (const [le, share] of [["0.1", 0.5], ["1.0", 0.9], ["+Inf", 1]]) lines.push("vllm:time_to_first_token_seconds_bucket" + of.replace("}", ',le="' + le + '"}') + " " + Math.floor(4 * seconds * share));
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(lines.join("\\n") + "\\n");
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
`;

/** Starts it; `missing` says why it cannot. `environment` is what a Watchfire must be started with to see the driver. */
export async function startPlatform() {
  if (process.platform !== "linux") return { missing: "processes and drivers are found on Linux only", stop: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), "watchfire-platform-"));
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", join(folder, "libnvidia-ml.so.1"), `-DSTATE="${join(folder, "state")}"`, DRIVER], { encoding: "utf8" });
  if (built.status !== 0) {
    rmSync(folder, { recursive: true, force: true });
    if (built.error === undefined) throw new Error(built.stderr);
    return { missing: `no C compiler to build the driver's library with: ${built.error.message}`, stop: async () => {} };
  }
  writeFileSync(join(folder, "state"), STATE);
  writeFileSync(join(folder, "vllm.mjs"), VLLM);
  const server = spawn(process.execPath, [join(folder, "vllm.mjs"), "serve", "llama-8b"], { argv0: "vllm", stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await once(server.stdout, "data");
  return {
    environment: { LD_LIBRARY_PATH: folder },
    port: Number(port),
    async stop() {
      server.kill("SIGKILL");
      await once(server, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
