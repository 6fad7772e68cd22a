/**
 * Who may import whom. The device code is a tree of folders that know little of each other, so that each can be read,
 * tested and replaced alone; what they share meets in ncp.ts.
 */

import { posix } from "node:path";
import type { Node } from "typescript/unstable/ast";
import { isCallExpression, isExportDeclaration, isImportDeclaration, isStringLiteral } from "typescript/unstable/ast";
import { placeOf, type Source } from "./sources.js";

/** The folders of src, and what each may import besides itself and types from ports.ts, or from a folder's ports.ts. */
const DEVICE_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  frame: ["base"],
  rpc: ["base"],
  mcu: ["base", "frame", "rpc"],
  image: ["base"],
  store: ["base", "image"],
  download: ["base", "image"],
  update: ["base", "image"],
  cloud: ["base", "image"],
  provision: ["base", "image"],
  panel: ["base"],
  lifecycle: ["base"],
  network: ["base"],
  settings: ["base"],
  time: ["base"],
  native: ["base", "frame"],
  wiring: [], // the rooms of ncp.ts: everything, as ncp.ts itself
  device: ["base"],
};

/** Packages from npm in code that also runs on XS, and the only places that may name them. */
const NEUTRAL_PACKAGES: readonly (readonly [name: RegExp, places: RegExp])[] = [
  [/^crc-32$/, /^src\/base\/crc\.ts$/],
  [/^@noble\/hashes\//, /^(host\/(sim|peers)|host-tests)\//],
  [/^chai$/, /^host-tests\//],
];

/** Why `source` may not import `specifier`, or `undefined` when it may. */
function objectionTo(source: string, specifier: string, typesOnly: boolean): string | undefined {
  if (!specifier.startsWith(".")) return objectionToPackage(source, specifier);
  if (!/\.(js|json)$/.test(specifier)) return "relative imports end in .js or .json";
  const target = posix.join(posix.dirname(source), specifier).replace(/\.js$/, ".ts");
  if (target === "src/main.ts") return "nobody imports main.ts";
  if (source.startsWith("src/")) return objectionToDeviceImport(source, target, typesOnly);
  if (/^host\/(sim|peers)\//.test(source)) {
    return /^(src|host\/sim|host\/peers)\//.test(target) ? undefined : "it must stay engine-neutral";
  }
  if (isPortableTest(source)) {
    return /^(src|host\/sim|host\/peers|host-tests(?!\/node\/))\//.test(target)
      ? undefined
      : "portable suites import engine-neutral code only (others belong in host-tests/node)";
  }
  return undefined;
}

function objectionToDeviceImport(source: string, target: string, typesOnly: boolean): string | undefined {
  if (!target.startsWith("src/")) return "src imports only src";
  const from = folderOf(source);
  const to = folderOf(target);
  if (source === "src/ports.ts") return "ports.ts imports nothing";
  if (to === "ncp.ts") return source === "src/main.ts" ? undefined : "only main.ts imports ncp.ts";
  if (source === "src/main.ts" || source === "src/ncp.ts" || from === "wiring" || from === to) return undefined;
  if (to === "wiring") return "the rooms of ncp.ts are for ncp.ts and main.ts";
  if (/^src\/(\w+\/)?ports\.ts$/.test(target)) {
    if (from === "base") return "base imports nothing";
    return typesOnly ? undefined : "ports.ts holds types: use `import type`";
  }
  return DEVICE_FOLDERS[from]?.includes(to) ? undefined : `${from} may not import ${to}`;
}

function objectionToPackage(source: string, specifier: string): string | undefined {
  // The composition root, and its counterpart for the SDK's engine on a PC.
  if (source === "src/main.ts" || source.startsWith("host/lin/guest/")) return undefined;
  if (specifier.startsWith("embedded:")) return "only src/main.ts names embedded: modules";
  const isNeutral = /^(src|host\/sim|host\/peers)\//.test(source) || isPortableTest(source);
  if (!isNeutral) return undefined;
  const isAllowed = NEUTRAL_PACKAGES.some(([name, places]) => name.test(specifier) && places.test(source));
  return isAllowed ? undefined : "engine-neutral code imports no such package";
}

function isPortableTest(path: string): boolean {
  return /^host-tests\/(?!node\/)/.test(path);
}

/** "base" of src/base/crc.ts, "ncp.ts" of src/ncp.ts. */
function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** The statement or the call of import() around a module specifier. */
function importAround(specifier: Node): Node {
  let node = specifier.parent;
  while (!isImportDeclaration(node) && !isExportDeclaration(node) && !isCallExpression(node) && node.parent.parent) {
    node = node.parent;
  }
  return node;
}

export function findForbiddenImports(source: Source): string[] {
  const findings: string[] = [];
  for (const specifier of source.tree.imports) {
    if (!isStringLiteral(specifier)) continue;
    const typesOnly = /^(import|export)\s+type\b/.test(importAround(specifier).getText(source.tree));
    const objection = objectionTo(source.path, specifier.text, typesOnly);
    if (objection) findings.push(`${placeOf(source, specifier)} imports "${specifier.text}": ${objection}`);
  }
  return findings;
}

export function findUnknownFolders({ path }: Source): string[] {
  if (!path.startsWith("src/") || ["src/main.ts", "src/ncp.ts", "src/ports.ts"].includes(path)) return [];
  return folderOf(path) in DEVICE_FOLDERS ? [] : [`${path} is in no known folder: add it to the import rules`];
}
