/**
 * Blynk's firmware tag: what an image says of itself.
 *
 *   "blnkinf\0"  key "\0" value "\0"  key "\0" value "\0" ...  "\0"
 *
 * Found exactly as Blynk's tag tool finds it: the marker, then at least one and as few as possible of the characters
 * A-Z a-z 0-9 _ . , : - ( ) white space and NUL, up to two NULs in a row. Any other character before them means that
 * this was no tag; an empty value ends the tag early; the first tag wins (vectors/blynk-tags.json). With one exception:
 * a tag of an NCP gives way to one of an MCU behind it, for a product may carry Ferry's image within its own.
 * The scanner takes an image in pieces of any size and keeps a few hundred bytes whatever the image's size.
 */

import { isRecord } from "../base/json.js";
import { decodeUtf8 } from "../base/utf8.js";

/** Longest tag that is looked at, without its marker; Blynk's own tags take about 80 bytes. */
export const TAG_BYTES_MAX = 512;

const MARKER = Object.freeze([0x62, 0x6c, 0x6e, 0x6b, 0x69, 0x6e, 0x66, 0x00]);

/** The firmware that a tag (or an MCU, by setFirmwareInfo) names. Unknown parts are empty. */
export interface FirmwareInfo {
  readonly type: string;
  readonly version: string;
  readonly build: string;
}

/** For values from storage. */
export function isFirmwareInfo(value: unknown): value is FirmwareInfo {
  if (!isRecord(value)) return false;
  return typeof value.type === "string" && typeof value.version === "string" && typeof value.build === "string";
}

export interface InfoTag {
  /** Where the marker begins in the image. */
  readonly offset: number;
  readonly pairs: readonly (readonly [key: string, value: string])[];
}

/** Whether the tag is of the MCU's firmware or of Ferry's own, and what it names. */
export function firmwareOf(tag: InfoTag): FirmwareInfo & { readonly target: "mcu" | "ncp" | "unknown" } {
  const value = (key: string) => tag.pairs.find((pair) => pair[0] === key)?.[1];
  const mcu = value("mcu");
  const ncp = value("ncp");
  return {
    target: mcu !== undefined ? "mcu" : ncp !== undefined ? "ncp" : "unknown",
    type: value("fw-type") ?? "",
    version: mcu ?? ncp ?? "",
    build: value("build") ?? "",
  };
}

function isTagByte(byte: number): boolean {
  return (
    byte === 0 ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x2c && byte <= 0x2e) || // , - .
    (byte >= 0x30 && byte <= 0x3a) || // 0-9 :
    byte === 0x5f || // _
    byte === 0x28 ||
    byte === 0x29 || // ( )
    byte === 0x20 ||
    (byte >= 0x09 && byte <= 0x0d)
  );
}

export class InfoTagScanner {
  /** The one that counts, of those found so far. */
  tag: InfoTag | undefined;
  /** No other tag can count any more. */
  #isSettled = false;
  /** Bytes taken in. */
  #position = 0;
  /** How many bytes of the marker match at the end of what was taken in. */
  #matched = 0;
  readonly #body = new Uint8Array(TAG_BYTES_MAX);
  #length = 0;

  /** Takes the next piece of the image. */
  push(bytes: Uint8Array): void {
    if (this.#isSettled) return;
    let i = 0;
    while (i < bytes.length && !this.#isSettled) {
      if (this.#matched === MARKER.length) i = this.#readBody(bytes, i);
      else i = this.#seekMarker(bytes, i);
    }
    this.#position += bytes.length;
  }

  #seekMarker(bytes: Uint8Array, from: number): number {
    let i = from;
    if (this.#matched === 0) {
      i = bytes.indexOf(MARKER[0] as number, i);
      if (i < 0) return bytes.length;
    }
    const byte = bytes[i];
    if (byte === MARKER[this.#matched]) this.#matched++;
    else this.#matched = byte === MARKER[0] ? 1 : 0; // no proper prefix of the marker ends in its first letter
    this.#length = 0;
    return i + 1;
  }

  #readBody(bytes: Uint8Array, at: number): number {
    const byte = bytes[at] as number;
    const body = this.#body;
    if (!isTagByte(byte) || this.#length === TAG_BYTES_MAX) {
      this.#matched = 0;
      return at; // looked at again: it may begin a marker
    }
    body[this.#length++] = byte;
    if (byte === 0 && this.#length > 2 && body[this.#length - 2] === 0) this.#found(at);
    return at + 1;
  }

  #found(lastIndex: number): void {
    const words = decodeUtf8(this.#body, 0, this.#length - 2).split("\0");
    const pairs: [string, string][] = [];
    for (let i = 0; i + 1 < words.length; i += 2) pairs.push([words[i] as string, words[i + 1] as string]);
    const tag = { offset: this.#position + lastIndex + 1 - this.#length - MARKER.length, pairs };
    const { target } = firmwareOf(tag);
    if (!this.tag || target === "mcu") this.tag = tag;
    this.#isSettled = firmwareOf(this.tag).target !== "ncp";
    this.#matched = 0;
  }
}
