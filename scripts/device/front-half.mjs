/**
 * The half of a firmware build that needs the Moddable SDK and no ESP-IDF: mcconfig reads the manifest, tsc and xsc
 * compile, xsid and xsl link and preload. What is left out compiles C for the chip.
 *
 * The makefile asks ESP-IDF for its version and for a configuration: an empty repository with the right tag and a
 * program that makes an empty file are enough.
 */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { root } from "../bundle.mjs";

/** Of the release of ESP-IDF that SDK 8.2.3 asks for. */
const IDF_TAG = "v6.0";
const WORK = join(root, "build/device");
/** mcconfig names a firmware after the folder of its manifest. */
const NAME = basename(root);

const SLOT_BYTES = 16;
/** In flash: a native function's entry, a module's entry, a name besides its slot and its text. */
const BUILDER_BYTES = 12;
const SCRIPT_BYTES = 36;
const NAME_BYTES = 6;
/** What the modules may take of the app slot of partitions.csv, so that ESP-IDF and the engine fit (docs/budgets.md). */
const MODULES_KIB_MAX = 730;

/**
 * @typedef {object} FrontHalf
 * @property {string[]} problems sentences
 * @property {string[]} figures
 * @property {string | undefined} directory of what was generated, when all of it was
 */

/** Where the SDK is, or why it cannot be used. @returns {{ sdk: string, tools: string } | string} */
export function findSdk() {
  const sdk = process.env.MODDABLE;
  if (!sdk) return "MODDABLE is not set";
  const tools = join(sdk, "build/bin/lin/release");
  const onPath = spawnSync("mcconfig", ["-v"], { stdio: "ignore" }).error === undefined;
  if (onPath || existsSync(join(tools, "mcconfig"))) return { sdk, tools };
  return `mcconfig is neither on PATH nor in ${tools}`;
}

/** @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} env */
function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return { ok: status === 0, output: `${stdout ?? ""}${stderr ?? ""}${error ? `${error.message}\n` : ""}` };
}

/** What passes for an ESP-IDF. @param {{ sdk: string, tools: string }} where @returns {NodeJS.ProcessEnv} */
function makeEnvironment({ sdk, tools }) {
  const idf = join(WORK, "idf");
  const bin = join(WORK, "bin");
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(idf, { recursive: true });
  mkdirSync(bin, { recursive: true });
  const git = ["-C", idf, "-c", "user.name=ferry", "-c", "user.email=ferry@localhost"];
  for (const command of [
    ["init", "--quiet"],
    ["commit", "--quiet", "--allow-empty", "-m", "x"],
    ["tag", IDF_TAG],
  ]) {
    spawnSync("git", [...git, ...command], { stdio: "ignore" });
  }
  writeFileSync(join(bin, "idf.py"), "#!/bin/sh\nmkdir -p build/config && : > build/config/sdkconfig.h\n");
  chmodSync(join(bin, "idf.py"), 0o755);
  const PATH = [bin, tools, process.env.PATH].join(delimiter);
  return { ...process.env, PATH, MODDABLE: sdk, IDF_PATH: idf, UPLOAD_PORT: "/dev/null" };
}

/**
 * Builds for each platform, one after the other.
 *
 * @param {{ sdk: string, tools: string }} where
 * @param {readonly string[]} platforms as mcconfig names them
 * @param {{ partitions: string, sdkconfig: string }} wanted texts of Ferry's own files
 * @returns {Map<string, FrontHalf>}
 */
export function buildFrontHalves(where, platforms, wanted) {
  const env = makeEnvironment(where);
  return new Map(platforms.map((platform) => [platform, buildFrontHalf(platform, env, wanted)]));
}

/**
 * @param {string} platform
 * @param {NodeJS.ProcessEnv} env
 * @param {{ partitions: string, sdkconfig: string }} wanted
 * @returns {FrontHalf}
 */
function buildFrontHalf(platform, env, wanted) {
  const [, subplatform = ""] = platform.split("/");
  const out = join(WORK, platform.replace("/", "-"));
  const directory = join(out, "tmp/esp32", subplatform, "release", NAME);
  const chip = subplatform || "esp32";
  mkdirSync(out, { recursive: true });
  const made = [
    () => run("mcconfig", ["-p", platform, "-o", out], env),
    () => run("make", ["-f", join(directory, "makefile"), join(directory, "mc.xs.c")], env),
  ];
  let output = "";
  for (const step of made) {
    const result = step();
    output += result.output;
    if (!result.ok) return { problems: messagesOf(output), figures: [], directory: undefined };
  }
  const project = join(directory, `xsProj-${chip}`);
  const source = readFileSync(join(directory, "mc.xs.c"), "utf8");
  const problems = [
    ...findLinkWarnings(output),
    ...findSizeProblems(source),
    ...findPartitionProblems(wanted.partitions, readFileSync(join(project, "partitions.csv"), "utf8")),
    ...findOptionProblems(wanted.sdkconfig, readFileSync(join(project, "sdkconfig.mc"), "utf8")),
  ];
  return { problems, figures: figuresOf(source), directory };
}

