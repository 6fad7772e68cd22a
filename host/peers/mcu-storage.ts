/**
 * What survives the MCU's resets: the image that runs, the one before it, the update slot, a note to the bootloader.
 */

import type { Firmware } from "./mcu-behavior.js";

export interface Installed {
  readonly image: Uint8Array;
  readonly firmware: Firmware;
}

const ERASED = 0xff;

export class McuStorage {
  running: Installed;
  previous: Installed | undefined;
  /** The bootloader is in charge, until it has installed an image. */
  isInBootloader = false;
  /** What the application told the bootloader to fetch. */
  bootloaderTaskBytes: number | undefined;
  /** The image that runs is on trial: it is given up after so long. */
  trialMs: number | undefined;
  #slot = new Uint8Array(0);
  #isOpen = false;

  constructor(running: Installed) {
    this.running = running;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The slot's bytes, as far as the image under way may reach. */
  get slot(): Uint8Array {
    return this.#slot;
  }

  /** Erases the slot for an image of at most so many bytes. */
  open(bytes: number): void {
    this.#slot = new Uint8Array(bytes).fill(ERASED);
    this.#isOpen = true;
  }

  close(): void {
    this.#isOpen = false;
  }

  /** False beyond the end, and when nothing is open. */
  write(offset: number, bytes: Uint8Array): boolean {
    if (!this.#isOpen || offset + bytes.length > this.#slot.length) return false;
    this.#slot.set(bytes, offset);
    return true;
  }

  /** Makes the first bytes of the slot the image to run. */
  install(bytes: number, untaggedFirmware: Firmware): void {
    const image = this.#slot.slice(0, bytes);
    this.previous = this.running;
    this.running = { image, firmware: firmwareOf(image) ?? untaggedFirmware };
  }

  /** Back to the image before. */
  revert(): void {
    if (!this.previous) return;
    const given = this.running;
    this.running = this.previous;
    this.previous = given;
  }
}

const TAG_MARK = "blnkinf\0";
/** Blynk's tool does not see a tag with any other character in it. */
const TAG_TEXT = /^[\w\s.,:()-]*$/;

/**
 * The firmware info that Blynk's tag in the image tells: the mark, then key NUL value NUL ..., then one NUL more.
 * `undefined` without a tag of an MCU that has at least a version and a type.
 */
export function firmwareOf(image: Uint8Array): Firmware | undefined {
  for (let at = image.indexOf(TAG_MARK.charCodeAt(0)); at >= 0; at = image.indexOf(TAG_MARK.charCodeAt(0), at + 1)) {
    if (asciiOf(image, at, at + TAG_MARK.length) !== TAG_MARK) continue;
    const pairs = pairsAt(image, at + TAG_MARK.length);
    const version = pairs.get("mcu"); // what is in it for an NCP is not its own
    const type = pairs.get("fw-type");
    if (version === undefined || type === undefined) continue;
    return { type, version, build: pairs.get("build") ?? "", blynkVersion: pairs.get("blynk") ?? "" };
  }
  return undefined;
}

/** A small image with the tag of that firmware, as a compiler would leave it among other bytes. */
export function imageOf(firmware: Firmware, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const { type, version, build, blynkVersion } = firmware;
  const tag = `${TAG_MARK}mcu\0${version}\0fw-type\0${type}\0build\0${build}\0blynk\0${blynkVersion}\0\0`;
  const image = new Uint8Array(body.length + tag.length);
  image.set(body);
  for (let i = 0; i < tag.length; i++) image[body.length + i] = tag.charCodeAt(i);
  return image;
}

/** Keys and values up to the first empty text; none where the bytes are not a tag's. */
function pairsAt(image: Uint8Array, start: number): Map<string, string> {
  const texts: string[] = [];
  let at = start;
  for (let nul = image.indexOf(0, at); nul !== at; nul = image.indexOf(0, at)) {
    const text = nul < 0 ? undefined : asciiOf(image, at, nul);
    if (text === undefined || !TAG_TEXT.test(text)) return new Map();
    texts.push(text);
    at = nul + 1;
  }
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < texts.length; i += 2) pairs.set(texts[i] as string, texts[i + 1] as string);
  return pairs;
}

function asciiOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
