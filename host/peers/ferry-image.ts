/** App images of Ferry itself, as small as a test wants them: whole ones, and such as must be refused. */

import { sha256 } from "@noble/hashes/sha2.js";
import { encodeUtf8 } from "../../src/base/utf8.js";
import { APP_DESCRIPTOR_BYTES, buildEspImage, makeAppDescriptor } from "../sim/esp-image.js";
import { Random } from "../sim/random.js";

/**
 * What is wrong with an image, and nothing else: its first byte; the app descriptor's magic; the checksum; the
 * SHA-256; or its last bytes are missing.
 */
export type ImageFlaw = "magic" | "descriptor" | "checksum" | "hash" | "cut-off";

export interface FerryImageOptions {
  readonly version: string;
  /** By the tag; "ferry" by default. */
  readonly type?: string;
  /** False: it has no tag, and its descriptor has the version. */
  readonly isTagged?: boolean;
  /** By the descriptor; as the Moddable SDK builds every app by default. */
  readonly projectName?: string;
  /** ESP32 by default. */
  readonly chipId?: number;
  /** Of the whole image, in rows of 16; the smallest possible by default. */
  readonly bytes?: number;
  /** Code of the same seed is the same. */
  readonly seed?: number;
  readonly flaw?: ImageFlaw;
}

const SDK_PROJECT = "xs_esp32";
/** ESP-IDF's for a project that has none: the SDK's. */
const SDK_VERSION = "1";
/** Room for the longest that is used. */
const TAG_BYTES = 96;
/** Header, segment header, app descriptor, tag, checksum in its row, SHA-256. */
const IMAGE_BYTES_MIN = 24 + 8 + APP_DESCRIPTOR_BYTES + TAG_BYTES + 16 + 32;
const SHA256_BYTES = 32;
const CUT_OFF_BYTES = 20;

/** Throws RangeError for sizes that no image has. */
export function makeFerryImage(options: FerryImageOptions): Uint8Array {
  const { version, projectName = SDK_PROJECT, isTagged = true, chipId, bytes, seed = 1, flaw } = options;
  const descriptor = makeAppDescriptor({ version: isTagged ? SDK_VERSION : version, projectName });
  if (flaw === "descriptor") descriptor[0] = 0;
  const build = (codeBytes: number): Uint8Array => {
    const segment = new Uint8Array(APP_DESCRIPTOR_BYTES + TAG_BYTES + codeBytes);
    segment.set(descriptor);
    if (isTagged) segment.set(tagOf(options), APP_DESCRIPTOR_BYTES);
    segment.set(new Random(seed).bytes(codeBytes), APP_DESCRIPTOR_BYTES + TAG_BYTES);
    return buildEspImage({ segments: [segment], ...(chipId === undefined ? {} : { chipId }) });
  };
  const image = build(bytes === undefined ? 0 : bytes - IMAGE_BYTES_MIN);
  if (image.length !== (bytes ?? IMAGE_BYTES_MIN)) throw new RangeError(`no app image has ${bytes} bytes`);
  return flaw ? flawed(image, flaw) : image;
}

/** As native/identity.c writes it. */
function tagOf({ version, type = "ferry" }: FerryImageOptions): Uint8Array {
  const tag = encodeUtf8(`blnkinf\0ncp\0${version}\0fw-type\0${type}\0build\0Nov 21 2026 12:00:00\0\0`);
  if (tag.length > TAG_BYTES) throw new RangeError(`no room for a tag of ${tag.length} bytes`);
  return tag;
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