/** Without progress, and without what the SDK's compiler says of the SDK. @param {string} output */
function messagesOf(output) {
  const noise = /^(# |make: |\s*$)|: warning: cannot optimize native!$/;
  return output.split("\n").filter((line) => !noise.test(line));
}

/** What xsl says of mutable things in preloaded modules. @param {string} output */
function findLinkWarnings(output) {
  return [...output.matchAll(/^### (?:warning|error): (.*)$/gm)].map(([, text = ""]) => text);
}

/** @param {string} source mc.xs.c */
function findSizeProblems(source) {
  const { all } = bytesInFlash(source);
  const message = `the modules take ${kib(all)} of flash, and may take ${MODULES_KIB_MAX}: see docs/budgets.md`;
  return all / 1024 > MODULES_KIB_MAX ? [message] : [];
}

/** @param {string} wanted @param {string} built */
function findPartitionProblems(wanted, built) {
  return built === wanted ? [] : ["the build has another partition table than partitions.csv"];
}

/** Each option must have arrived; one that is off may have no value. @param {string} wanted @param {string} built */
function findOptionProblems(wanted, built) {
  const last = new Map([...built.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value || "n"]));
  return [...wanted.matchAll(/^(CONFIG_\w+)=(.*)$/gm)]
    .filter(([, name, value]) => last.get(name) !== value)
    .map(([line, name]) => `the build has ${name}=${last.get(name)}, and not ${line}`);
}

/** @param {string} source mc.xs.c, what the linker makes of all modules @param {string} name */
function countOf(source, name) {
  return Number(new RegExp(`#define mx${name}Count (\\d+)`).exec(source)?.[1]);
}

/** @param {Iterable<number>} numbers */
function sumOf(numbers) {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

/** @param {number} bytes */
function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Within two percent of what a compiler makes of it for 32 bits. @param {string} source mc.xs.c */
function bytesInFlash(source) {
  const codes = [...source.matchAll(/\(txByte\*\)"((?:\\x[0-9a-f]{2})*)"/g)];
  const arrays = [...source.matchAll(/^static const txU1 gxCode\d+\[(\d+)\];/gm)];
  const builders = [...source.matchAll(/^static const xsHostBuilder \w+\[(\d+)\]/gm)];
  const texts = new Set([...source.matchAll(/[{ ]"((?:[^"\\]|\\[^x])*)"/g)].map(([, text = ""]) => text));
  const objects = countOf(source, "Heap") * SLOT_BYTES;
  const code =
    sumOf(codes.map(([, code = ""]) => code.length / "\\x00".length)) + sumOf(arrays.map(([, count]) => Number(count)));
  const names = countOf(source, "Keys") * NAME_BYTES + sumOf([...texts].map((text) => text.length + 1));
  const tables =
    sumOf(builders.map(([, count]) => Number(count) * BUILDER_BYTES)) + countOf(source, "Scripts") * SCRIPT_BYTES;
  return { objects, code, names, all: objects + code + names + tables };
}

/** @param {string} source mc.xs.c */
function figuresOf(source) {
  const { objects, code, names, all } = bytesInFlash(source);
  const creation = /^\t\{ ([\d, ]+)\},\n\t"main"/m.exec(source)?.[1]?.split(", ").map(Number) ?? [];
  const [chunk = 0, chunkMore, heap = 0, heapMore, stack = 0] = creation;
  const block = creation[11] ?? 0;
  const heaps =
    block > 0
      ? `one block of ${kib(block)} for chunks, slots and stack`
      : `chunks ${kib(chunk)} +${chunkMore}, slots ${heap} (${kib(heap * SLOT_BYTES)}) +${heapMore}`;
  return [
    `in flash: ${countOf(source, "Scripts")} modules, ${kib(all)} of ${MODULES_KIB_MAX}: ` +
      `objects ${kib(objects)}, code ${kib(code)}, names and texts ${kib(names)}`,
    `in RAM: ${heaps}, stack ${stack} (${kib(stack * SLOT_BYTES)}), ` +
      `${countOf(source, "Alias")} aliases of objects in flash`,
  ];
}
