/**
 * Runs a TypeScript program: `node scripts/run.mjs ENTRY.ts [arguments]`, where ENTRY is a path from the project's root.
 * The program sees only its own arguments, and the folder that it was called from.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleForNode, root } from "./bundle.mjs";

const [entry = "", ...args] = process.argv.slice(2);
if (!existsSync(resolve(root, entry))) {
  console.error(`Ferry: there is no program "${entry}"; give the path of a .ts file from the project's root.`);
  process.exit(1);
}
const outdir = `build/run/${entry.replace(/\.ts$/, "")}`;
await bundleForNode([entry], outdir);
const program = resolve(root, outdir, entry.replace(/\.ts$/, ".js"));
process.argv = [process.execPath, program, ...args];
process.setSourceMapsEnabled(true);
await import(pathToFileURL(program).href);
