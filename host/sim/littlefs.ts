/**
 * What the `storage` partition holds in every life: a tree of committed files, and LittleFS 2.5's way of counting
 * blocks, wear and time over it.
 *
 * Model of space: the superblock pair takes 2 blocks and each directory 2. A file of up to 64 bytes lies inline in
 * its directory (LittleFS: up to the cache size, 16 to 512). A larger one is a CTZ skip list, whose block n > 0
 * begins with ctz(n) + 1 pointers of 4 bytes. Directories never need a third block here, and bad blocks do not occur.
 *
 * Model of wear: blocks are taken in turn through the whole partition. Every commit of metadata programs 32 bytes
 * plus the inline content, and after each 4096 bytes of commits one block is erased to compact them.
 */

import { PAGE_PROGRAM_MS, programMs, SECTOR_BYTES, SECTOR_ERASE_MS, type Wear } from "./nor.js";

export const BLOCK_BYTES = SECTOR_BYTES;
export const INLINE_BYTES_MAX = 64;
export const DIRECTORY_BLOCKS = 2;
export const FILE_BYTES_MAX = 0x7fff_ffff;
export const NAME_BYTES_MAX = 255;

const SUPERBLOCK_BLOCKS = 2;
const POINTER_BYTES = 4;
const COMMIT_BYTES = 32;

/** Result codes of LittleFS, as far as the model can end in them. */
export const LFS = Object.freeze({
  NOENT: -2,
  EXIST: -17,
  NOTDIR: -20,
  ISDIR: -21,
  INVAL: -22,
  FBIG: -27,
  NOSPC: -28,
  NAMETOOLONG: -36,
  NOTEMPTY: -39,
});

/** What the SDK's release builds throw; its debug builds put a sentence instead of the code. */
export function lfsError(code: number): Error {
  return new Error(`LFS ERR ${code}`);
}

export interface FileNode {
  readonly kind: "file";
  /** As of the last flush. Replaced as a whole, never written into. */
  content: Uint8Array;
  /** False once deleted, replaced or moved: an open file then commits to nowhere. */
  linked: boolean;
}

export interface DirectoryNode {
  readonly kind: "directory";
  readonly entries: Map<string, LittleFsNode>;
}

export type LittleFsNode = FileNode | DirectoryNode;

export class LittleFsImage {
  readonly blocks: number;
  #root: DirectoryNode = { kind: "directory", entries: new Map() };
  readonly #wear: Wear;
  readonly #firstSector: number;
  #blocksStarted = 0;
  #metadataBytes = 0;

  constructor(wear: Wear, sectors: { first: number; count: number }) {
    this.#wear = wear;
    this.#firstSector = sectors.first;
    this.blocks = sectors.count;
  }

  get root(): DirectoryNode {
    return this.#root;
  }

  /** What the SDK does to a file system that fails to mount: between two lives, silently. */
  format(): void {
    this.#root = { kind: "directory", entries: new Map() };
  }

  /** The committed content of a file, read from outside: for oracles. */
  peek(path: string): Uint8Array | undefined {
    let node: LittleFsNode | undefined = this.#root;
    for (const name of path.split("/")) node = node?.kind === "directory" ? node.entries.get(name) : undefined;
    return node?.kind === "file" ? node.content : undefined;
  }

  blocksUsed(): number {
    let used = SUPERBLOCK_BLOCKS;
    const directories = [this.#root];
    for (let directory = directories.pop(); directory; directory = directories.pop()) {
      for (const node of directory.entries.values()) {
        used += node.kind === "file" ? blocksOf(node.content.length) : DIRECTORY_BLOCKS;
        if (node.kind === "directory") directories.push(node);
      }
    }
    return used;
  }

  /** Counts starting new blocks and programming bytes into them and into blocks already begun; returns the time. */
  programData(blocksStarted: number, position: number, length: number): number {
    for (let i = 0; i < blocksStarted; i++) this.#erase();
    this.#wear.bytesProgrammed += length;
    return blocksStarted * SECTOR_ERASE_MS + programMs(position, length);
  }

  /** Counts a commit of metadata with the content of an inline file, if any; returns the time. */
  programCommit(inlineBytes = 0): number {
    const bytes = COMMIT_BYTES + inlineBytes;
    this.#wear.bytesProgrammed += bytes;
    this.#metadataBytes += bytes;
    if (this.#metadataBytes < BLOCK_BYTES) return PAGE_PROGRAM_MS;
    this.#metadataBytes -= BLOCK_BYTES;
    this.#erase();
    return PAGE_PROGRAM_MS + SECTOR_ERASE_MS;
  }

  #erase(): void {
    const sector = this.#firstSector + (this.#blocksStarted++ % this.blocks);
    this.#wear.sectorErases[sector] = (this.#wear.sectorErases[sector] ?? 0) + 1;
  }
}

/** Blocks that a file of this size takes for itself. */
export function blocksOf(size: number): number {
  return size <= INLINE_BYTES_MAX ? 0 : blockAt(size - 1) + 1;
}

/** The index of the block, within its file, that holds the byte at this position (lfs_ctz_index). */
export function blockAt(position: number): number {
  const dataBytes = BLOCK_BYTES - 2 * POINTER_BYTES;
  const estimate = Math.floor(position / dataBytes);
  if (estimate === 0) return 0;
  return Math.floor((position - POINTER_BYTES * (bitsSet(estimate - 1) + 2)) / dataBytes);
}

/** How many bytes the first `blocks` blocks of a file hold: also the position at which block number `blocks` begins. */
export function bytesIn(blocks: number): number {
  if (blocks === 0) return 0;
  const pointers = 2 * (blocks - 1) - bitsSet(blocks - 1);
  return blocks * BLOCK_BYTES - pointers * POINTER_BYTES;
}

function bitsSet(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest &= rest - 1) count++;
  return count;
}
