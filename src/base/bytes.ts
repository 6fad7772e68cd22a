/**
 * Little-endian fields over a byte array: the one place that turns numbers and text into bytes and back.
 *
 * A reader never throws and never reads past its end: the first field that does not fit sets `failed`, and it and all
 * later fields read as zero or empty. A writer does the same with `overflowed`. Callers check once, at the end.
 */

import { decodeUtf8, utf8Length, writeUtf8 } from "./utf8.js";

const EMPTY = new Uint8Array(0);

export class ByteReader {
  #bytes: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);
  #position = 0;
  #end = 0;
  failed = false;

  constructor(bytes: Uint8Array = EMPTY, start = 0, end = bytes.length) {
    this.reset(bytes, start, end);
  }

  /** Begins anew over bytes [start, end): one reader serves many messages. */
  reset(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#position = start;
    this.#end = end;
    this.failed = false;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  /** The place of the next `length` bytes, or -1 when they are not there. */
  #take(length: number): number {
    const at = this.#position;
    if (this.failed || at + length > this.#end) {
      this.failed = true;
      return -1;
    }
    this.#position = at + length;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : (this.#bytes[at] as number);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  i16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getInt16(at, true);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  i64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigInt64(at, true);
  }

  /** A view, not a copy: valid as long as the bytes under it. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? EMPTY : this.#bytes.subarray(at, at + length);
  }

  /** Text up to a NUL, which is consumed. Fails when there is none before the end. */
  text(): string {
    const nul = this.#bytes.indexOf(0, this.#position);
    if (this.failed || nul < 0 || nul >= this.#end) {
      this.failed = true;
      return "";
    }
    const text = decodeUtf8(this.#bytes, this.#position, nul);
    this.#position = nul + 1;
    return text;
  }
}

export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #length = 0;
  overflowed = false;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Bytes written since the last reset. */
  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    this.overflowed = false;
  }

  /** What has been written, as a copy of its own. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.#length);
  }

  #make(length: number): number {
    const at = this.#length;
    if (this.overflowed || at + length > this.bytes.length) {
      this.overflowed = true;
      return -1;
    }
    this.#length = at + length;
    return at;
  }

  u8(value: number): void {
    const at = this.#make(1);
    if (at >= 0) this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#make(2);
    if (at >= 0) this.#view.setUint16(at, value, true);
  }

  i16(value: number): void {
    const at = this.#make(2);
    if (at >= 0) this.#view.setInt16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#make(4);
    if (at >= 0) this.#view.setUint32(at, value, true);
  }

  i64(value: bigint): void {
    const at = this.#make(8);
    if (at >= 0) this.#view.setBigInt64(at, value, true);
  }

  /** Bytes that stand in place already (see place()) are not copied. */
  raw(value: Uint8Array): void {
    const at = this.#make(value.length);
    if (at < 0 || (value.buffer === this.bytes.buffer && value.byteOffset === at)) return;
    this.bytes.set(value, at);
  }

  /** Where `length` bytes will stand that begin at `at`: fill them first and hand them to raw() later. */
  place(at: number, length: number): Uint8Array {
    return this.bytes.subarray(at, at + length);
  }

  /** The text and a NUL. A NUL inside the text would end it early at the reader, so the text is cut there. */
  text(value: string): void {
    const nul = value.indexOf("\0");
    const text = nul < 0 ? value : value.slice(0, nul);
    const at = this.#make(utf8Length(text) + 1);
    if (at >= 0) this.bytes[writeUtf8(text, this.bytes, at)] = 0;
  }
}
