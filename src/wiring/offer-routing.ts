/** Where an offer goes, the MCU's updater or Ferry's own, and what each of them knows of it: a room of ncp.ts. */

import { toHex } from "../base/hex.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import { type Target, targetOfOffer } from "../image/target.js";
import type { ImageStore, StagedImage } from "../store/image-store.js";
import type { SelfUpdater } from "../update/self-updater.js";
import type { Updater } from "../update/updater.js";
import type { OfferDesk } from "./standing-offers.js";

export interface OfferRoutingOptions {
  images: ImageStore;
  updater: Updater<StagedImage>;
  /** Absent where Ferry cannot update itself. */
  selfUpdater: SelfUpdater<StagedImage> | undefined;
  /** Of Ferry's own firmware, in offers. */
  ownType: string;
  ownVersion: string;
  mcuFirmware(): FirmwareInfo;
  /** Its content has to be seen before the MCU hears of it. */
  isDoubtful(offer: Offer): boolean;
}

export class OfferRouting implements OfferDesk {
  readonly #options: OfferRoutingOptions;

  constructor(options: OfferRoutingOptions) {
    this.#options = options;
  }

  /**
   * Ferry's own updater stages what does not say whose it is, and what has to be staged before the MCU hears of it, and
   * hands it over.
   */
  take(offer: Offer, force = false): string | undefined {
    const { updater, selfUpdater } = this.#options;
    const target = this.targetOf(offer);
    if (selfUpdater && !(target !== "ncp" && updater.isWorkingOn(offer))) {
      if (target !== "mcu") return selfUpdater.offer(target ? { ...offer, target } : offer, force);
      if (this.#options.isDoubtful(offer)) return selfUpdater.offer({ ...offer, target }, force);
    }
    if (target === "ncp") return "the offer is refused: this build of Ferry cannot update itself";
    return updater.offer({ ...offer, target: "mcu" });
  }

  isOwn(offer: Offer): boolean {
    return this.targetOf(offer) === "ncp";
  }

  isUnderWay(offer: Offer): boolean {
    const { updater, selfUpdater } = this.#options;
    return updater.isWorkingOn(offer) || (selfUpdater?.isWorkingOn(offer) ?? false);
  }

  runningFor(offer: Offer): FirmwareInfo {
    const { ownType, ownVersion, mcuFirmware } = this.#options;
    return this.isOwn(offer) ? { type: ownType, version: ownVersion, build: "" } : mcuFirmware();
  }

  digestOf(offer: Offer): string | undefined {
    const facts = this.#options.images.find(offer)?.facts;
    return facts && toHex(facts.sha256);
  }

  /** `undefined` as long as only the image can tell. */
  targetOf(offer: Offer): Target | undefined {
    return targetOfOffer(offer, this.#options.ownType);
  }
}
