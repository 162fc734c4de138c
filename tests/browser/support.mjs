// What every browser test stands on: a Watchfire to look at, a Chromium to look with, and eyes for console
// errors. A test that lacks one of them is skipped with a line that says which.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startFeed } from "./feed.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const START_LIMIT_MS = 20_000;

/** What must not be drawn as anything but text. It would set a mark on the window if it ever ran. */
export const HOSTILE = "<img src=x onerror=\"window.hostileRan=1\">";

/**
 * Starts what a file of tests needs, or says in `missing` why it cannot.
 * `WATCHFIRE_URL` names a Watchfire that is already running; otherwise one is started with fresh data: as it
 * comes, watching this machine, `configured` with targets and rules that misbehave, or `fed` by a platform that has one
 * of everything; in an `environment` of its own, if need be.
 */
export async function openHouse({ configured = false, fed = false, environment = {} } = {}) {
  const missing = whatIsMissing();
  if (missing) {
    console.log(`skipped: ${missing}`);
    return { missing, close: async () => {} };
  }
  const { chromium } = require("playwright-core");
  const server = process.env.WATCHFIRE_URL ? { url: process.env.WATCHFIRE_URL.replace(/\/$/, ""), stop: async () => {} } : await startWatchfire(configured, fed, environment);
  const page = await (await fetch(`${server.url}/`, { headers: { accept: "text/html" } })).text();
  if (!page.includes('id="root"')) {
    await server.stop();
    const reason = "the binary was built without the web UI (npm run build in ui/, then build it again)";
    console.log(`skipped: ${reason}`);
    return { missing: reason, close: async () => {} };
  }
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: CHROMIUM_ARGUMENTS, headless: true });
  return {
    url: server.url,
    fresh: !process.env.WATCHFIRE_URL,
    browser,
    async close() {
      await browser.close();
      await server.stop();
    },
  };
}

const require = createRequire(join(ROOT, "ui/package.json"));

function whatIsMissing() {
  try {
    require.resolve("playwright-core");
  } catch {
    return "playwright-core is not installed (npm ci in ui/)";
  }
  if (!chromiumPath()) return "no chromium (Debian package chromium, or CHROMIUM=/path/to/it)";
  if (!process.env.WATCHFIRE_URL && !binaryPath()) return "no watchfire binary under target/ (cargo build), and no WATCHFIRE_URL";
  return undefined;
}

function chromiumPath() {
  return firstRunnable([process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]);
}

function binaryPath() {
  return firstRunnable([process.env.WATCHFIRE_BINARY, join(ROOT, "target/release/watchfire"), join(ROOT, "target/debug/watchfire")]);
}

