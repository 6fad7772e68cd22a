/**
 * Whose firmware it is: the MCU's or Ferry's own ("ncp", as Blynk calls what Ferry is). An offer may say so; else the
 * image has to, by its tag, and without a tag by its app descriptor.
 */

import type { EspHead } from "./esp-image.js";
import { firmwareOf, type InfoTag } from "./info-tag.js";

export type Target = "mcu" | "ncp";

/** For values from storage. */
export function isTarget(value: unknown): value is Target {
  return value === "mcu" || value === "ncp";
}

/** Stands in the app descriptor of every build of Ferry: CMake's project name. */
export const FERRY_PROJECT = "ferry";

/** The firmware type that Ferry's own images have, unless a product gives them another. */
export const FERRY_FIRMWARE_TYPE = "ferry";

/** By what the image says of itself; `undefined` when it says nothing of that. */
export function targetOfImage(image: {
  readonly tag?: InfoTag | undefined;
  readonly esp?: EspHead;
}): Target | undefined {
  const tagged = image.tag && firmwareOf(image.tag).target;
  if (isTarget(tagged)) return tagged;
  return image.esp?.app?.project === FERRY_PROJECT ? "ncp" : undefined;
}

/** By what the offer says; `undefined` when only the image can tell. */
export function targetOfOffer(
  offer: { readonly target?: Target; readonly type: string },
  ownType: string,
): Target | undefined {
  if (offer.target) return offer.target;
  if (offer.type === "") return undefined;
  return offer.type === ownType ? "ncp" : "mcu";
}
