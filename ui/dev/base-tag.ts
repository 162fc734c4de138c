import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";

const TAG = '<base href="/" />';

/** Writes `<base>` into the page as the server does, so that deep addresses work while developing and previewing. */
export function baseTag(): Plugin {
  let built = "";
  return {
    name: "watchfire-base-tag",
    apply: (_, { command, isPreview }) => command === "serve" || isPreview === true,
    configResolved(config) {
      built = join(config.root, config.build.outDir, "index.html");
    },
    transformIndexHtml: (html) => html.replace("<head>", `<head>\n    ${TAG}`),
    configurePreviewServer(server) {
      server.middlewares.use((request, response, next) => {
        const page = (request.headers.accept ?? "").includes("text/html") && !request.url?.startsWith("/api/");
        if (!page) return next();
        readFile(built, "utf8").then((html) => {
          const policy = server.config.preview.headers?.["Content-Security-Policy"];
          if (typeof policy === "string") response.setHeader("Content-Security-Policy", policy);
          response.setHeader("content-type", "text/html; charset=utf-8");
          response.end(html.replace("<head>", `<head>${TAG}`));
        }, next);
      });
    },
  };
}
