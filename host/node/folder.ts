/** Folders of this computer. */

import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder where there is none, with those around it. Throws what the system says. Node's own `recursive` tries
 * for ever in file systems that know no new folders, /proc for one.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !isThere(folder) && dirname(folder) !== folder; folder = dirname(folder)) {
    missing.push(folder);
  }
  for (const folder of missing.reverse()) mkdirSync(folder);
  if (!statSync(path).isDirectory()) throw new Error(`${path} is a file`);
}

/** Throws where nobody may look. */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
