/**
 * A folder that keeps the emulated storage between two runs, as flash keeps it between two lives of a chip.
 *
 * Invariants: the file in it is always whole, the last one or the one before, for a new one is written beside it and
 * then renamed; one emulator at a time has the folder; a folder with anything else in it is left alone.
 */

import { readdirSync, readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../src/base/failure.js";
import { makeFolder } from "../node/folder.js";
import type { SimStorage } from "../sim/storage.js";
import { restoreSnapshot, takeSnapshot } from "../sim/storage-snapshot.js";
import { ProcessLock } from "./process-lock.js";
import { decodeState, encodeState } from "./state-file.js";

export const STATE_FILE = "ferry.state";
const NEW_FILE = "ferry.state.new";
export const LOCK_FILE = "ferry.lock";
const OWN_FILES: readonly string[] = [STATE_FILE, NEW_FILE, LOCK_FILE];

export class StateFolder {
  readonly path: string;
  readonly #lock: ProcessLock;
  #writing: Promise<void> | undefined;

  /** Makes the folder where there is none, and takes it. Throws an Error for people when that cannot be. */
  constructor(path: string) {
    this.path = path;
    try {
      makeFolder(path);
    } catch (error) {
      throw new Error(`the state cannot be kept in ${path}: ${messageOf(error)}; name another folder`);
    }
    const strangers = readdirSync(path).filter((name) => !OWN_FILES.includes(name));
    if (strangers.length > 0) {
      throw new Error(`${path} has other things in it, ${strangers[0]} for one: name an empty folder, or a new one`);
    }
    this.#lock = this.#take();
  }

  /** Gives the storage what was kept; returns whether there was anything. Throws an Error for people. */
  load(storage: SimStorage): boolean {
    const file = join(this.path, STATE_FILE);
    const bytes = readIfThere(file);
    if (!bytes) return false;
    try {
      restoreSnapshot(decodeState(bytes), storage);
      return true;
    } catch (error) {
      throw new Error(`${file} cannot be used, ${messageOf(error)}: remove it to begin with an erased chip`);
    }
  }

  /** Keeps what the storage holds at this moment. One at a time: a save that is under way is waited for. */
  async save(storage: SimStorage): Promise<void> {
    const bytes = encodeState(takeSnapshot(storage));
    const before = this.#writing;
    const writing = (async () => {
      await before?.catch(() => {});
      const file = await open(join(this.path, NEW_FILE), "w");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(join(this.path, NEW_FILE), join(this.path, STATE_FILE));
    })();
    this.#writing = writing;
    await writing;
  }

  /** Lets go of the folder, when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#writing?.catch(() => {});
    this.release();
  }

  /** Lets go of the folder at once. */
  release(): void {
    this.#lock.release();
  }

  #take(): ProcessLock {
    try {
      return new ProcessLock(join(this.path, LOCK_FILE));
    } catch (error) {
      throw new Error(`the state cannot be kept in ${this.path}: ${messageOf(error)}; or name another folder`);
    }
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
