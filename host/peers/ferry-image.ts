/** App images of Ferry itself, as small as a test wants them: whole ones, and such as must be refused. */

import { sha256 } from "@noble/hashes/sha2.js";
import { APP_DESCRIPTOR_BYTES, buildEspImage, makeAppDescriptor } from "../sim/esp-image.js";
import { Random } from "../sim/random.js";

/**
 * What is wrong with an image, and nothing else: its first byte; the app descriptor's magic; the checksum; the
 * SHA-256; or its last bytes are missing.
 */
export type ImageFlaw = "magic" | "descriptor" | "checksum" | "hash" | "cut-off";

export interface FerryImageOptions {
  readonly version: string;
  readonly projectName?: string;
  /** ESP32 by default. */
  readonly chipId?: number;
  /** Of the whole image, in rows of 16; the smallest possible by default. */
  readonly bytes?: number;
  /** Code of the same seed is the same. */
  readonly seed?: number;
  readonly flaw?: ImageFlaw;
}

/** Header, segment header, app descriptor, checksum in its row, SHA-256. */
const IMAGE_BYTES_MIN = 24 + 8 + APP_DESCRIPTOR_BYTES + 16 + 32;
const SHA256_BYTES = 32;
const CUT_OFF_BYTES = 20;

/** Throws RangeError for sizes that no image has. */
export function makeFerryImage(options: FerryImageOptions): Uint8Array {
  const { version, projectName = "ferry", chipId, bytes, seed = 1, flaw } = options;
  const descriptor = makeAppDescriptor({ version, projectName });
  if (flaw === "descriptor") descriptor[0] = 0;
  const build = (codeBytes: number): Uint8Array => {
    const segment = new Uint8Array(APP_DESCRIPTOR_BYTES + codeBytes);
    segment.set(descriptor);
    segment.set(new Random(seed).bytes(codeBytes), APP_DESCRIPTOR_BYTES);
    return buildEspImage({ segments: [segment], ...(chipId === undefined ? {} : { chipId }) });
  };
  const image = build(bytes === undefined ? 0 : bytes - IMAGE_BYTES_MIN);
  if (image.length !== (bytes ?? IMAGE_BYTES_MIN)) throw new RangeError(`no app image has ${bytes} bytes`);
  return flaw ? flawed(image, flaw) : image;
}

function flawed(image: Uint8Array, flaw: ImageFlaw): Uint8Array {
  const hashAt = image.length - SHA256_BYTES;
  if (flaw === "cut-off") return image.slice(0, image.length - CUT_OFF_BYTES);
  if (flaw === "hash") return flip(image, hashAt);
  if (flaw === "magic") flip(image, 0);
  if (flaw === "checksum") flip(image, hashAt - 1);
  image.set(sha256(image.subarray(0, hashAt)), hashAt);
  return image;
}

function flip(image: Uint8Array, at: number): Uint8Array {
  image[at] = (image[at] ?? 0) ^ 1;
  return image;
}
