/** Firmware images for tests and the demo: random bytes, with Blynk's tag among them. */

import { encodeUtf8 } from "../../src/base/utf8.js";
import { Random } from "../sim/random.js";

export interface TaggedFirmware {
  readonly type: string;
  readonly version: string;
  readonly build: string;
  readonly blynkVersion?: string;
}

/** The bytes of a tag, as Blynk's tool writes them (vectors/blynk-tags.json). */
export function tagBytes(firmware: TaggedFirmware, target: "mcu" | "ncp" = "mcu"): Uint8Array {
  const { type, version, build, blynkVersion = "0.7.0" } = firmware;
  return encodeUtf8(`blnkinf\0${target}\0${version}\0fw-type\0${type}\0build\0${build}\0blynk\0${blynkVersion}\0\0`);
}

/** An image of so many bytes; the tag stands in the middle, if it fits. The same seed gives the same bytes. */
export function makeFirmware(sizeBytes: number, firmware: TaggedFirmware | undefined, seed = 1): Uint8Array {
  const image = new Random(seed).bytes(sizeBytes);
  const tag = firmware && tagBytes(firmware);
  if (tag && tag.length <= sizeBytes) image.set(tag, Math.floor((sizeBytes - tag.length) / 2));
  return image;
}
