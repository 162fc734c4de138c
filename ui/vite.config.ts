import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { precompress } from "./dev/precompress.ts";
import { prometheusStandIn } from "./dev/stand-in.ts";

/** Where the API lives while developing: a running Watchfire, or any Prometheus through the stand-in. */
const watchfire = process.env["WATCHFIRE_URL"] ?? "http://127.0.0.1:9090";
const prometheus = process.env["PROMETHEUS_URL"];

export default defineConfig({
  base: "./",
  plugins: [react(), precompress(), ...(prometheus ? [prometheusStandIn(prometheus)] : [])],
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: prometheus ?? watchfire, changeOrigin: true } },
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Fonts and icons stay files: `img-src` and `font-src` of the server's policy name no data: URLs for them.
    assetsInlineLimit: 0,
  },
  test: { include: ["src/**/*.test.ts", "dev/**/*.test.ts"], environment: "node" },
});
