/** The project's TypeScript as syntax trees, for the rules of the house. */

import { readdirSync, readFileSync } from "node:fs";
import type { Node, SourceFile } from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";
import { createVirtualFileSystem } from "typescript/unstable/fs";

export interface Source {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
  readonly tree: SourceFile;
}

const CODE_FOLDERS = ["src", "host", "host-tests", "bench"] as const;
const TEXT_FOLDERS = [...CODE_FOLDERS, "bin", "scripts", "docs"] as const;

function filesBelow(folders: readonly string[], extensions: RegExp): string[] {
  const paths = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path.replaceAll("\\", "/")}`),
  );
  return paths.filter((path) => extensions.test(path) && !path.startsWith("host-tests/vectors/")).sort();
}

/** Reads all TypeScript of the project, whose root must be the working directory. */
export function readSources(): Promise<Source[]> {
  const paths = filesBelow(CODE_FOLDERS, /\.ts$/);
  return parseSources(paths.map((path) => [path, readFileSync(path, "utf8")]));
}

/** Reads whatever a person has written, by path. */
export function readTexts(): Record<string, string> {
  const inRoot = readdirSync(".").filter((name) => /\.(md|csv)$/.test(name) || name === "manifest.json");
  const paths = [...inRoot, ...filesBelow(TEXT_FOLDERS, /\.(ts|mjs|c|h|md|json)$/)];
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")]));
}

/** Parses texts that need not exist as files, nor have different paths (given from the project's root). */
export async function parseSources(texts: readonly (readonly [path: string, text: string])[]): Promise<Source[]> {
  const files = new Map(texts.map(([, text], index) => [`/ferry/${index}.ts`, text]));
  const config = { compilerOptions: { noLib: true, noResolve: true, types: [] }, files: [...files.keys()] };
  const fs = createVirtualFileSystem({ ...Object.fromEntries(files), "/ferry/tsconfig.json": JSON.stringify(config) });
  const compiler = new API({ cwd: "/ferry", fs });
  try {
    const [project] = (await compiler.updateSnapshot({ openProjects: ["/ferry/tsconfig.json"] })).getProjects();
    const sources: Source[] = [];
    for (const [index, [path, text]] of texts.entries()) {
      const tree = await project?.program.getSourceFile(`/ferry/${index}.ts`);
      if (!tree) throw new Error(`parseSources: the compiler did not give ${path} back`);
      sources.push({ path, text, tree });
    }
    return sources;
  } finally {
    await compiler.close();
  }
}

/** All nodes below, parents before children. */
export function* nodesOf(node: Node): Generator<Node> {
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) {
    yield child;
    yield* nodesOf(child);
  }
}

/** "path:line", as editors understand it. */
export function placeOf({ path, tree }: Source, node: Node): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}`;
}
