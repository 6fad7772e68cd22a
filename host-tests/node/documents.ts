/** The documents, read as people read them: tables by their columns, code blocks by their language, links, anchors. */

import { readFileSync } from "node:fs";

export const DOCUMENTS = [
  "README.md",
  "docs/protocol.md",
  "docs/cloud.md",
  "docs/recovery.md",
  "docs/budgets.md",
  "docs/porting.md",
] as const;
export type Document = (typeof DOCUMENTS)[number];

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A file's text; paths are from the project's root, the working directory. */
export function read(path: string): string {
  return readFileSync(path, "utf8");
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`(.*)`$/, "$1"));
}

/** All tables of a document; cells that are all code lose their ticks. */
function tablesOf(document: Document): Table[] {
  const blocks = read(document).match(/(?:^\|.*\n)+/gm) ?? [];
  return blocks.map((block) => {
    const [columns = [], , ...rows] = block.trimEnd().split("\n").map(cellsOf);
    return { columns, rows };
  });
}

/** The rows of all tables with these columns. */
export function rowsOf(document: Document, ...columns: readonly string[]): (readonly string[])[] {
  const rows = tablesOf(document)
    .filter((table) => table.columns.join() === columns.join())
    .flatMap((table) => table.rows);
  if (rows.length === 0) throw new Error(`${document} has no table with the columns ${columns.join(", ")}`);
  return rows;
}

/** What stands between the fences of one language, in the order of the text. */
export function codeBlocksOf(document: Document, language: string): string[] {
  return [...read(document).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? "");
}

/** Where relative links lead, in the order of the text. */
export function linkTargetsOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((target) => !/^\w+:/.test(target));
}

/** Anchors of the headings, as the usual renderers make them. */
export function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(({ 1: heading = "" }) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
