/**
 * Makes a fresh machine ready: installs what package-lock.json names, builds the XS engine that the tests and the bench
 * run on, and compiles the C parts for this computer. Each `npm run` script begins with it; when all is there it
 * takes no noticeable time.
 *
 * Install scripts are never run: newer npm releases block them unless approved, older ones run them, and this way all
 * do the same. The only one that Ferry needs is the XS engine's, and buildEngine() does its work in a quarter of the
 * time: release build only, and parallel.
 *
 * Runs on plain Node without any package, and parses on old releases, so that they get to say what is missing.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const enginePackage = join(root, "node_modules/@agoric/xsnap");
/** What the engine's package calls the platforms that it builds on. */
const enginePlatform =
  new Map([
    ["linux", "lin"],
    ["darwin", "mac"],
  ]).get(os.platform()) ?? "";

/** The wire's C as an addon for Node, and what it is made of. */
const addonPath = join(root, "build/native/wire.node");
const addonSources = ["host/native/addon.c", "src/native/wire-core.c", "src/native/wire-frame.c"];
const addonHeaders = ["src/native/wire-core.h", "src/native/wire-frame.h", "src/native/wire-line.h"];
/** The emulator's pseudo-terminal. */
const bridgePath = join(root, "build/native/pty-bridge");
const bridgeSources = ["host/native/pty-bridge.c"];

/** @param {string} problem @returns {never} */
function giveUp(problem) {
  console.error(`Ferry: ${problem}`);
  process.exit(1);
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** @param {string} range of the form "^20.19.0 || >=22.12.0" */
function nodeSatisfies(range) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return range.split("||").some((part) => {
    const [, operator, wantedMajor, wantedMinor] = /(\^|>=)(\d+)\.(\d+)/.exec(part) || [];
    if (major === Number(wantedMajor)) return minor >= Number(wantedMinor);
    return operator === ">=" && major > Number(wantedMajor);
  });
}

/** Compares npm's own record of what it installed, written when an installation is complete, with the lock file. */
function packagesAreInstalled() {
  const recordPath = join(root, "node_modules/.package-lock.json");
  if (!existsSync(recordPath)) return false;
  const installed = readJson(recordPath).packages;
  const wanted = readJson(join(root, "package-lock.json")).packages;
  return Object.keys(wanted).every((path) => {
    if (path === "") return true;
    if (!installed[path]) return wanted[path].optional === true;
    return installed[path].version === wanted[path].version;
  });
}

function installPackages() {
  console.log("Ferry: installing the packages that package-lock.json names (once, some seconds) ...");
  const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund"];
  const npm = process.env.npm_execpath;
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit" });
  if (result.status !== 0) giveUp("npm ci failed, see above; mend what it names and run this again.");
}

/** @param {string} command */
function canRun(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs the engine's own makefile, as the package's src/build.js does, for the release goal. */
function buildEngine() {
  const missing = ["cc", "make"].filter((command) => !canRun(command));
  if (missing.length > 0) {
    giveUp(
      `the XS engine is built from source and needs ${missing.join(" and ")}, not found on this machine: install ` +
        "build-essential (Debian, Ubuntu) or the Xcode command line tools (macOS), then run this again.",
    );
  }
  const native = join(enginePackage, "xsnap-native/xsnap");
  // The makefile makes these two itself, but in a parallel build the compiler may come first.
  mkdirSync(join(native, `build/tmp/${enginePlatform}/release/xsnap-worker`), { recursive: true });
  mkdirSync(join(native, `build/bin/${enginePlatform}/release`), { recursive: true });
  console.log("Ferry: building the XS engine with the local C compiler (once, 10 to 40 seconds) ...");
  const result = spawnSync(
    "make",
    [
      `--jobs=${os.availableParallelism()}`,
      `--directory=${join(native, "makefiles", enginePlatform)}`,
      "--file=xsnap-worker.mk",
      "GOAL=release",
      `MODDABLE=${join(enginePackage, "moddable")}`,
      `XSNAP_VERSION=${readJson(join(enginePackage, "package.json")).version}`,
      'CC=cc "-D__has_builtin(x)=1"',
    ],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (result.status !== 0) {
    console.error(result.stderr || result.error);
    giveUp("building the XS engine failed, see the compiler's messages above.");
  }
}

/**
 * Whether a source has changed since this was compiled, or it never was.
 *
 * @param {string} path @param {readonly string[]} sources
 */
function isStale(path, sources) {
  if (!existsSync(path)) return true;
  const madeMs = statSync(path).mtimeMs;
  return sources.some((source) => statSync(join(root, source)).mtimeMs > madeMs);
}

/**
 * Compiles C for this computer: beside its place, and moved there, so that nobody ever loads half of it.
 *
 * @param {string} what @param {string} path @param {readonly string[]} args
 */
function compile(what, path, args) {
  if (!canRun("cc")) {
    giveUp(
      `${what} needs a C compiler, cc, not found on this machine: install build-essential (Debian, Ubuntu) or the ` +
        "Xcode command line tools (macOS), then run this again.",
    );
  }
  console.error(`Ferry: compiling ${what} (when it has changed, a second) ...`);
  mkdirSync(dirname(path), { recursive: true });
  const made = `${path}.${process.pid}`;
  const result = spawnSync("cc", ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", made, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  if (result.status !== 0) {
    console.error(result.stderr || result.error);
    giveUp(`compiling ${what} failed, see the compiler's messages above.`);
  }
  renameSync(made, path);
}

function compileAddon() {
  const linking = os.platform() === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
  const headers = join(root, "node_modules/node-api-headers/include");
  compile("the wire's C code for Node", addonPath, ["-fPIC", ...linking, `-I${headers}`, ...addonSources]);
}

const { engines } = readJson(join(root, "package.json"));
if (!nodeSatisfies(engines.node)) {
  giveUp(
    `Node ${engines.node} is needed, this is ${process.versions.node}: install a newer Node, then run this again.`,
  );
}
if (!enginePlatform) {
  giveUp(`the XS engine builds on Linux and macOS only, this is ${os.platform()}: on Windows, use WSL.`);
}
if (!packagesAreInstalled()) installPackages();
if (!existsSync(join(enginePackage, `xsnap-native/xsnap/build/bin/${enginePlatform}/release/xsnap-worker`))) {
  buildEngine();
}
if (isStale(addonPath, [...addonSources, ...addonHeaders])) compileAddon();
if (isStale(bridgePath, bridgeSources)) compile("the emulator's pseudo-terminal", bridgePath, bridgeSources);
