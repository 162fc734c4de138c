import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { baseTag } from "./dev/base-tag.ts";
import { precompress } from "./dev/precompress.ts";
import { prometheusStandIn } from "./dev/stand-in.ts";

/** Where the API lives while developing: a running Watchfire, or any Prometheus through the stand-in. */
const watchfire = process.env["WATCHFIRE_URL"] ?? "http://127.0.0.1:9090";
const prometheus = process.env["PROMETHEUS_URL"];
/** Alerts and silences of another Alertmanager, if one is named. */
const alertmanager = process.env["ALERTMANAGER_URL"];

const proxy = {
  ...(alertmanager ? { "/api/v2": { target: alertmanager, changeOrigin: true } } : {}),
  "/api": { target: prometheus ?? watchfire, changeOrigin: true },
};

/** The server's own policy, so that `npm run preview` finds what would be blocked. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";

export default defineConfig({
  base: "./",
  plugins: [react(), precompress(), baseTag(), ...(prometheus ? [prometheusStandIn(prometheus)] : [])],
  server: {
    host: "127.0.0.1",
    proxy,
  },
  preview: { host: "127.0.0.1", proxy, headers: { "Content-Security-Policy": policy } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Fonts and icons stay files: `img-src` and `font-src` of the server's policy name no data: URLs for them.
    assetsInlineLimit: 0,
  },
  test: { include: ["src/**/*.test.ts", "dev/**/*.test.ts"], environment: "node" },
});
