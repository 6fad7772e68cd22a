/**
 * ESP-IDF app images: what Ferry itself comes as, and the firmware of an MCU that is an ESP32.
 *
 *   0    u8 magic E9 | u8 segments | u8 SPI mode | u8 speed, size | u32 entry point
 *   8    4 bytes of pins | u16 chip id | 9 bytes of revisions and reserve | u8 1 when a SHA-256 is appended
 *   24   segments: u32 load address | u32 length in whole words | data
 *   ...  zeroes, then the checksum as the last byte of a row of 16: EF xor all bytes of all segments
 *   ...  SHA-256 of all before it, where it is appended. What follows is no part of the image.
 *
 * The first segment of an app begins with its descriptor, so that it always stands at byte 32:
 *
 *   32   u32 magic ABCD5432 | u32 secure version | 8 bytes | text version[32] | text project[32]
 *   112  time[16] | date[16] | IDF version[32] | SHA-256 of the ELF file[32]
 */

import { ByteReader } from "../base/bytes.js";
import { toHex } from "../base/hex.js";
import { decodeUtf8 } from "../base/utf8.js";
import type { Digest, DigestClass } from "../ports.js";

const IMAGE_MAGIC = 0xe9;
/** Of the boot loader. */
const SEGMENTS_MAX = 16;
const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const APP_MAGIC = 0xabcd5432;
const TEXT_BYTES = 32;
const CHECKSUM_SEED = 0xef;
const CHECKSUM_ROW_BYTES = 16;
const SHA256_BYTES = 32;

/** Header, header of the first segment, and the part of the app descriptor that is looked at. */
export const ESP_HEAD_BYTES = 208;

/** How an app names itself. */
export interface EspApp {
  readonly version: string;
  readonly project: string;
  /** Of the ELF file, in hexadecimal: tells apart builds of one version. */
  readonly elfSha256: string;
}

export interface EspHead {
  readonly segmentCount: number;
  /** 0 ESP32, 2 S2, 5 C3, 9 S3, 12 C2, 13 C6, 16 H2. */
  readonly chipId: number;
  readonly hashAppended: boolean;
  /** Absent in an image that is no app: a boot loader, for example. */
  readonly app?: EspApp;
}

/** Reads the first ESP_HEAD_BYTES of an image, or fewer; `undefined` when they are not those of an ESP image. */
export function parseEspHead(bytes: Uint8Array): EspHead | undefined {
  const reader = new ByteReader(bytes);
  const magic = reader.u8();
  const segmentCount = reader.u8();
  reader.bytes(10);
  const chipId = reader.u16();
  reader.bytes(9);
  const hashAppended = reader.u8() === 1;
  if (reader.failed || magic !== IMAGE_MAGIC || segmentCount < 1 || segmentCount > SEGMENTS_MAX) return undefined;
  reader.bytes(SEGMENT_HEADER_BYTES);
  const app = readApp(reader);
  return { segmentCount, chipId, hashAppended, ...(app ? { app } : {}) };
}

function readApp(reader: ByteReader): EspApp | undefined {
  const magic = reader.u32();
  reader.bytes(12);
  const version = textOf(reader.bytes(TEXT_BYTES));
  const project = textOf(reader.bytes(TEXT_BYTES));
  reader.bytes(64);
  const elfSha256 = toHex(reader.bytes(SHA256_BYTES));
  return reader.failed || magic !== APP_MAGIC ? undefined : { version, project, elfSha256 };
}

/** Up to the first NUL, or all of it. */
function textOf(field: Uint8Array): string {
  const nul = field.indexOf(0);
  return decodeUtf8(field, 0, nul < 0 ? field.length : nul);
}

/** Keeps the head of an image that streams by in pieces of any size. */
export class EspHeadScanner {
  readonly #bytes = new Uint8Array(ESP_HEAD_BYTES);
  #length = 0;

