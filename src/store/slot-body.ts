/**
 * The body of one image in the passive app slot: in place, but for its first sector.
 *
 *   | sector 0: stamp "FERRY image body", 16 bytes, then erased | sectors 1, 2 ...: the image from byte 4096 on |
 *   | last sector: the first 4096 bytes of the image |
 *
 * So an image of Ferry's own becomes an app when its first sector is written where it belongs, and nothing else: a
 * megabyte need not be moved, nor fetched again when the power fails meanwhile. Until then the stamp keeps the slot
 * from being taken for an app: a boot loader that has lost otadata tries every slot. The stamp also says that nobody
 * else has used the slot since.
 *
 * Each sector is erased just before its first byte comes; then whole pages are written, as flash encryption wants
 * them. A record in NVS promises bytes after each CHECKPOINT_BYTES, which end at a sector's border, so that going on
 * there erases nothing that counts; and once more after the last byte.
 *
 *   progress | u32 image | u32 bytes that count |
 *
 * Fault model: power cut anywhere, another image's progress or none (nothing counts), a flash that fails to program
 * (its sector is begun anew). Bytes are readable once they are written, which is earlier than they are promised.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Body } from "./body.js";
import { PAGE_BYTES, type PassiveSlot, SECTOR_BYTES } from "./passive-slot.js";
import type { RecordSlot } from "./record-slot.js";

/** What a cut costs at most, and eight sectors. */
export const CHECKPOINT_BYTES = 32 * 1024;

/** Of an image: what does not lie where an app would have it. */
export const SLOT_HEAD_BYTES = SECTOR_BYTES;

const STAMP = "FERRY image body";
const ERASED = 0xff;

/** The largest image that a slot of this size takes. */
export function slotBytesMax(slotBytes: number): number {
  return Math.max(0, slotBytes - SECTOR_BYTES);
}

/** Whether what an image's record says of the slot can be true. */
export function isStamped(slot: PassiveSlot): boolean {
  const stored = new Uint8Array(STAMP.length);
  slot.read(stored, 0);
  return stored.every((byte, index) => byte === STAMP.charCodeAt(index));
}

export interface SlotBodyOptions {
  slot: PassiveSlot;
  slotBytes: number;
  progress: RecordSlot;
  /** Tells this image's progress from another's. */
  image: number;
  sizeBytes: number;
}

export class SlotBody implements Body {
  readonly #options: SlotBodyOptions;
  readonly #page = new Uint8Array(PAGE_BYTES);
  /** Bytes in the page that are not written yet. */
  #pageFill = 0;
  #writtenBytes: number;

  /** Takes up what the last life left. */
  constructor(options: SlotBodyOptions) {
    this.#options = options;
    this.#writtenBytes = this.#recall();
  }

  get readableBytes(): number {
    return this.#writtenBytes;
  }

  get appendedBytes(): number {
    return this.#writtenBytes + this.#pageFill;
  }

  get roomBytes(): number {
    const appended = this.appendedBytes;
    return Math.min(this.#options.sizeBytes - appended, CHECKPOINT_BYTES - (appended % CHECKPOINT_BYTES));
  }

  /** Erases one sector at most when there are no more bytes than a sector has. */
  append(bytes: Uint8Array): void {
    const { sizeBytes } = this.#options;
    if (this.appendedBytes + bytes.length > sizeBytes) {
      throw new RangeError(`image in the app slot: more bytes than its size of ${sizeBytes}`);
    }
    for (let from = 0; from < bytes.length; ) {
      const count = Math.min(bytes.length - from, PAGE_BYTES - this.#pageFill);
      this.#page.set(bytes.subarray(from, from + count), this.#pageFill);
      this.#pageFill += count;
      from += count;
      if (this.#pageFill === PAGE_BYTES || this.appendedBytes === sizeBytes) this.#writePage();
    }
  }

  read(buffer: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(buffer.length, this.#writtenBytes - offset));
    for (let done = 0; done < count; ) {
      const at = offset + done;
      const end = at < SLOT_HEAD_BYTES ? Math.min(count, SLOT_HEAD_BYTES - offset) : count;
      const isAll = done === 0 && end === buffer.length;
      this.#options.slot.read(isAll ? buffer : buffer.subarray(done, end), this.#addressOf(at));
      done = end;
    }
    return count;
  }

  /** The promise goes first: bytes under a wrong one would be joined with others. */
  clear(): void {
    const { slot, progress } = this.#options;
    this.#pageFill = 0;
    this.#writtenBytes = 0;
    progress.delete();
    if (isStamped(slot)) return;
    slot.eraseSector(0);
    this.#page.fill(ERASED);
    for (let index = 0; index < STAMP.length; index++) this.#page[index] = STAMP.charCodeAt(index);
    slot.write(this.#page, 0);
  }

  close(): void {
    this.#pageFill = 0;
    this.#options.slot.close();
  }

  remove(): void {
    this.close();
    this.#options.progress.delete();
  }

  #writePage(): void {
    const { slot, sizeBytes } = this.#options;
    const at = this.#writtenBytes;
    const length = this.#pageFill;
    const withinSector = at % SECTOR_BYTES;
    this.#page.fill(ERASED, length);
    this.#pageFill = 0;
    this.#writtenBytes = at - withinSector; // where to go on should the flash fail
    const address = this.#addressOf(at);
    if (withinSector === 0) slot.eraseSector(address / SECTOR_BYTES);
    slot.write(this.#page, address);
    this.#writtenBytes = at + length;
    if (this.#writtenBytes === sizeBytes || this.#writtenBytes % CHECKPOINT_BYTES === 0) this.#promise();
  }

  /** Where a byte of the image lies in the slot. */
  #addressOf(offset: number): number {
    return offset < SLOT_HEAD_BYTES ? this.#options.slotBytes - SLOT_HEAD_BYTES + offset : offset;
  }

  #promise(): void {
    const { progress, image } = this.#options;
    const writer = new ByteWriter(8);
    writer.u32(image);
    writer.u32(this.#writtenBytes);
    progress.write(writer.bytes.subarray(0, writer.length));
  }

  #recall(): number {
    const { progress, image, sizeBytes } = this.#options;
    const stored = progress.read();
    if (stored.kind !== "valid") return 0;
    const reader = new ByteReader(stored.body);
    const isOwn = reader.u32() === image;
    const bytes = reader.u32();
    const isPossible = bytes === sizeBytes || (bytes < sizeBytes && bytes % SECTOR_BYTES === 0);
    return isOwn && isPossible && !reader.failed ? bytes : 0;
  }
}
