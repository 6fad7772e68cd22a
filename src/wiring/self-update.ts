/** A room of ncp.ts: builds the updater of Ferry itself from the ports and the product's choices. */

import type { Crc32 } from "../base/crc.js";
import { toHex } from "../base/hex.js";
import { Downloader, type DownloaderOptions } from "../download/downloader.js";
import type { Offer } from "../image/offer.js";
import { FERRY_FIRMWARE_TYPE } from "../image/target.js";
import type { System, Updater as UpdatePort, VerifyP256 } from "../ports.js";
import type { ImageStore, StagedImage } from "../store/image-store.js";
import type { SlotPorts } from "../store/passive-slot.js";
import type { RecordSlot } from "../store/record-slot.js";
import type { Proofs } from "../update/self-update-state.js";
import { SelfUpdater, type SelfUpdaterOptions } from "../update/self-updater.js";
import type { Updater } from "../update/updater.js";

/** Chip id in the header of an image for the plain ESP32; see image/esp-image.ts for others. */
const ESP32_CHIP_ID = 0;

/** What Ferry's own update needs besides the app slots of the storage, and how a product wants it. */
export interface SelfUpdateOptions {
  /** embedded:update. */
  updater: UpdatePort;
  /** As image headers have it; that of the plain ESP32 by default. */
  chipId?: number;
  /** Type of Ferry's own firmware in offers and tags; FERRY_FIRMWARE_TYPE by default. */
  firmwareType?: string;
  /** The key that images of Ferry have to be signed with: 65 bytes, a point of P-256. Without it all are taken. */
  signature?: { publicKey: Uint8Array; verifyP256: VerifyP256 };
  /** What a new build has to show before it stays: by default that the MCU answers. */
  confirmation?: Partial<Proofs>;
  /** For that; CONFIRMATION_MS by default. */
  confirmationMs?: number;
}

/** What of ncp.ts's own options it takes. */
interface Surroundings extends Omit<DownloaderOptions, "record" | "crc32"> {
  selfUpdate?: SelfUpdateOptions;
  storage: { slot?: SlotPorts };
  system: System;
}

interface Parts {
  version: string;
  crc32: Crc32;
  recordOf(name: string): RecordSlot;
  images: ImageStore;
  /** Of the MCU. */
  updater: Updater<StagedImage>;
}

interface Callbacks extends Pick<SelfUpdaterOptions<StagedImage>, "announce" | "restart" | "askMcu" | "onNews"> {
  /** Why the MCU should not be offered this content, which is staged; see StandingOffers. */
  objectionTo(offer: Offer, sha256: string): string | undefined;
  onNotTaken(offer: Offer, reason: string): void;
}

/** `undefined` where Ferry cannot update itself. */
export function makeSelfUpdater(
  surroundings: Surroundings,
  { version, crc32, recordOf, images, updater }: Parts,
  callbacks: Callbacks,
): SelfUpdater<StagedImage> | undefined {
  const { selfUpdate, storage, system, ...downloading } = surroundings;
  const { slot } = storage;
  if (!selfUpdate || !slot) return undefined;
  const { chipId = ESP32_CHIP_ID, firmwareType = FERRY_FIRMWARE_TYPE, signature, confirmationMs } = selfUpdate;
  return new SelfUpdater<StagedImage>({
    clock: downloading.clock,
    Digest: downloading.Digest,
    images,
    // Contents of the MCU's and of Ferry's are never the same, so each counts its own downloads.
    downloads: new Downloader({ ...downloading, crc32, record: recordOf("own-downloads") }),
    slots: slot.slots,
    resetReason: system.resetReason?.() ?? "unknown",
    openUpdate: () => {
      const partition = slot.flash.open({ path: "nextota", mode: "r+" });
      try {
        return selfUpdate.updater.open({ partition });
      } finally {
        partition.close();
      }
    },
    record: recordOf("self"),
    rules: { version, firmwareType, chipId, ...(signature ? { signature } : {}) },
    required: { mcu: true, cloud: false, ...selfUpdate.confirmation },
    ...(confirmationMs === undefined ? {} : { confirmationMs }),
    keep: () => keptBy(updater),
    handOver: (offer) => {
      const facts = images.find(offer)?.facts;
      const objection = facts && callbacks.objectionTo(offer, toHex(facts.sha256));
      if (objection === undefined) return updater.offer({ ...offer, target: "mcu" });
      callbacks.onNotTaken(offer, objection);
      return undefined;
    },
    ...callbacks,
  });
}

/** What the MCU still needs of the staged images, and what it may ask for again. */
function keptBy({ state }: Updater<StagedImage>) {
  const { phase, offer, lastGood } = state;
  const wanted = lastGood ? [lastGood] : [];
  if (!offer) return { needed: [], wanted };
  return phase === "ended" ? { needed: [], wanted: [offer, ...wanted] } : { needed: [offer], wanted };
}
