/**
 * Checks the firmware as far as a PC can. Always: types, partition tables, manifest, configuration. With the Moddable
 * SDK (MODDABLE set, mcconfig on PATH or built below it) also: compiles and links the modules for each chip, compiles
 * Ferry's own C for this computer, and runs the firmware's headless Linux build.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleForNode, root } from "./bundle.mjs";
import { buildFrontHalves, findSdk } from "./device/front-half.mjs";
import { findNativeProblems } from "./device/native.mjs";

const PLATFORMS = ["esp32", "esp32/esp32c3", "esp32/esp32s3"];
const LINUX_CHECK = "host/lin/check.mjs";
/** TypeScript that this needs, bundled for Node. */
const PARSERS = ["host/node/firmware-manifest.ts", "src/device/config.ts", "src/store/partition-csv.ts"];
const PARSERS_OUT = "build/run/check-device";

process.chdir(root);
let failures = 0;

/** @param {string} what @param {readonly string[]} problems @param {readonly string[]} [figures] */
function report(what, problems, figures = []) {
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"}  ${what}`);
  for (const line of [...problems, ...figures]) console.log(`          ${line}`);
  failures += problems.length;
}

/** @param {string} path @returns {Promise<any>} */
function importBundled(path) {
  return import(pathToFileURL(resolve(PARSERS_OUT, path.replace(/\.ts$/, ".js"))).href);
}

function checkTypes() {
  const projects = ["tsconfig.json", "tsconfig.device.json"];
  const passed = projects.every(
    (project) => spawnSync("node_modules/.bin/tsc", ["-b", project], { stdio: "inherit" }).status === 0,
  );
  report("types, by npm's typings", passed ? [] : ["see the compiler's messages above"]);
}

/** @param {any} manifest */
async function checkFiles(manifest) {
  await bundleForNode(PARSERS, PARSERS_OUT);
  const { parsePartitionCsv } = await importBundled("src/store/partition-csv.ts");
  const { parseConfig } = await importBundled("src/device/config.ts");
  const { findManifestProblems } = await importBundled("host/node/firmware-manifest.ts");
  for (const file of readdirSync(".").filter((name) => /^partitions.*\.csv$/.test(name))) {
    const flashBytes = Number(/(\d+)mb/.exec(file)?.[1] ?? 4) << 20;
    const result = parsePartitionCsv(readFileSync(file, "utf8"), { flashBytes });
    /** @type {{ row: string, message: string }[]} */
    const problems = result.ok ? [] : result.problems;
    report(
      file,
      problems.map(({ row, message }) => `${row}: ${message}`),
    );
  }
  const packages = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies);
  const paths = readdirSync("src", { recursive: true, encoding: "utf8" }).map((path) => `src/${path}`);
  const read = (/** @type {string} */ path) => readFileSync(path, "utf8");
  const configs = [manifest, ...Object.values(manifest.platforms)].map(({ config }) => config?.ferry);
  const problems = configs.flatMap((config) => parseConfig(config).problems);
  report("manifest.json", [...findManifestProblems({ manifest, paths, read, packages }), ...problems]);
}

/** @param {{ sdk: string, tools: string }} where */
function checkBuilds(where) {
  const wanted = {
    partitions: readFileSync("partitions.csv", "utf8"),
    sdkconfig: readFileSync("sdkconfig/sdkconfig.defaults", "utf8"),
  };
  const built = buildFrontHalves(where, PLATFORMS, wanted);
  for (const [platform, { problems, figures }] of built) report(`mcconfig -p ${platform}`, problems, figures);
  const generated = [...built.values()].find(({ directory }) => directory !== undefined)?.directory;
  if (generated) report("src/native, by this computer's compiler", findNativeProblems(where.sdk, generated));
}

/** Its own report, and nothing to add. */
function checkLinuxBuild() {
  if (!existsSync(LINUX_CHECK)) return;
  const { status } = spawnSync(process.execPath, [LINUX_CHECK], { stdio: "inherit" });
  report("the headless Linux build", status === 0 ? [] : ["see above"]);
}

checkTypes();
await checkFiles(JSON.parse(readFileSync(join(root, "manifest.json"), "utf8")));
const where = findSdk();
if (typeof where === "string") {
  console.log(`no SDK  ${where}, so nothing was built: docs/porting.md says how to get the Moddable SDK`);
} else {
  checkBuilds(where);
  checkLinuxBuild();
}
console.log(failures === 0 ? "\npassed" : `\n${failures} problems`);
if (failures > 0) process.exitCode = 1;
