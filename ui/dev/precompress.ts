import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const SMALLEST_BYTES = 1024;
/** What a first visit may load of scripts and styles, in Brotli; see the budgets in the design. */
const FIRST_LOAD_BYTES = 180 * 1024;
const COMPRESSIBLE = /\.(js|css|html|svg|json|txt|map|webmanifest)$/;

/** Writes `.br` and `.gz` beside every compressible built file, so that the server never compresses. */
export function precompress(): Plugin {
  let folder = "dist";
  return {
    name: "watchfire-precompress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      for (const path of await filesUnder(folder)) {
        if (!COMPRESSIBLE.test(path)) continue;
        const { size } = await stat(path);
        if (size < SMALLEST_BYTES) continue;
        const bytes = await readFile(path);
        const brotli = brotliCompressSync(bytes, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: 11,
            [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
          },
        });
        await writeFile(`${path}.br`, brotli);
        await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
      const load = await firstLoad(folder);
      const told = `first load ${(load / 1024).toFixed(1)} KiB of ${FIRST_LOAD_BYTES / 1024} KiB (Brotli)`;
      if (load > FIRST_LOAD_BYTES) this.error(`${told}: move something into a lazy chunk`);
      console.log(told);
    },
  };
}

/** The compressed size of everything index.html names. */
async function firstLoad(folder: string): Promise<number> {
  const html = await readFile(join(folder, "index.html"), "utf8");
  let total = 0;
  for (const [, path] of html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)) {
    if (!path) continue;
    // The smallest travel as they are.
    const compressed = await stat(join(folder, `${path}.br`)).catch(() => stat(join(folder, path)));
    total += compressed.size;
  }
  return total;
}

async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await filesUnder(path)));
    else found.push(path);
  }
  return found;
}
