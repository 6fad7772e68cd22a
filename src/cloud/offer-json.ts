/** Offers in JSON, as Blynk sends them and vendors' own servers keep them. */

import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8 } from "../base/utf8.js";
import type { Offer } from "../image/offer.js";
import { isTarget } from "../image/target.js";

const NAMES: readonly string[] = Object.freeze(["url", "size", "type", "ver", "build", "sha256", "md5", "target"]);

/**
 * `{url, size, type, ver, build}`, where the last three may be missing, and of vendors also `sha256` and `md5` in
 * hexadecimal and `target` ("mcu" or "ncp"). `undefined` where it is no such thing; whether the offer is any good is for
 * offerProblem() to say.
 */
export function offerFromJson(bytes: Uint8Array): Offer | undefined {
  const json = parseJson(decodeUtf8(bytes), NAMES);
  if (!isRecord(json)) return undefined;
  const { url, size, type = "", ver = "", build = "", sha256, md5, target } = json;
  if (typeof url !== "string" || typeof size !== "number") return undefined;
  if (typeof type !== "string" || typeof ver !== "string" || typeof build !== "string") return undefined;
  // A digest that cannot be read must not turn into an offer without one.
  if (!isTextOrMissing(sha256) || !isTextOrMissing(md5) || (target !== undefined && !isTarget(target)))
    return undefined;
  return {
    url,
    sizeBytes: size,
    type,
    version: ver,
    build,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(md5 === undefined ? {} : { md5 }),
    ...(target === undefined ? {} : { target }),
  };
}

function isTextOrMissing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}
