/** What the updaters need of the rest of Ferry: images at rest, downloads, a durable record, calls to the MCU. */

import type { Failure } from "../base/failure.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import type { Target } from "../image/target.js";
import type { Answer, TransferCalls } from "./transfer.js";

/** An image at rest, or on its way in. */
export interface UpdateImage {
  readonly offer: Offer;
  readonly facts: ImageDigests | undefined;
  readonly readableBytes: number;
  read(buffer: Uint8Array, offset: number): number;
  close(): void;
}

export interface ImageDigests {
  readonly crc32: number;
  readonly md5: Uint8Array;
  readonly sha256: Uint8Array;
  readonly firmware: FirmwareInfo;
  /** Whose firmware it is, where the image says so. */
  readonly target?: Target;
}

export interface UpdateImages<I extends UpdateImage> {
  find(offer: Offer): I | undefined;
  /** `undefined` when there is no room. */
  create(offer: Offer, keep: readonly Offer[]): I | undefined;
  /** When create() would find room; "later" is as soon as Ferry itself does not need the passive app slot. */
  roomFor(offer: Offer, keep: readonly Offer[]): "now" | "later" | "never";
}

export interface UpdateDownloads<I> {
  start(image: I, events: DownloadCallbacks): void;
  cancel(): void;
}

export interface DownloadCallbacks {
  onProgress(readableBytes: number): void;
  onRequest(url: string, offset: number): void;
  onRetry(reason: string, pauseMs: number): void;
  onHold(failure: Failure, waitMs: number): void;
  onRelease(): void;
  onComplete(): void;
  onFailed(failure: Failure): void;
}

/** The calls to the MCU that an update makes. */
export interface UpdateCalls extends TransferCalls {
  offer(filename: string, offer: Offer, onAnswer: (answer: Answer) => void): { forget(): void };
  cancel(): void;
}

export interface DurableRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  write(body: Uint8Array): void;
}
