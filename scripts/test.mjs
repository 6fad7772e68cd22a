/**
 * Checks types and style, then runs the suites: all of them under mocha on Node, the portable ones on the XS engine
 * as well.
 */

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import Mocha from "mocha";
import { bundleForNode, isPortable, listSuites } from "./bundle.mjs";

const usage = "npm test -- [part of a suite's path ...] [-g pattern of test names] [-b to stop at the first failure]";
const outdir = "build/tests";
const xsRunner = "host/xs/suites.ts";
/** Only against hanging: suites on virtual time take milliseconds, and a busy machine must not fail them. */
const testTimeoutMs = 60_000;

/** @param {string} source its bundled form, to be imported */
function bundled(source) {
  return resolve(outdir, source.replace(/\.ts$/, ".js"));
}

/**
 * @param {string[]} suites
 * @param {{ grep?: string | undefined, bail?: boolean | undefined }} options
 */
async function runOnNode(suites, { grep, bail }) {
  const mocha = new Mocha({ reporter: "spec", timeout: testTimeoutMs, bail: bail ?? false });
  if (grep !== undefined) mocha.grep(new RegExp(grep));
  for (const suite of suites) mocha.addFile(bundled(suite));
  await mocha.loadFilesAsync();
  const { stats } = await new Promise((done) => {
    const runner = mocha.run(() => done(runner));
  });
  return { passed: stats.passes, failed: stats.failures, skipped: stats.pending };
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { grep: { type: "string", short: "g" }, bail: { type: "boolean", short: "b" } },
    });
    return { options: values, filters: positionals };
  } catch (error) {
    console.error(`Ferry: ${/** @type {Error} */ (error).message}\nUsage: ${usage}`);
    process.exit(1);
  }
}

const { options, filters } = readArguments();

const check = spawnSync(process.execPath, ["scripts/check.mjs"], { stdio: "inherit" });
if (check.status !== 0) {
  console.error("Ferry: no test ran, because the check above failed (`npm run format` mends style by itself).");
  process.exit(1);
}

process.setSourceMapsEnabled(true);
const suites = listSuites().filter((suite) => filters.length === 0 || filters.some((part) => suite.includes(part)));
await bundleForNode([...suites, xsRunner], outdir);

const onNode = await runOnNode(suites, options);
const { runSuitesOnXs } = await import(pathToFileURL(bundled(xsRunner)).href);
const onXs = await runSuitesOnXs(suites.filter(isPortable), { grep: options.grep });

const passed = onNode.passed + onXs.passed;
const failed = onNode.failed + onXs.failed;
if (onNode.skipped > 0) console.error(`Ferry: ${onNode.skipped} tests are skipped, which counts as a failure.`);
if (passed + failed === 0) console.error("Ferry: no test ran; is there one that fits the arguments?");
if (failed > 0 || passed === 0 || onNode.skipped > 0) process.exitCode = 1;
console.log(`${onNode.passed} on Node, ${onXs.passed} on XS\n`);
console.log(`${passed} passed, ${failed} failed`);
