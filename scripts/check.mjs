/** Type-checks all TypeScript projects and lints everything; style also where types fail. */

import { spawnSync } from "node:child_process";

/** @param {string} command @param {string[]} args */
function passes(command, args) {
  return spawnSync(`node_modules/.bin/${command}`, args, { stdio: "inherit" }).status === 0;
}

const colors = process.stdout.isTTY ? [] : ["--colors=off"];
// In this order, and only to the first that fails: the later ones check the sources of the first again.
const projects = [
  "tsconfig.json",
  "tsconfig.device.json",
  "tsconfig.tests.json",
  "tsconfig.node.json",
  "tsconfig.lin.json",
];
const typesAreSound = projects.every((project) => passes("tsc", ["-b", project]));
const styleIsSound = passes("biome", ["ci", "--error-on-warnings", ...colors]);
if (!typesAreSound || !styleIsSound) process.exitCode = 1;
