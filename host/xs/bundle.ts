/** Makes one script of a TypeScript program, for the XS engine, and finds the way back from its lines to the sources. */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { withPlainNames } from "#project/scripts/device/plain-names.mjs";
import { projectRoot } from "../node/project.js";

/** Ferry's own modules as the chip gets them. */
const asOnDevice: Plugin = {
  name: "as-on-device",
  setup({ onLoad }) {
    const src = resolve(projectRoot(), "src");
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const name = relative(src, path);
      // Partition tables are read on a PC alone.
      if (name.startsWith("..") || name.startsWith("store/partition-")) return undefined;
      return { contents: withPlainNames(readFileSync(path, "utf8")), loader: "ts" };
    });
  },
};

export interface XsBundle {
  /** Evaluate it as it is: mapStack() counts its lines. */
  readonly source: string;
  /** Puts source positions into an engine's stack trace. `script` counts a machine's evaluate() calls from 0. */
  mapStack(stack: string, script: number): string;
}

/** Bundles a program given by its path from the project's root, or by its text, whose imports then start at `directory`. */
export async function bundleForXs(
  entry: { readonly path: string } | { readonly text: string; readonly directory: string },
): Promise<XsBundle> {
  const result = await build({
    absWorkingDir: projectRoot(),
    ...("path" in entry
      ? { entryPoints: [entry.path] }
      : { stdin: { contents: entry.text, resolveDir: entry.directory, sourcefile: "entry.ts", loader: "ts" } }),
    bundle: true,
    plugins: [asOnDevice],
    write: false,
    outfile: "build/xs.js",
    format: "iife",
    banner: { js: '"use strict";' }, // modules are strict, a script is not by itself
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2022",
    sourcemap: "external",
    sourcesContent: false,
    logLevel: "warning",
  });
  const [mapFile, scriptFile] = result.outputFiles;
  if (!mapFile || !scriptFile) throw new Error("bundleForXs: esbuild gave no script or no source map");
  const sourceMap = new SourceMap(JSON.parse(mapFile.text));
  return { source: scriptFile.text, mapStack: (stack, script) => mapStack(sourceMap, stack, script) };
}

/** The engine names places in scripts as "#script:line". */
function mapStack(sourceMap: SourceMap, stack: string, script: number): string {
  return stack.replace(/#(\d+):(\d+)/g, (place, scriptOfLine, line) => {
    if (Number(scriptOfLine) !== script) return place;
    const entry = sourceMap.findEntry(Number(line) - 1, Number.MAX_SAFE_INTEGER);
    if (!("originalSource" in entry)) return place;
    // Sources are named as seen from the (unwritten) script in build/.
    const root = projectRoot();
    return `${relative(root, resolve(root, "build", entry.originalSource))}:${entry.originalLine + 1}`;
  });
}
