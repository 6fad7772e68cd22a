/** Takes offers of firmware to the updater that they are for, and knows how far each is: a room of ncp.ts. */

import { toHex } from "../base/hex.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import { FERRY_FIRMWARE_TYPE, type Target, targetOfOffer } from "../image/target.js";
import type { ImageStore, StagedImage } from "../store/image-store.js";
import type { SelfUpdater } from "../update/self-updater.js";
import type { Updater } from "../update/updater.js";
import type { McuIdentity } from "./mcu-identity.js";
import type { OfferDesk } from "./standing-offers.js";
import type { UpdateInView, UpdatesInView } from "./update-narrator.js";

export interface UpdateDeskParts {
  readonly images: ImageStore;
  readonly updater: Updater<StagedImage>;
  readonly selfUpdater: SelfUpdater<StagedImage> | undefined;
  readonly mcu: McuIdentity;
  /** Of Ferry. */
  readonly version: string;
  /** Of Ferry's own firmware, in offers; FERRY_FIRMWARE_TYPE by default. */
  readonly ownType: string | undefined;
  /** Its content has to be seen before the MCU hears of it. */
  isDoubtful(offer: Offer): boolean;
}

const NONE: UpdateInView = Object.freeze({});

export class UpdateDesk implements OfferDesk, UpdatesInView {
  readonly #parts: UpdateDeskParts;

  constructor(parts: UpdateDeskParts) {
    this.#parts = parts;
  }

  /**
   * Ferry's own updater stages what does not say whose it is, and what has to be staged before the MCU hears of it, and
   * hands it over.
   */
  take(offer: Offer, force = false): string | undefined {
    const { updater, selfUpdater, isDoubtful } = this.#parts;
    const target = this.targetOf(offer);
    if (selfUpdater && !(target !== "ncp" && updater.isWorkingOn(offer))) {
      if (target !== "mcu") return selfUpdater.offer(target ? { ...offer, target } : offer, force);
      if (isDoubtful(offer)) return selfUpdater.offer({ ...offer, target }, force);
    }
    if (target === "ncp") return "the offer is refused: this build of Ferry cannot update itself";
    return updater.offer({ ...offer, target: "mcu" });
  }

  isUnderWay(offer: Offer): boolean {
    const { updater, selfUpdater } = this.#parts;
    return updater.isWorkingOn(offer) || (selfUpdater?.isWorkingOn(offer) ?? false);
  }

  targetOf(offer: Offer): Target | undefined {
    return targetOfOffer(offer, this.#ownType);
  }

  runningFor(offer: Offer): FirmwareInfo {
    const { mcu, version } = this.#parts;
    return this.targetOf(offer) === "ncp" ? { type: this.#ownType, version, build: "" } : mcu.firmware;
  }

  digestOf(offer: Offer): string | undefined {
    const facts = this.#parts.images.find(offer)?.facts;
    return facts && toHex(facts.sha256);
  }

  get mcu(): UpdateInView {
    return this.#parts.updater.state;
  }

  get own(): UpdateInView {
    return this.#parts.selfUpdater?.state ?? NONE;
  }

  get #ownType(): string {
    return this.#parts.ownType ?? FERRY_FIRMWARE_TYPE;
  }
}
