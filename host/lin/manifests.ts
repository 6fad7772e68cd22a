/**
 * Manifests made on the spot, so that what runs here is what the firmware is made of: manifest.json says what the heap
 * is and how types are checked, the imports say which files take part, and all of src is preloaded, as there.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { projectRoot } from "../node/project.js";
import { SDK_MODULES } from "./sdk.js";

interface FerryManifest {
  readonly typescript: object;
  readonly platforms: { readonly esp32: { readonly creation: Creation } };
}

/** The heap of the machine, in slots and bytes: 16 bytes a slot on the ESP32, 32 on a 64-bit computer. */
export interface Creation {
  readonly chunk: { readonly initial: number; readonly incremental: number };
  readonly heap: { readonly initial: number; readonly incremental: number };
  readonly stack: number;
}

/** What manifest.json gives the ESP32. */
export function creationOfEsp32(): Creation {
  return readManifest().platforms.esp32.creation;
}

/**
 * Writes the manifest of a guest whose TypeScript mcconfig itself compiles; modules keep their paths from the project's
 * root as names. Returns its folder, from there.
 */
export async function writeManifest(name: string, entry: string, creation: Creation): Promise<string> {
  const root = projectRoot();
  const folder = `build/lin/${name}`;
  const ferry = readManifest();
  const sources = (await sourcesOf(entry)).map((path) => path.replace(/\.ts$/, ""));
  const modules = Object.fromEntries(sources.map((path) => [path, join(root, path)]));
  const manifest = {
    build: { NAME: name, FERRY: root },
    include: [join(root, "host/lin/manifest.json")],
    modules: {
      main: "./main",
      "*": join(root, "src/native/wire-frame"),
      "crc-32": join(root, "src/native/crc-32"),
      ...modules,
    },
    preload: ["crc-32", ...sources.filter((path) => path.startsWith("src/"))],
    creation: { static: 0, ...creation },
    typescript: ferry.typescript,
  };
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, "manifest.json"), JSON.stringify(manifest, undefined, 2));
  writeFileSync(join(root, folder, "main.js"), `import ${JSON.stringify(entry.replace(/\.ts$/, ""))};\n`);
  return folder;
}

/** All TypeScript that takes part, as paths from the project's root. */
async function sourcesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: projectRoot(),
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    external: [...SDK_MODULES, "crc-32"],
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs);
}

function readManifest(): FerryManifest {
  return JSON.parse(readFileSync(join(projectRoot(), "manifest.json"), "utf8"));
}
