/**
 * The body of one image in LittleFS: a directory of segment files `0`, `1`, `2` ...
 *
 * A segment is closed when it is full, which makes it durable; so whatever was cut off, all segments of full length
 * are there, and at most one has to be fetched again. Bytes are readable once their segment is closed: reading behind
 * the pen of an open file would make LittleFS copy its last block again and again.
 */

import type { Directory, File } from "../ports.js";
import type { Body } from "./body.js";

const BLOCK_BYTES = 4096;
export const SEGMENT_BLOCKS = 8;
/**
 * As much as fills eight LittleFS blocks to the last byte: block n > 0 of a file begins with ctz(n) + 1 pointers of
 * four bytes, which makes 44 bytes for eight blocks.
 */
export const SEGMENT_BYTES = SEGMENT_BLOCKS * BLOCK_BYTES - 44;
/**
 * A directory is a pair of metadata blocks, and a longer one a chain of pairs: LittleFS splits a pair that is half full
 * when compacted (2048 bytes), a file takes about 20 of them, and each half of a split may be half empty.
 */
const PAIR_BLOCKS = 2;
const FILES_PER_PAIR = 50;

/** LittleFS blocks that an image of this size takes: never fewer than in truth, and at most one more for its rest. */
export function blocksFor(sizeBytes: number): number {
  const whole = Math.floor(sizeBytes / SEGMENT_BYTES);
  const rest = sizeBytes % SEGMENT_BYTES;
  // Pointers never make a rest need more blocks than a full segment has.
  const restBlocks = rest === 0 ? 0 : Math.min(SEGMENT_BLOCKS, Math.ceil((rest + 44) / BLOCK_BYTES));
  const pairs = 1 + Math.floor(whole / FILES_PER_PAIR);
  return whole * SEGMENT_BLOCKS + restBlocks + pairs * PAIR_BLOCKS;
}

export class SegmentedBody implements Body {
  readonly #parent: Directory;
  readonly #name: string;
  readonly #directory: Directory;
  readonly #sizeBytes: number;
  /** Bytes in closed segments. */
  #closedBytes = 0;
  #pen: { file: File; length: number } | undefined;
  #lens: { file: File; index: number } | undefined;

  /** Opens the body `name` of an image of `sizeBytes` in `parent`, empty or as a cut left it. */
  constructor(options: { parent: Directory; name: string; sizeBytes: number }) {
    this.#parent = options.parent;
    this.#name = options.name;
    this.#sizeBytes = options.sizeBytes;
    this.#parent.createDirectory(this.#name);
    this.#directory = this.#parent.openDirectory({ path: this.#name });
    this.#closedBytes = this.#countClosed();
    this.#deleteBeyond(this.#closedBytes);
  }

  /** Bytes from the start that can be read, and are durable. */
  get readableBytes(): number {
    return this.#closedBytes;
  }

  /** Bytes from the start that have been appended. */
  get appendedBytes(): number {
    return this.#closedBytes + (this.#pen?.length ?? 0);
  }

  /** Bytes that make the segment under way whole, and so durable; 0 when the image is. */
  get roomBytes(): number {
    return this.#segmentBytes(Math.floor(this.#closedBytes / SEGMENT_BYTES)) - (this.#pen?.length ?? 0);
  }

  /** Appends in order. Throws when the file system does, or, then nothing is appended, beyond the image's size. */
  append(bytes: Uint8Array): void {
    if (this.appendedBytes + bytes.length > this.#sizeBytes) {
      throw new RangeError(`image ${this.#name}: more bytes than its size of ${this.#sizeBytes}`);
    }
    let from = 0;
    while (from < bytes.length) {
      const index = Math.floor(this.#closedBytes / SEGMENT_BYTES);
      const capacity = this.#segmentBytes(index);
      this.#pen ??= { file: this.#directory.openFile({ path: String(index), mode: "w" }), length: 0 };
      const count = Math.min(bytes.length - from, capacity - this.#pen.length);
      this.#pen.file.write(bytes.subarray(from, from + count), this.#pen.length);
      this.#pen.length += count;
      from += count;
      if (this.#pen.length === capacity) this.#closeSegment(capacity);
    }
  }

  /** Reads from `offset` into the buffer; returns the count, which ends where readableBytes does. */
  read(buffer: Uint8Array, offset: number): number {
    let done = 0;
    while (done < buffer.length && offset + done < this.#closedBytes) {
      const at = offset + done;
      const index = Math.floor(at / SEGMENT_BYTES);
      const within = at - index * SEGMENT_BYTES;
      const count = Math.min(buffer.length - done, this.#segmentBytes(index) - within);
      const got = this.#lensOn(index).read(
        done === 0 && count === buffer.length ? buffer : buffer.subarray(done, done + count),
        within,
      );
      if (got !== count) throw new Error(`image ${this.#name}: segment ${index} is shorter than it was`);
      done += count;
    }
    return done;
  }

  /** Forgets what was appended, all of it. */
  clear(): void {
    this.close();
    this.#closedBytes = 0;
    this.#deleteBeyond(0);
  }

  /** Gives up the open files; an unfinished segment is lost. */
  close(): void {
    this.#lens?.file.close();
    this.#lens = undefined;
    this.#pen?.file.close();
    this.#pen = undefined;
  }

  remove(): void {
    this.close();
    this.#directory.close();
    deleteBody(this.#parent, this.#name);
  }

  #segmentBytes(index: number): number {
    return Math.max(0, Math.min(SEGMENT_BYTES, this.#sizeBytes - index * SEGMENT_BYTES));
  }

  #closeSegment(length: number): void {
    this.#pen?.file.flush(); // reports a failed commit; close() would swallow it
    this.#pen?.file.close();
    this.#pen = undefined;
    this.#closedBytes += length;
  }

  #lensOn(index: number): File {
    if (this.#lens?.index !== index) {
      this.#lens?.file.close();
      this.#lens = undefined;
      this.#lens = { file: this.#directory.openFile({ path: String(index) }), index };
    }
    return this.#lens.file;
  }

  /** Segments of full length, one after another from the first. */
  #countClosed(): number {
    const present = new Set(entriesOf(this.#directory));
    let bytes = 0;
    for (let index = 0; ; index++) {
      const wanted = this.#segmentBytes(index);
      if (wanted === 0 || !present.has(String(index))) return bytes;
      if (this.#directory.status(String(index)).size !== wanted) return bytes;
      bytes += wanted;
    }
  }

  /** A segment of an earlier content, left by a cut while it was deleted, must not be counted to a later one. */
  #deleteBeyond(bytes: number): void {
    const count = Math.ceil(bytes / SEGMENT_BYTES);
    const kept = new Set(Array.from({ length: count }, (_, index) => String(index)));
    for (const path of entriesOf(this.#directory)) if (!kept.has(path)) this.#directory.delete(path);
  }
}

/** Deletes the body, whole or half deleted. */
export function deleteBody(parent: Directory, name: string): void {
  if (parent.status(name).isDirectory()) {
    const directory = parent.openDirectory({ path: name });
    for (const path of entriesOf(directory)) directory.delete(path);
    directory.close();
  }
  parent.delete(name);
}

/** The names in a directory, as a list: the directory may then be changed. */
export function entriesOf(directory: Directory): string[] {
  const names: string[] = [];
  const iterator = directory.scan();
  for (let item = iterator.next(); !item.done; item = iterator.next()) names.push(item.value);
  return names;
}
