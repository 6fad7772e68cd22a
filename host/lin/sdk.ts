/** The Moddable SDK on this computer, and what it builds here: programs for its platform x-cli-lin. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build } from "esbuild";
import { projectRoot } from "../node/project.js";

/** The version that Ferry is made for. */
export const SDK_VERSION = "8.2.3";
/** Where mcconfig leaves objects and programs, below the project's root. */
const OUTPUT = "build/lin";
/** Modules that the SDK brings: the bundle of a guest names them, mcconfig links them. */
export const SDK_MODULES = ["crypt", "engine", "mc/config", "time", "timer", "embedded:*"];

export interface Sdk {
  readonly root: string;
  readonly tools: string;
  readonly version: string;
  /** Whether mbedTLS is here: the C compiler finds its headers. Programs have no TLS otherwise. */
  readonly hasTls: boolean;
}

/** The SDK that the environment names, or why there is none. */
export function findSdk(): Sdk | string {
  const root = process.env.MODDABLE;
  if (!root) return "MODDABLE is not set: it names the folder of the Moddable SDK";
  const tools = join(root, "build/bin/lin/release");
  if (!existsSync(join(tools, "mcconfig"))) return `the SDK's tools are not built: there is no ${tools}/mcconfig`;
  const version = readFileSync(join(root, "tools/VERSION"), "utf8").trim();
  const hasTls = spawnSync("cc", ["-E", "-"], { input: "#include <mbedtls/ssl.h>\n", stdio: "pipe" }).status === 0;
  return { root, tools, version, hasTls };
}

/** Bundles a guest program (a path from the project's root) for a manifest to name. */
export async function bundleGuest(entry: string, name: string): Promise<void> {
  await build({
    absWorkingDir: projectRoot(),
    entryPoints: [entry],
    outfile: `${OUTPUT}/bundles/${name}.js`,
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2024",
    external: SDK_MODULES,
    logLevel: "warning",
  });
}

/**
 * Builds the manifest of a folder (from the project's root); returns the path of the program.
 *
 * @throws Error with what mcconfig said when that fails
 */
export function buildProgram(sdk: Sdk, folder: string, name: string): string {
  const root = projectRoot();
  mkdirSync(join(root, OUTPUT), { recursive: true });
  const path = [sdk.tools, join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const result = spawnSync("mcconfig", ["-m", "-p", "x-cli-lin", "-o", join(root, OUTPUT)], {
    cwd: join(root, folder),
    env: { ...process.env, MODDABLE: sdk.root, PATH: path, ...linkTls(sdk) },
    encoding: "utf8",
  });
  if (result.error) throw result.error;
  const output = `${result.stdout}${result.stderr}`;
  if (result.status !== 0) throw new Error(`mcconfig could not build ${folder}:\n${output}`);
  return join(root, OUTPUT, "bin/lin/release", name);
}

/** For manifest.json, which C it takes, and for the SDK's makefile, which leaves no other way to name a library. */
function linkTls({ hasTls }: Sdk): { FERRY_TLS: string; MAKEFLAGS?: string } {
  if (!hasTls) return { FERRY_TLS: "no-tls" };
  const flags = ["-fPIC", "-Wl,--no-as-needed", "-lmbedtls", "-lmbedx509", "-lmbedcrypto"];
  return { FERRY_TLS: "tls", MAKEFLAGS: ` -- LINK_FLAGS=${flags.join("\\ ")}` };
}