function firstRunnable(paths) {
  return paths.filter(Boolean).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A port that nobody else is given by chance: it lies below those that systems hand out by themselves. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const outcome = new Promise((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (await outcome) return port;
  }
}

/** A tenant may have few series; one target is down, another speaks hostile text, and a rule that fires at once. */
async function writeConfiguration(folder, exposition) {
  const dead = await freePort();
  writeFileSync(
    join(folder, "prometheus.yml"),
    `global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [rules.yml]
alertmanager_file: alertmanager.yml
oncall_file: oncall.yml
metrics:
  limits: { series_per_tenant: 50 }
scrape_configs:
  - job_name: hostile
    static_configs:
      - targets: ["127.0.0.1:${exposition.port}"]
  - job_name: gone
    static_configs:
      - targets: ["127.0.0.1:${dead}"]
`,
  );
  writeFileSync(
    join(folder, "alertmanager.yml"),
    `route:
  receiver: everybody
  group_by: [alertname]
  group_wait: 1s
  group_interval: 1s
  routes:
    - receiver: pager
      matchers: ['severity="critical"']
receivers:
  - name: everybody
  - name: pager
    webhook_configs:
      - url: "http://127.0.0.1:${exposition.port}/told"
`,
  );
  writeFileSync(
    join(folder, "oncall.yml"),
    `people:
  - { name: ada, receivers: [pager] }
  - { name: ben, receivers: [pager] }
schedules:
  - name: primary
    time_zone: Europe/Berlin
    layers:
      - { name: week, rotation: weekly, start: 2026-01-05 09:00, people: [ada, ben] }
`,
  );
  writeFileSync(
    join(folder, "rules.yml"),
    `groups:
  - name: browser
    rules:
      - alert: TargetGone
        expr: up{job="gone"} == 0
        labels: { severity: critical }
        annotations:
          summary: "{{ $labels.instance }} does not answer"
          description: '${HOSTILE.replaceAll("'", "''")}'
`,
  );
  return `--config.file=${join(folder, "prometheus.yml")}`;
}

async function startWatchfire(configured, fed, environment) {
  const folder = mkdtempSync(join(tmpdir(), "watchfire-browser-"));
  const exposition = await startExposition();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [`--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=127.0.0.1:${port}`];
  if (configured) flags.push(await writeConfiguration(folder, exposition));
  const feed = fed ? await startFeed() : undefined;
  if (feed) {
    const file = join(folder, "prometheus.yml");
    writeFileSync(file, `global: { scrape_interval: 1s, evaluation_interval: 1s }\ncollect: { interval: 1s }\nscrape_configs:\n${feed.scrapes}`);
    flags.push(`--config.file=${file}`);
  }
  const watchfire = spawn(binaryPath(), flags, { cwd: folder, env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [watchfire.stdout, watchfire.stderr]) stream.on("data", (chunk) => (output = (output + chunk).slice(-4000)));
  const stop = async () => {
    exposition.server.close();
    feed?.stop();
    if (watchfire.exitCode === null) {
      watchfire.kill("SIGTERM");
      const killer = setTimeout(() => watchfire.kill("SIGKILL"), 5_000);
      await once(watchfire, "exit");
      clearTimeout(killer);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (watchfire.exitCode !== null) throw new Error(`watchfire stopped with code ${watchfire.exitCode}`);
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok;
    }, "watchfire to be ready");
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${output}`);
  }
  return { url, stop };
}

/** An exposition as an attacker would write it, in the bounds of the format. */
async function startExposition() {
  const value = HOSTILE.replaceAll('"', '\\"');
  const body = `# HELP hostile_total ${HOSTILE}\n# TYPE hostile_total counter\nhostile_total{path="${value}"} 1\n`;
  const server = createHttpServer((_, response) => {
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
    response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: server.address().port };
}

/** Waits for a condition, not for time to pass. */
export async function until(condition, what, limit = START_LIMIT_MS) {
  const deadline = Date.now() + limit;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${limit} ms in vain for ${typeof what === "function" ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until the server has samples of a metric. */
export function knows(house, metric) {
  const asked = `${house.url}/api/v1/query?query=${encodeURIComponent(metric)}`;
  return until(async () => (await (await fetch(asked)).json()).data.result.length > 0, `samples of ${metric}`);
}

/** A page whose console errors and uncaught faults are gathered in `faults`. */
export async function openPage(house, { path = "/", theme = "dark", width = 1280, height = 900 } = {}) {
  const context = await house.browser.newContext({ colorScheme: theme, viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => faults.push(error.message));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`blocked by policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(house.url + path);
  return { page, faults, close: () => context.close() };
}

/** The violations axe finds, one line each. */
export async function violations(page) {
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
    return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  });
}

/** Puts samples in through remote write, so that names no exposition could carry arrive too. */
export async function remoteWrite(url, series) {
  // A minute old, so that every step a graph may begin or end at lies after it.
  const time = BigInt(Date.now() - 60_000);
  const request = Buffer.concat(
    series.map(({ labels, value }) => {
      const pairs = Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, text]) => field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(text))])));
      const number = Buffer.alloc(8);
      number.writeDoubleLE(value);
      const sample = Buffer.concat([Buffer.from([0x09]), number, Buffer.from([0x10]), varint(time)]);
      return field(1, Buffer.concat([...pairs, field(2, sample)]));
    }),
  );
  return fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy", "x-prometheus-remote-write-version": "0.1.0" },
    body: snappy(request),
  });
}

function field(number, bytes) {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(BigInt(bytes.length)), bytes]);
}

function varint(value) {
  const bytes = [];
  let rest = value;
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** Snappy's block format with literals only: valid, and never smaller. */
function snappy(bytes) {
  const parts = [varint(BigInt(bytes.length))];
  for (let at = 0; at < bytes.length; at += 60) {
    const piece = bytes.subarray(at, at + 60);
    parts.push(Buffer.from([(piece.length - 1) << 2]), piece);
  }
  return Buffer.concat(parts);
}
