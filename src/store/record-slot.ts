/**
 * A small record that survives a power cut at any moment: two slots in the key-value store, written in turn.
 *
 *   | u32 magic "FRY1" | u32 sequence | u16 length | body | u32 CRC-32 of all before |
 *
 * Invariants: a write goes to the slot that does not hold the newest valid record, so that the newest survives until
 * its successor is whole; a record may promise only what was flushed before it was written. Of two sequences the newer
 * is the one that lies less than half of their range ahead, so that they may wrap.
 * Fault model: either slot missing, cut short or changed. Reading gives absent, damaged or valid, never an exception
 * and never half a record.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Crc32 } from "../base/crc.js";
import type { KeyValueDomain } from "../ports.js";

const MAGIC = 0x31595246;
const OVERHEAD_BYTES = 14;

/** NVS takes values up to 4,000 bytes. */
export const RECORD_BODY_BYTES_MAX = 4000 - OVERHEAD_BYTES;

export type StoredRecord =
  | { readonly kind: "absent" }
  /** Something was there, and nothing of it can be trusted. */
  | { readonly kind: "damaged" }
  | { readonly kind: "valid"; readonly body: Uint8Array };

interface Slot {
  readonly key: string;
  readonly sequence: number;
  readonly body: Uint8Array | undefined;
}

export class RecordSlot {
  readonly #domain: KeyValueDomain;
  readonly #name: string;
  readonly #crc32: Crc32;

  /** `name` has at most 13 characters: the store's keys have 15, and each slot takes two of them. */
  constructor(options: { domain: KeyValueDomain; name: string; crc32: Crc32 }) {
    this.#domain = options.domain;
    this.#name = options.name;
    this.#crc32 = options.crc32;
  }

  read(): StoredRecord {
    const slots = this.#slots();
    const newest = newestOf(slots);
    if (newest?.body) return { kind: "valid", body: newest.body };
    return { kind: slots.every((slot) => slot.sequence < 0) ? "absent" : "damaged" };
  }

  /** Durable when it returns. Throws when the store does, or for a body beyond RECORD_BODY_BYTES_MAX. */
  write(body: Uint8Array): void {
    if (body.length > RECORD_BODY_BYTES_MAX) throw new RangeError(`record ${this.#name}: ${body.length} bytes`);
    const slots = this.#slots();
    const newest = newestOf(slots);
    const target = slots.find((slot) => slot !== newest) as Slot;
    const writer = new ByteWriter(body.length + OVERHEAD_BYTES);
    writer.u32(MAGIC);
    writer.u32(newest ? (newest.sequence + 1) >>> 0 : 1);
    writer.u16(body.length);
    writer.raw(body);
    writer.u32(this.#crc32(writer.bytes.subarray(0, writer.length)));
    this.#domain.write(target.key, writer.bytes);
  }

  /** The newest goes last: a cut in between must not bring its predecessor back. */
  delete(): void {
    const slots = this.#slots();
    const newest = newestOf(slots);
    for (const slot of slots) if (slot !== newest && slot.sequence >= 0) this.#domain.delete(slot.key);
    if (newest) this.#domain.delete(newest.key);
  }

  #slots(): Slot[] {
    return [`${this.#name}.a`, `${this.#name}.b`].map((key) => this.#readSlot(key));
  }

  /** Sequence -1: not there. No body: damaged. */
  #readSlot(key: string): Slot {
    const stored = this.#domain.read(key);
    if (!stored) return { key, sequence: -1, body: undefined };
    const bytes = new Uint8Array(stored);
    const reader = new ByteReader(bytes);
    const magic = reader.u32();
    const sequence = reader.u32();
    const body = reader.bytes(reader.u16());
    const crc = reader.u32();
    const whole = !reader.failed && reader.remaining === 0 && magic === MAGIC;
    if (!whole || crc !== this.#crc32(bytes.subarray(0, bytes.length - 4)))
      return { key, sequence: 0, body: undefined };
    return { key, sequence, body };
  }
}

function newestOf(slots: readonly Slot[]): Slot | undefined {
  let newest: Slot | undefined;
  for (const slot of slots) if (slot.body && (!newest || isNewer(slot.sequence, newest.sequence))) newest = slot;
  return newest;
}

/** In the arithmetic of 32-bit serial numbers (RFC 1982). */
function isNewer(sequence: number, than: number): boolean {
  return ((sequence - than) | 0) > 0;
}
