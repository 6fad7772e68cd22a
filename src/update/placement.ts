/**
 * The place of an image that is wanted: the one that it has, or a new one.
 *
 * The MCU's last good image is not given up for it while the new one is unproven, for Ferry may have to bring it back.
 * There is one exception: on a module that can never hold both, it goes, for otherwise no update would ever be possible
 * there. A module that could, if Ferry did not need the passive app slot just now, is no such case.
 */

import { type Failure, failure, storageFailure } from "../base/failure.js";
import type { Offer } from "../image/offer.js";
import type { UpdateImage, UpdateImages } from "./update-needs.js";

const NO_PLACE =
  "it is too large for the storage partition, and the passive app slot is too small or needed by Ferry itself";
const NO_PLACE_BESIDE =
  "beside the MCU's last good image, which is kept until the new one has proved itself, there is only the passive app " +
  "slot, and Ferry itself needs that until its own update is confirmed; offer the image again then";

type Placed<I> = { readonly image: I; readonly failed?: never } | { readonly image?: never; readonly failed: Failure };

/** Never throws: storage that does is a failure. */
export function findOrPlace<I extends UpdateImage>(
  images: UpdateImages<I>,
  offer: Offer,
  lastGood: Offer | undefined,
): Placed<I> {
  try {
    const image = images.find(offer) ?? place(images, offer, lastGood);
    if (typeof image !== "string") return { image };
    return { failed: failure("download", "no-space", `no place for an image of ${offer.sizeBytes} bytes: ${image}`) };
  } catch (error) {
    return { failed: storageFailure("download", "staging failed", error) };
  }
}

/** The image, or why there is no place for it. */
function place<I extends UpdateImage>(images: UpdateImages<I>, offer: Offer, lastGood: Offer | undefined): I | string {
  const alone = [offer];
  const both = lastGood ? [offer, lastGood] : alone;
  const room = images.roomFor(offer, both);
  if (room === "later" && images.roomFor(offer, alone) === "now") return NO_PLACE_BESIDE;
  return images.create(offer, room === "never" ? alone : both) ?? NO_PLACE;
}
