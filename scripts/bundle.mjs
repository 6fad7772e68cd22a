/** How Ferry's TypeScript becomes something that Node runs: ES modules under build/. */

import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

/** Tools that start programs of their own, found beside their own files. All other packages go into the bundle. */
const TOOL_PACKAGES = ["esbuild", "typescript"];

/**
 * Bundles the entry points into outdir, which is emptied first, each at its own path with `.js` for `.ts`.
 *
 * @param {string[]} entryPoints paths from the project's root
 * @param {string} outdir
 */
export async function bundleForNode(entryPoints, outdir) {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints,
    outdir,
    outbase: ".",
    bundle: true,
    splitting: true,
    external: TOOL_PACKAGES,
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
