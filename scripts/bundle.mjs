/** How Ferry's TypeScript becomes something that Node runs: ES modules under build/. */

import { readdirSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Packages that stay outside of the bundle: tools that start programs found beside their own files, and what asks for
 * Node's modules with require(), which an ES module does not have, or brings machine code of its own.
 */
const EXTERNAL_PACKAGES = ["esbuild", "typescript", "node-forge", "serialport", "mqtt", "aedes"];

/**
 * Bundles the entry points into outdir, which is emptied first, each at its own path with `.js` for `.ts`.
 *
 * @param {string[]} entryPoints paths from the project's root
 * @param {string} outdir likewise
 */
export async function bundleForNode(entryPoints, outdir) {
  rmSync(resolve(root, outdir), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    outbase: ".",
    bundle: true,
    splitting: true,
    external: EXTERNAL_PACKAGES,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    logLevel: "warning",
  });
}

/** All suites, as paths from the project's root, in a fixed order. */
export function listSuites() {
  return readdirSync("host-tests", { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => `host-tests/${path.replaceAll("\\", "/")}`)
    .sort();
}

/** @param {string} suite whether it keeps to the bare language and so runs on XS as well */
export function isPortable(suite) {
  return !suite.startsWith("host-tests/node/");
}
