/**
 * manifest.json held against the files of src: mcconfig passes over a module that no entry names until something imports
 * it on the chip, and over a preload entry that names nothing.
 *
 * All of src is the firmware, but for what the entry "~" leaves out: only tools on a PC use that.
 */

import { posix } from "node:path";

export interface FirmwareProject {
  /** manifest.json */
  readonly manifest: { readonly modules?: Readonly<Record<string, unknown>>; readonly preload?: readonly string[] };
  /** Of the files below src, as "src/base/bytes.ts". */
  readonly paths: readonly string[];
  read(path: string): string;
  /** From npm, and imported by src. */
  readonly packages: readonly string[];
}

/** "rpc/*" and "src/rpc/*"; sources of the SDK begin with "$(". */
interface Entry {
  readonly specifier: string;
  readonly source: string;
}

/** Runs once, at the start, so it must not run while the firmware is linked. */
const MAIN = "main";
/** A file of src may stand in for one. */
const SDK_MODULE = /^embedded:/;
/** mcconfig's name for what is left out. */
const LEFT_OUT = "~";

/** What is wrong, in sentences. */
export function findManifestProblems(project: FirmwareProject): string[] {
  const entries = moduleEntries(project);
  const specifiers = resolveSpecifiers(entries, project.paths);
  return [
    ...findDeadEntries(entries, project.paths),
    ...findUnlisted(specifiers, project),
    ...findBrokenImports(specifiers, project),
    ...findPreloadProblems(entries, specifiers, project),
    ...findMissingNatives(project),
  ];
}

/** In their order, in which the first that fits wins. */
function moduleEntries({ manifest }: FirmwareProject): Entry[] {
  return Object.entries(manifest.modules ?? {}).flatMap(([specifier, sources]) =>
    [sources].flat().map((source) => ({ specifier, source: String(source).replace(/^\.\//, "") })),
  );
}

function isSource(path: string): boolean {
  return /\.(ts|c|h)$/.test(path) && !path.endsWith(".d.ts");
}

function isOfSdk({ source }: Entry): boolean {
  return /^\$\((MODDABLE|MODULES)\)/.test(source);
}

/** What an entry makes of a path. */
function specifierBy({ specifier, source }: Entry, path: string): string | undefined {
  const bare = path.replace(/\.\w+$/, "");
  const name = bare.slice(bare.lastIndexOf("/") + 1);
  const [folderAndPrefix = "", isPattern] = source.split("*", 2);
  const folder = bare.slice(0, -name.length);
  const fitsPattern =
    isPattern === "" && bare.startsWith(folderAndPrefix) && folderAndPrefix.lastIndexOf("/") === folder.length - 1;
  return source === bare || source === path || fitsPattern ? specifier.replace("*", name) : undefined;
}

/** Of what is in the firmware. */
function resolveSpecifiers(entries: readonly Entry[], paths: readonly string[]): Map<string, string> {
  const specifiers = new Map<string, string>();
  for (const path of paths.filter(isSource)) {
    const specifier = entries.map((entry) => specifierBy(entry, path)).find((found) => found !== undefined);
    if (specifier !== undefined && specifier !== LEFT_OUT) specifiers.set(path, specifier);
  }
  return specifiers;
}

/** Where modules of the firmware import what is not in it. */
function findBrokenImports(specifiers: ReadonlyMap<string, string>, { read }: FirmwareProject): string[] {
  const problems: string[] = [];
  for (const path of [...specifiers.keys()].filter((path) => path.endsWith(".ts"))) {
    for (const [, imported = ""] of read(path).matchAll(
      /^(?:import|export) (?!type\b)[^;]*?from "(\.[^"]+)\.js";$/gm,
    )) {
      const target = `${posix.join(posix.dirname(path), imported)}.ts`;
      if (!specifiers.has(target)) problems.push(`${path} imports ${target}, which is not in the firmware`);
    }
  }
  return problems;
}

function findDeadEntries(entries: readonly Entry[], paths: readonly string[]): string[] {
  return entries
    .filter((entry) => !isOfSdk(entry))
    .filter((entry) => !paths.some((path) => isSource(path) && specifierBy(entry, path) !== undefined))
    .map(({ specifier, source }) => `modules "${specifier}": there is no file ${source}`);
}

function findUnlisted(specifiers: ReadonlyMap<string, string>, project: FirmwareProject): string[] {
  const { paths, packages } = project;
  const leftOut = moduleEntries(project).filter(({ specifier }) => specifier === LEFT_OUT);
  const problems: string[] = [];
  for (const path of paths.filter(isSource)) {
    if (leftOut.some((entry) => specifierBy(entry, path) !== undefined)) continue;
    const specifier = specifiers.get(path);
    const wanted = path.replace(/^src\//, "").replace(/\.\w+$/, "");
    if (specifier === undefined) problems.push(`${path} is in no entry of modules: add its folder`);
    else if (specifier !== wanted && !packages.includes(specifier) && !SDK_MODULE.test(specifier)) {
      problems.push(`${path} becomes module "${specifier}", but relative imports look for "${wanted}"`);
    }
  }
  const provided = new Set(specifiers.values());
  const missing = packages.filter((name) => !provided.has(name));
  return [...problems, ...missing.map((name) => `the npm package ${name} is imported and no module has its name`)];
}

function findPreloadProblems(
  entries: readonly Entry[],
  specifiers: ReadonlyMap<string, string>,
  { manifest }: FirmwareProject,
): string[] {
  const preload = manifest.preload ?? [];
  const own = [...specifiers].filter(([path]) => path.endsWith(".ts")).map(([, specifier]) => specifier);
  const known = [...own, ...entries.filter(isOfSdk).map(({ specifier }) => specifier)];
  const missing = own.filter((name) => name !== MAIN && !preload.includes(name));
  return [
    ...missing.map((name) => `preload lacks "${name}": it would take RAM for what can lie in flash`),
    ...preload.filter((name) => !known.includes(name)).map((name) => `preload names "${name}", which is no module`),
    ...preload.filter((name) => name === MAIN).map((name) => `preload must not name "${name}"`),
    ...preload.filter((name, index) => preload.indexOf(name) < index).map((name) => `preload names "${name}" twice`),
  ];
}

/** What TypeScript calls in C must be there: the linker that would say so takes part in no check on a PC. */
function findMissingNatives({ paths, read }: FirmwareProject): string[] {
  const code = paths.filter((path) => path.endsWith(".c")).map(read);
  const defined = new Set(code.flatMap((text) => [...text.matchAll(/^void (xs_\w+)\(/gm)].map(([, name]) => name)));
  const calls = paths
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .flatMap((path) => [...read(path).matchAll(/\b[nN]ative\("(xs_\w+)"\)/g)].map(([, name]) => ({ path, name })));
  return calls
    .filter(({ name }) => !defined.has(name))
    .map(({ path, name }) => `${path} calls ${name}, which no C file defines`);
}
