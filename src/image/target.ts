/**
 * Whose firmware it is: the MCU's or Ferry's own ("ncp", as Blynk calls what Ferry is). An offer may say so; else the
 * image has to, by its tag, and without a tag by its app descriptor. The tag of Ferry's own images is compiled into them
 * (native/identity.c); their descriptor says nothing, for the Moddable SDK builds every app as project "xs_esp32".
 */

import type { EspHead } from "./esp-image.js";
import { firmwareOf, type InfoTag } from "./info-tag.js";

export type Target = "mcu" | "ncp";

/** For values from storage. */
export function isTarget(value: unknown): value is Target {
  return value === "mcu" || value === "ncp";
}

/** The project in the app descriptor of an image of Ferry that was not built by the SDK and has no tag. */
export const FERRY_PROJECT = "ferry";

/** The firmware type that Ferry's own images have, unless a product gives them another. */
export const FERRY_FIRMWARE_TYPE = "ferry";

/** By what the image says of itself; `undefined` when it says nothing of that. */
export function targetOfImage(image: {
  readonly tag?: InfoTag | undefined;
  readonly esp?: EspHead;
}): Target | undefined {
  if (image.tag) {
    const { target } = firmwareOf(image.tag);
    return isTarget(target) ? target : undefined;
  }
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
