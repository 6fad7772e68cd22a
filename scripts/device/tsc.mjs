#!/usr/bin/env node
/** What manifest.json names as the TypeScript compiler: the compiler, and then plain names for private ones. */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "../bundle.mjs";
import { withPlainNames } from "./plain-names.mjs";

const args = process.argv.slice(2);
const { status } = spawnSync(join(root, "node_modules/.bin/tsc"), args, { stdio: "inherit" });
const project = args[args.indexOf("-p") + 1];
if (status === 0 && project !== undefined) {
  // mcconfig's: one module each, whose imports are compiled along with it, and then not used.
  const { compilerOptions, files = [] } = JSON.parse(readFileSync(project, "utf8"));
  for (const file of files) {
    const made = join(compilerOptions.outDir, relative(compilerOptions.rootDir, file)).replace(/\.ts$/, ".js");
    writeFileSync(made, withPlainNames(readFileSync(made, "utf8")));
  }
}
process.exitCode = status ?? 1;
