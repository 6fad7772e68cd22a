/**
 * ESP-IDF app images, as esp_ota_end() judges them and as a test needs them made.
 *
 *   0   magic 0xE9 | segment count | SPI mode | speed, size
 *   4   entry point (u32)
 *   8   wp pin, drive strengths (4)
 *   12  chip id (u16) | min revision (u8) | min, max full revision (u16, u16) | reserved (4)
 *   23  1 when a SHA-256 is appended
 *   24  segments: load address (u32), length (u32), data ...
 *   ..  zeroes, then the checksum as the last byte of a multiple of 16: 0xEF xor all segment data
 *   ..  SHA-256 of everything before it
 *
 * The first segment of an app begins with its descriptor (256 bytes, at offset 32 of the file); texts end in zeroes:
 *
 *   0   magic ABCD5432 (u32) | secure version (u32) | reserved (8)
 *   16  version (32) | project name (32) | time (16) | date (16) | IDF version (32) | SHA-256 of the ELF file (32)
 *   176 reserved (80)
 *
 * Written apart from src/image, so that the simulator does not repeat a mistake made there.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { asciiBytes, asciiText } from "./ascii.js";

export const ESP_IMAGE_MAGIC = 0xe9;
export const ESP32_CHIP_ID = 0;

const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const SEGMENTS_MAX = 16;
const CHIP_ID_AT = 12;
const HASH_APPENDED_AT = 23;
const CHECKSUM_SEED = 0xef;
const CHECKSUM_ALIGN_BYTES = 16;
const SHA256_BYTES = 32;

export const APP_DESCRIPTOR_BYTES = 256;
const APP_DESCRIPTOR_AT = HEADER_BYTES + SEGMENT_HEADER_BYTES;
const APP_DESCRIPTOR_MAGIC = 0xabcd5432;
const VERSION_AT = 16;
const PROJECT_NAME_AT = 48;
const IDF_VERSION_AT = 112;
const TEXT_BYTES = 32;
/** How the tag of an NCP's firmware begins; its version follows, up to a NUL. */
const NCP_TAG: readonly number[] = Object.freeze([...asciiBytes("blnkinf\0ncp\0")]);

/** Says what is wrong with the image at the start of `slot`, or returns `undefined`. What follows it is ignored. */
export function checkEspImage(slot: Uint8Array, chipId = ESP32_CHIP_ID): string | undefined {
  if (slot.length < HEADER_BYTES) return "shorter than an image header";
  const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
  if (slot[0] !== ESP_IMAGE_MAGIC) return "no image magic";
  const segmentCount = view.getUint8(1);
  if (segmentCount === 0 || segmentCount > SEGMENTS_MAX) return `${segmentCount} segments`;
  if (view.getUint16(CHIP_ID_AT, true) !== chipId) return "made for another chip";

  let at = HEADER_BYTES;
  let checksum = CHECKSUM_SEED;
  for (let segment = 0; segment < segmentCount; segment++) {
    if (at + SEGMENT_HEADER_BYTES > slot.length) return `segment ${segment} begins beyond the slot`;
    const length = view.getUint32(at + 4, true);
    at += SEGMENT_HEADER_BYTES;
    if (length % 4 !== 0) return `segment ${segment} is not in whole words`;
    if (length > slot.length - at) return `segment ${segment} ends beyond the slot`;
    for (const end = at + length; at < end; at++) checksum ^= slot[at] as number;
  }

  const checksumAt = checksumOffset(at);
  const bodyEnd = checksumAt + 1;
  if (bodyEnd > slot.length) return "the checksum is beyond the slot";
  if (slot[checksumAt] !== checksum) return "wrong checksum";
  if (slot[HASH_APPENDED_AT] !== 1) return undefined;
  if (bodyEnd + SHA256_BYTES > slot.length) return "the SHA-256 is beyond the slot";
  const digest = sha256(slot.subarray(0, bodyEnd));
  return digest.every((byte, index) => byte === slot[bodyEnd + index]) ? undefined : "wrong SHA-256";
}

export interface EspImageOptions {
  /** Data of each segment, in whole words; the first begins with the app descriptor where one matters. */
  readonly segments: readonly Uint8Array[];
  readonly chipId?: number;
  readonly hashAppended?: boolean;
}

