/** What NVS keeps of a staged image, as JSON in a two-slot record. */

import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import { type FirmwareInfo, isFirmwareInfo } from "../image/info-tag.js";
import { isOffer, type Offer } from "../image/offer.js";

export interface ImageRecord {
  /** Counts the images of this device: the smallest is the oldest. */
  readonly born: number;
  readonly offer: Offer;
  readonly validator?: string;
  readonly complete?: {
    readonly crc32: number;
    readonly md5: string;
    readonly sha256: string;
    readonly firmware: FirmwareInfo;
  };
}

export function encodeImageRecord(record: ImageRecord): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}

/** `undefined` for anything that this version of Ferry did not write. */
export function decodeImageRecord(body: Uint8Array): ImageRecord | undefined {
  const value = parseJson(decodeUtf8(body));
  if (!isRecord(value) || typeof value.born !== "number" || !isOffer(value.offer)) return undefined;
  if (value.validator !== undefined && typeof value.validator !== "string") return undefined;
  const complete = value.complete;
  if (complete !== undefined) {
    if (!isRecord(complete) || typeof complete.crc32 !== "number" || !isFirmwareInfo(complete.firmware))
      return undefined;
    if (typeof complete.md5 !== "string" || typeof complete.sha256 !== "string") return undefined;
  }
  return value as unknown as ImageRecord;
}
