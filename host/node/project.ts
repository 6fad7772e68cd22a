/** Where Ferry's own files are, whatever folder a command was called from. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The absolute path of a file that is given from the project's root. */
export function projectPath(path: string): string {
  return fileURLToPath(import.meta.resolve(`#project/${path}`));
}

export function projectRoot(): string {
  return dirname(projectPath("package.json"));
}