/** Makes an image that checkEspImage() accepts, if the segments are in whole words. */
export function buildEspImage({ segments, chipId = ESP32_CHIP_ID, hashAppended = true }: EspImageOptions): Uint8Array {
  const dataEnd = segments.reduce((end, data) => end + SEGMENT_HEADER_BYTES + data.length, HEADER_BYTES);
  const bodyEnd = checksumOffset(dataEnd) + 1;
  const image = new Uint8Array(bodyEnd + (hashAppended ? SHA256_BYTES : 0));
  const view = new DataView(image.buffer);
  view.setUint8(0, ESP_IMAGE_MAGIC);
  view.setUint8(1, segments.length);
  view.setUint16(CHIP_ID_AT, chipId, true);
  view.setUint8(HASH_APPENDED_AT, hashAppended ? 1 : 0);

  let at = HEADER_BYTES;
  let checksum = CHECKSUM_SEED;
  for (const data of segments) {
    view.setUint32(at + 4, data.length, true);
    image.set(data, at + SEGMENT_HEADER_BYTES);
    at += SEGMENT_HEADER_BYTES + data.length;
    for (const byte of data) checksum ^= byte;
  }
  view.setUint8(bodyEnd - 1, checksum);
  if (hashAppended) image.set(sha256(image.subarray(0, bodyEnd)), bodyEnd);
  return image;
}

/** What an app says of itself: its version by Blynk's tag of an NCP, where it has one, else by its descriptor. */
export interface AppDescription {
  readonly version: string;
  readonly projectName: string;
}

/** The begin of an app's first segment. Texts are ASCII, at most 31 characters; throws when one does not fit. */
export function makeAppDescriptor({ version, projectName }: AppDescription): Uint8Array {
  const bytes = new Uint8Array(APP_DESCRIPTOR_BYTES);
  new DataView(bytes.buffer).setUint32(0, APP_DESCRIPTOR_MAGIC, true);
  for (const [at, text] of [
    [VERSION_AT, version],
    [PROJECT_NAME_AT, projectName],
    [IDF_VERSION_AT, "v6.0"],
  ] as const) {
    if (text.length >= TEXT_BYTES) throw new Error(`app descriptor: ${JSON.stringify(text)} has no room`);
    bytes.set(asciiBytes(text), at);
  }
  return bytes;
}

/** What the image at the start of `slot` says of itself; `undefined` when it has no app descriptor. */
export function readAppDescriptor(slot: Uint8Array): AppDescription | undefined {
  const bytes = slot.subarray(APP_DESCRIPTOR_AT, APP_DESCRIPTOR_AT + APP_DESCRIPTOR_BYTES);
  if (bytes.length < APP_DESCRIPTOR_BYTES) return undefined;
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) !== APP_DESCRIPTOR_MAGIC) return undefined;
  return { version: taggedVersion(slot) ?? textAt(bytes, VERSION_AT), projectName: textAt(bytes, PROJECT_NAME_AT) };
}

/** Of the tag in the first segment, where a compiler puts constants. */
function taggedVersion(slot: Uint8Array): string | undefined {
  const length = new DataView(slot.buffer, slot.byteOffset, slot.byteLength).getUint32(HEADER_BYTES + 4, true);
  const end = Math.min(slot.length, APP_DESCRIPTOR_AT + length) - NCP_TAG.length;
  const first = NCP_TAG[0] as number;
  for (let at = slot.indexOf(first, APP_DESCRIPTOR_AT); at >= 0 && at < end; at = slot.indexOf(first, at + 1)) {
    if (!NCP_TAG.every((byte, index) => slot[at + index] === byte)) continue;
    const from = at + NCP_TAG.length;
    return asciiText(slot.subarray(from, slot.indexOf(0, from)));
  }
  return undefined;
}

function textAt(descriptor: Uint8Array, at: number): string {
  const [text = ""] = asciiText(descriptor.subarray(at, at + TEXT_BYTES)).split("\0");
  return text;
}

/** The checksum is the last byte of the 16-byte row that the segments end in, or of the next one. */
function checksumOffset(dataEnd: number): number {
  return dataEnd + (CHECKSUM_ALIGN_BYTES - 1) - (dataEnd % CHECKSUM_ALIGN_BYTES);
}
