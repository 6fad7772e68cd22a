/**
 * One open file of the simulated LittleFS.
 *
 * Written bytes live in this object until flush() or close() commits them: a power cut before that leaves the file as
 * last committed, whatever was programmed into new blocks (LittleFS copies on write). The commit is atomic.
 *
 * Unsynced data kept: real LittleFS 2.5 cannot show it. The entry of a file is written by lfs_file_opencfg (created,
 * empty) and lfs_file_rawsync only; what lfs_file_write, _flush and _outline program goes to blocks that no entry
 * names, and a file opened to be emptied keeps its old content until then. But the SDK syncs where Ferry did not ask:
 * the destructor of a File closes it, so that garbage collection or an orderly end of the machine commits whatever
 * was written so far, and other file systems under the same port (a folder on a PC) hold nothing back. So a cut of the
 * kind "unsynced-kept" leaves what was written last, cut short anywhere: never bytes that were not written.
 *
 * Writing on from where the last write ended programs only the new bytes. Any other position, and any write after a
 * flush or a read, first copies the block that it begins in, and the blocks after it when the run ends.
 *
 * A file whose write found no space is dead: LittleFS drops its data, flush() and close() then do nothing and throw
 * nothing. LittleFS lets a later write revive it, with content that nobody can tell; here further writes throw.
 */

import type { File } from "../../src/ports.js";
import { bytesOf, type Life, throwClosed, type Unsynced } from "./life.js";
import {
  blockAt,
  blocksOf,
  bytesIn,
  FILE_BYTES_MAX,
  type FileNode,
  INLINE_BYTES_MAX,
  LFS,
  type LittleFsImage,
  lfsError,
} from "./littlefs.js";
import { readMs } from "./nor.js";
import type { Random } from "./random.js";

export type FileMode = "r" | "r+" | "w" | "w+";

/** The file system as one life sees it. */
export interface Mount {
  readonly life: Life;
  readonly image: LittleFsImage;
  /** Open files hold the blocks that they have started. */
  readonly openFiles: Set<SimFile>;
}

export function freeBlocks(mount: Mount): number {
  let free = mount.image.blocks - mount.image.blocksUsed();
  for (const file of mount.openFiles) free -= file.blocksPending;
  return free;
}

/** How often, one in so many, a cut keeps all that was written: the file then looks as if it had been flushed. */
const ALL_KEPT_ONE_IN = 4;

export class SimFile implements File, Unsynced {
  readonly #mount: Mount;
  readonly #node: FileNode;
  readonly #readable: boolean;
  readonly #writable: boolean;
  #bytes: Uint8Array;
  #size: number;
  /** How many leading blocks are still those of the committed version. */
  #blocksShared: number;
  /** Writing in one run: where it goes on, and the next block that it will have to start. */
  #run: { end: number; nextBlock: number } | undefined;
  #dirty: boolean;
  #dead = false;

  constructor(mount: Mount, node: FileNode, mode: FileMode, isNew: boolean) {
    this.#mount = mount;
    this.#node = node;
    this.#readable = mode !== "w";
    this.#writable = mode !== "r";
    const truncate = mode === "w" || mode === "w+";
    this.#bytes = truncate ? new Uint8Array(0) : node.content.slice();
    this.#size = this.#bytes.length;
    this.#blocksShared = blocksOf(this.#size);
    this.#dirty = truncate && !isNew;
    mount.openFiles.add(this);
  }