  push(bytes: Uint8Array): void {
    const count = Math.min(bytes.length, ESP_HEAD_BYTES - this.#length);
    if (count <= 0) return;
    this.#bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#length);
    this.#length += count;
  }

  get head(): EspHead | undefined {
    return parseEspHead(this.#bytes.subarray(0, this.#length));
  }
}

/**
 * Walks through a whole ESP image that streams by, as the boot loader will: segments, checksum, appended SHA-256.
 * Pieces must be in whole words, but for the last one: then words can be taken in at once, which on XS costs a quarter.
 */
export class EspImageWalk {
  readonly #hashAppended: boolean;
  readonly #digest: Digest;
  readonly #storedHash = new Uint8Array(SHA256_BYTES);
  /** Segments whose length is not known yet. */
  #segmentsLeft: number;
  /** Bytes taken in. */
  #position = 0;
  /** Of the segment at hand; a header is before it. */
  #dataFrom = HEADER_BYTES + SEGMENT_HEADER_BYTES;
  #dataEnd: number | undefined;
  /** Behind the checksum; `undefined` until the last segment's end is known. */
  #bodyEnd: number | undefined;
  #checksum = CHECKSUM_SEED;
  #storedChecksum = -1;
  #problem: string | undefined;

  constructor(options: { head: EspHead; Digest: DigestClass }) {
    this.#hashAppended = options.head.hashAppended;
    this.#segmentsLeft = options.head.segmentCount;
    this.#digest = new options.Digest("SHA256");
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && this.#bodyEnd === undefined && !this.#problem) at = this.#walk(bytes, at);
    const bodyEnd = this.#bodyEnd ?? Number.MAX_SAFE_INTEGER;
    const inBody = Math.max(0, Math.min(bytes.length, bodyEnd - this.#position));
    if (inBody > 0) this.#digest.write(inBody === bytes.length ? bytes : bytes.subarray(0, inBody));
    if (inBody > 0 && this.#position + inBody === bodyEnd) this.#storedChecksum = bytes[inBody - 1] as number;
    for (let i = inBody; i < bytes.length; i++) {
      const index = this.#position + i - bodyEnd;
      if (index >= SHA256_BYTES) break;
      this.#storedHash[index] = bytes[i] as number;
    }
    this.#position += bytes.length;
  }

  /** Says what is wrong with the image, or nothing. Ends the use of this object. */
  finish(): string | undefined {
    const hash = new Uint8Array(this.#digest.close());
    const bodyEnd = this.#bodyEnd;
    if (this.#problem) return this.#problem;
    if (bodyEnd === undefined) return `it ends at byte ${this.#position}, inside its segments`;
    if (this.#position < bodyEnd) return `it ends at byte ${this.#position}, before its checksum`;
    if (this.#storedChecksum !== this.#checksum) return "its checksum is wrong";
    if (!this.#hashAppended) return undefined;
    if (this.#position < bodyEnd + SHA256_BYTES) return `it ends at byte ${this.#position}, inside its SHA-256`;
    return hash.every((byte, index) => byte === this.#storedHash[index]) ? undefined : "its own SHA-256 is wrong";
  }

  /** Takes in a part of a segment, or a header; returns where to go on. */
  #walk(bytes: Uint8Array, at: number): number {
    if (this.#dataEnd === undefined) return this.#readHeader(bytes);
    const end = Math.min(bytes.length, this.#dataEnd - this.#position);
    this.#checksum ^= xorOf(bytes, at, end);
    if (this.#position + end === this.#dataEnd) this.#endSegment(this.#dataEnd);
    return end;
  }

  /** Of a segment's header only the length counts; it lies in one piece, because pieces are in whole words. */
  #readHeader(bytes: Uint8Array): number {
    const lengthAt = this.#dataFrom - 4 - this.#position;
    if (lengthAt + 4 > bytes.length) return bytes.length;
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(lengthAt, true);
    if (length % 4 !== 0) this.#problem = `a segment of it has ${length} bytes, which are no whole words`;
    this.#dataEnd = this.#dataFrom + length;
    this.#segmentsLeft--;
    if (length === 0) this.#endSegment(this.#dataEnd);
    return lengthAt + 4;
  }

  #endSegment(end: number): void {
    this.#dataFrom = end + SEGMENT_HEADER_BYTES;
    this.#dataEnd = undefined;
    if (this.#segmentsLeft === 0) this.#bodyEnd = end + CHECKSUM_ROW_BYTES - (end % CHECKSUM_ROW_BYTES);
  }
}

/** Of the bytes [start, end). */
function xorOf(bytes: Uint8Array, start: number, end: number): number {
  const from = bytes.byteOffset + start;
  const wordCount = from % 4 === 0 ? (end - start) >> 2 : 0;
  let xor = 0;
  for (const word of new Uint32Array(bytes.buffer, wordCount > 0 ? from : 0, wordCount)) xor ^= word;
  xor ^= xor >>> 16;
  xor = (xor ^ (xor >>> 8)) & 0xff;
  for (let i = start + 4 * wordCount; i < end; i++) xor ^= bytes[i] as number;
  return xor;
}
