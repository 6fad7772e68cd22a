/**
 * An offer: which firmware is to be had where, as the cloud or an operator names it; and whether an image in hand is
 * the one that was offered.
 */

import { fromHex, toHex } from "../base/hex.js";
import { isRecord } from "../base/json.js";
import { parseUrl } from "../base/url.js";
import { type FirmwareInfo, firmwareOf, isFirmwareInfo } from "./info-tag.js";
import type { ImageFacts } from "./inspector.js";
import { isTarget, type Target, targetOfImage } from "./target.js";

/** Type, version and build are empty where the cloud found no tag in the image. */
export interface Offer extends FirmwareInfo {
  readonly url: string;
  readonly sizeBytes: number;
  /** Lower-case hexadecimal, where known. */
  readonly sha256?: string;
  readonly md5?: string;
  /** Whose firmware it is, where that is known; see target.ts. */
  readonly target?: Target;
  /** It came by itself, and may come again and again: once staged, its content is held against what became of it. */
  readonly standing?: true;
}

/** Firmware images for microcontrollers are far smaller; a larger number is a mistake somewhere. */
export const IMAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Bounds the record that keeps an offer. Blynk's own tags stay far below. */
export const FIRMWARE_TEXT_MAX = 64;

/** For values from storage. */
export function isOffer(value: unknown): value is Offer {
  if (!isRecord(value) || !isFirmwareInfo(value)) return false;
  const { url, sizeBytes, sha256, md5, target, standing } = value as Record<string, unknown>;
  if (target !== undefined && !isTarget(target)) return false;
  if (standing !== undefined && standing !== true) return false;
  const digests = [sha256, md5].every((digest) => digest === undefined || typeof digest === "string");
  return typeof url === "string" && typeof sizeBytes === "number" && digests;
}

/** Says what is wrong with an offer, or nothing. */
export function offerProblem(offer: Offer): string | undefined {
  if (typeof parseUrl(offer.url) === "string") return `its URL ${parseUrl(offer.url)}`;
  const texts = [offer.type, offer.version, offer.build];
  if (texts.some((text) => text.length > FIRMWARE_TEXT_MAX))
    return `a name in it is above ${FIRMWARE_TEXT_MAX} letters`;
  if (texts.some(hasControls)) return "a name in it has control characters";
  if (offer.sizeBytes === 0) return "its size is 0 bytes, or not named";
  if (!Number.isInteger(offer.sizeBytes) || offer.sizeBytes < 1) return `its size is ${offer.sizeBytes} bytes`;
  if (offer.sizeBytes > IMAGE_BYTES_MAX) return `its size of ${offer.sizeBytes} bytes is above ${IMAGE_BYTES_MAX}`;
  if (offer.sha256 !== undefined && fromHex(offer.sha256)?.length !== 32) return "its sha256 is not 64 hex digits";
  if (offer.md5 !== undefined && fromHex(offer.md5)?.length !== 16) return "its md5 is not 32 hex digits";
  return undefined;
}

/**
 * Says why the image is not the offered one, or nothing. Each side may know less than the other: only what both name
 * can contradict.
 */
export function mismatch(offer: Offer, facts: ImageFacts): string | undefined {
  if (facts.sizeBytes !== offer.sizeBytes) return `size is ${facts.sizeBytes}, offered were ${offer.sizeBytes} bytes`;
  const sha256 = toHex(facts.sha256);
  if (offer.sha256 !== undefined && offer.sha256.toLowerCase() !== sha256) return `SHA-256 is ${sha256}`;
  const md5 = toHex(facts.md5);
  if (offer.md5 !== undefined && offer.md5.toLowerCase() !== md5) return `MD5 is ${md5}`;
  const target = targetOfImage(facts);
  if (offer.target && target && target !== offer.target) return wrongTarget(target);
  if (!facts.tag) return undefined;
  const tagged = firmwareOf(facts.tag);
  // Builds are not compared: the same day is written "Mar 05" by one tool and "Mar  5" by the next.
  for (const part of ["type", "version"] as const) {
    if (offer[part] && tagged[part] && offer[part] !== tagged[part]) {
      return `its tag says ${part} "${tagged[part]}", offered was "${offer[part]}"`;
    }
  }
  return undefined;
}

/** What is wrong with an image that is `target`'s, and was offered for the other one. */
export function wrongTarget(target: Target): string {
  return target === "ncp"
    ? "it is firmware of Ferry itself, offered for the MCU"
    : "it is firmware of an MCU, offered for Ferry itself";
}

/** Whether two offers are of the same content: by digest where both carry one (URLs rotate), else by all they say. */
export function sameContent(a: Offer, b: Offer): boolean {
  if (a.sizeBytes !== b.sizeBytes) return false;
  if (a.sha256 !== undefined && b.sha256 !== undefined) return a.sha256.toLowerCase() === b.sha256.toLowerCase();
  if (a.md5 !== undefined && b.md5 !== undefined) return a.md5.toLowerCase() === b.md5.toLowerCase();
  return nameOfContent(a) === nameOfContent(b);
}

/**
 * What a content goes by where no digest tells: all that the offer says. Of the URL without what stands behind "?" where
 * a version is named: Blynk's cloud puts another token there each time.
 */
export function nameOfContent({ url, sizeBytes, type, version, build }: Offer): string {
  return JSON.stringify([version ? url.split("?", 1)[0] : url, sizeBytes, type, version, build]);
}

/**
 * What the server takes for one file, whatever the URL has in it today: the firmware that is named, and where none is,
 * host and path. Wider than the content: two files that only their query tells apart share it.
 */
export function nameOfShipment(offer: Offer): string {
  const { url, sizeBytes } = offer;
  const named = nameOfFirmware(offer);
  if (named !== undefined) return named;
  const parsed = parseUrl(url);
  return JSON.stringify(typeof parsed === "string" ? [url] : [parsed.host, parsed.path.split("?", 1)[0], sizeBytes]);
}

/** What goes by the same names, wherever it lies; `undefined` without a version. */
export function nameOfFirmware({ sizeBytes, type, version, build }: Offer): string | undefined {
  return version ? JSON.stringify([type, version, build, sizeBytes]) : undefined;
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
