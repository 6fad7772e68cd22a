/**
 * The name under which people and the app find a device that wants to be set up: "<vendor> <template>-<suffix>",
 * "Blynk Smart Lamp-8FY4" (blynk-ncp.md, 6). Edgent, Blynk's own firmware, gives a board the very same name.
 */

import type { Crc32 } from "../base/crc.js";
import { utf8Length } from "../base/utf8.js";

/** An SSID has 32 bytes, but the name also travels in a BLE scan response: 31 with its two of header. */
export const HOTSPOT_NAME_BYTES_MAX = 29;
/** Blynk's app looks for it where a product has no app of its own. */
export const DEFAULT_VENDOR = "Blynk";

const SUFFIX_CHARACTERS = 4;
/** Shuffled, and without what looks alike (B 8, G 6, I 1, O 0, S 5, T 7 ...). */
const SUFFIX_ALPHABET = "0W8N4Y1HP5DF9K6JM3C2XA7R";
/** The chip id as Edgent has it: the MAC address in a 64-bit number. */
const CHIP_ID_BYTES = 8;
const SUFFIX_ROUNDS = 4;

/** Four characters that tell devices of one product apart, no two neighbours equal. `mac`: the chip's six bytes. */
export function deviceSuffix(mac: Uint8Array, crc32: Crc32): string {
  const chipId = new Uint8Array(CHIP_ID_BYTES);
  chipId.set(mac);
  let number = 0;
  for (let round = 0; round < SUFFIX_ROUNDS; round++) number = crc32(chipId, number);
  let suffix = "";
  while (suffix.length < SUFFIX_CHARACTERS) {
    const character = SUFFIX_ALPHABET.charAt(number % SUFFIX_ALPHABET.length);
    const isDoubled = suffix.endsWith(character);
    suffix += isDoubled ? SUFFIX_ALPHABET.charAt((number + 1) % SUFFIX_ALPHABET.length) : character;
    number = Math.floor(number / SUFFIX_ALPHABET.length);
  }
  return suffix;
}

export interface HotspotNameParts {
  readonly vendor: string;
  readonly templateName: string;
  readonly suffix: string;
}

/**
 * What does not fit is cut: the template's name first, the suffix next, the vendor last, and never inside a character.
 * The template's name is left out where it is the vendor's.
 */
export function hotspotName({ vendor, templateName, suffix }: HotspotNameParts): string {
  const shownVendor = cutToBytes(vendor, HOTSPOT_NAME_BYTES_MAX);
  const beside = HOTSPOT_NAME_BYTES_MAX - utf8Length(shownVendor);
  const shownSuffix = cutToBytes(suffix, beside - 1);
  const between = shownSuffix ? beside - utf8Length(shownSuffix) - 1 : beside;
  const shownName = templateName === vendor ? "" : cutToBytes(templateName, shownVendor ? between - 1 : between);
  const front = shownVendor && shownName ? `${shownVendor} ${shownName}` : shownVendor + shownName;
  return front && shownSuffix ? `${front}-${shownSuffix}` : front + shownSuffix;
}

/** The longest beginning of whole characters that has at most so many bytes. */
function cutToBytes(text: string, bytesMax: number): string {
  let kept = "";
  let bytes = 0;
  for (const character of text) {
    bytes += utf8Length(character);
    if (bytes > bytesMax) break;
    kept += character;
  }
  return kept;
}
