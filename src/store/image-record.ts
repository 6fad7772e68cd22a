/** What NVS keeps of a staged image, as JSON in a two-slot record. */

import { fromHex } from "../base/hex.js";
import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import { type FirmwareInfo, isFirmwareInfo } from "../image/info-tag.js";
import { isOffer, type Offer, offerProblem } from "../image/offer.js";
import { isTarget, type Target } from "../image/target.js";
import type { SlotName } from "./passive-slot.js";

export interface ImageRecord {
  /** Counts the images of this device: the smallest is the oldest. */
  readonly born: number;
  readonly offer: Offer;
  readonly validator?: string;
  /** The app slot that the body lies in; absent for one among the files. */
  readonly slot?: SlotName;
  /** It is being made the app of its slot: the slot's stamp is no longer needed, and may be gone. */
  readonly becomesApp?: true;
  readonly complete?: {
    readonly crc32: number;
    readonly md5: string;
    readonly sha256: string;
    readonly firmware: FirmwareInfo;
    /** Whose firmware it is, where the image says so. */
    readonly target?: Target;
  };
}

export function encodeImageRecord(record: ImageRecord): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}

/** `undefined` for anything that this version of Ferry did not write. */
export function decodeImageRecord(body: Uint8Array): ImageRecord | undefined {
  const value = parseJson(decodeUtf8(body));
  if (!isRecord(value) || !isCount(value.born)) return undefined;
  if (!isOffer(value.offer) || offerProblem(value.offer) !== undefined) return undefined;
  if (value.validator !== undefined && typeof value.validator !== "string") return undefined;
  if (value.slot !== undefined && !isSlotName(value.slot)) return undefined;
  if (value.becomesApp !== undefined && value.becomesApp !== true) return undefined;
  if (value.complete !== undefined && !isComplete(value.complete)) return undefined;
  return value as unknown as ImageRecord;
}

function isSlotName(value: unknown): boolean {
  return isRecord(value) && typeof value.label === "string" && isCount(value.sizeBytes);
}

function isComplete(value: unknown): boolean {
  if (!isRecord(value) || !isCount(value.crc32) || !isFirmwareInfo(value.firmware)) return false;
  if (value.target !== undefined && !isTarget(value.target)) return false;
  return isDigest(value.md5, 16) && isDigest(value.sha256, 32);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDigest(value: unknown, length: number): boolean {
  return typeof value === "string" && fromHex(value)?.length === length;
}