  /** Blocks that this file holds besides those of its committed version. */
  get blocksPending(): number {
    return blocksOf(this.#size) - this.#blocksShared;
  }

  get isUnsynced(): boolean {
    return this.#dirty && !this.#dead && this.#node.linked;
  }

  keepPart(random: Random): void {
    const size = random.below(ALL_KEPT_ONE_IN) === 0 ? this.#size : random.below(this.#size + 1);
    this.#node.content = this.#bytes.slice(0, size);
  }

  read(buffer: Uint8Array, position: number): number {
    this.#use();
    if (!this.#readable) throw new Error("write-only");
    const into = bytesOf(buffer);
    checkPosition(position);
    this.#endRun();
    const count = Math.max(0, Math.min(into.length, this.#size - position));
    into.set(this.#bytes.subarray(position, position + count));
    this.#mount.life.spend(readMs(count));
    return count;
  }

  write(buffer: Uint8Array, position: number): void {
    this.#use();
    if (!this.#writable) throw new Error("read-only");
    const bytes = bytesOf(buffer);
    checkPosition(position);
    const end = position + bytes.length;
    if (end > FILE_BYTES_MAX) throw lfsError(LFS.FBIG);
    if (this.#dead) throw lfsError(LFS.NOSPC);
    if (bytes.length === 0) return;
    // A gap before the position is written as zeroes.
    this.#program(Math.min(position, this.#size), end);
    this.#bytes.set(bytes, position);
  }

  flush(): void {
    this.#use();
    this.#commit("file flush");
  }

  status(): { size: number } {
    this.#use();
    return { size: this.#size };
  }

  /** Also where LittleFS fails to flush, the SDK's close() throws nothing: flush() first where it matters. */
  close(): void {
    this.#mount.life.assertAlive();
    if (!this.#mount.openFiles.has(this)) return;
    this.#commit("file close");
    this.#mount.openFiles.delete(this);
  }

  #use(): void {
    this.#mount.life.assertAlive();
    if (!this.#mount.openFiles.has(this)) throwClosed();
  }

  /** Makes room for, and charges, the programming of [start, end). */
  #program(start: number, end: number): void {
    const size = Math.max(this.#size, end);
    if (this.#run?.end !== start) this.#endRun();
    // An inline file that grows beyond the limit moves out as a whole.
    const first = this.#size <= INLINE_BYTES_MAX ? 0 : bytesIn(blockAt(start));
    const run = this.#run ?? { end: first, nextBlock: blockAt(first) };
    const isInline = size <= INLINE_BYTES_MAX;
    const shared = isInline ? this.#blocksShared : Math.min(this.#blocksShared, blockAt(run.end));
    const blocksNeeded = blocksOf(size) - shared - this.blocksPending;
    if (blocksNeeded > freeBlocks(this.#mount)) {
      this.#dead = true;
      throw lfsError(LFS.NOSPC);
    }

    this.#reserve(size);
    this.#size = size;
    this.#dirty = true;
    this.#blocksShared = shared;
    if (isInline) return;
    const blocksStarted = Math.max(0, blockAt(end - 1) + 1 - run.nextBlock);
    this.#mount.life.spend(this.#mount.image.programData(blocksStarted, run.end, end - run.end));
    this.#run = { end, nextBlock: run.nextBlock + blocksStarted };
  }

  /** Ends a run of writing: what lies behind it is copied into new blocks. */
  #endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (!run || run.end === this.#size) return;
    const blocksStarted = Math.max(0, blocksOf(this.#size) - run.nextBlock);
    this.#mount.life.spend(this.#mount.image.programData(blocksStarted, run.end, this.#size - run.end));
  }

  #commit(operation: string): void {
    if (this.#dead) return;
    this.#endRun();
    if (!this.#dirty || !this.#node.linked) return;
    const { life, image } = this.#mount;
    life.perform(operation, () => {
      this.#node.content = this.#bytes.slice(0, this.#size);
      life.spend(image.programCommit(this.#size <= INLINE_BYTES_MAX ? this.#size : 0));
    });
    this.#dirty = false;
    this.#blocksShared = blocksOf(this.#size);
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}

function checkPosition(position: number): void {
  if (!Number.isInteger(position)) throw new TypeError("position: not an integer");
  if (position < 0 || position > FILE_BYTES_MAX) throw lfsError(LFS.INVAL);
}
