/** Whole files through the port. */

import { assert } from "chai";
import type { Directory } from "../../../src/ports.js";

export function writeFile(directory: Directory, path: string, bytes: Iterable<number>): void {
  const file = directory.openFile({ path, mode: "w" });
  file.write(Uint8Array.from(bytes), 0);
  file.flush();
  file.close();
}

export function readFile(directory: Directory, path: string): number[] {
  const file = directory.openFile({ path });
  const bytes = new Uint8Array(file.status().size);
  assert.equal(file.read(bytes, 0), bytes.length);
  file.close();
  return [...bytes];
}
