/** What the machine of the MCU's update knows, hears and asks for. */

import type { Failure } from "../base/failure.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import type { TransferResult } from "./transfer-machine.js";
import type { Verdict } from "./verdict.js";

export type Phase = "idle" | "queued" | "offering" | "open" | "accepted" | "serving" | "returning" | "ended";

/**
 * Where the image is. `failed` can be tried again, `refused` cannot: it is not the image that was offered. `held` is
 * neither: its download goes on by itself, at a time that no MCU would wait for.
 */
export type StagingPhase = "none" | "fetching" | "held" | "ready" | "failed" | "refused";

export interface UpdateState {
  readonly phase: Phase;
  readonly staging: StagingPhase;
  /** Why staging failed, or is held, while it is. */
  readonly stagingFailure?: Failure;
  readonly offer?: Offer;
  /** What the image's own tag names. */
  readonly tagged?: FirmwareInfo;
  /** What the MCU ran before. */
  readonly previous?: FirmwareInfo;
  readonly verdict?: Verdict;
  /** It took an image and did not come back: until it initializes, the next image may be its only way. */
  readonly mcuGone?: true;
  /** Content of the image that the MCU last proved good before this offer. */
  readonly lastGood?: Offer;
  readonly offersMade: number;
  readonly prefetchOwed: boolean;
  readonly mcuReady: boolean;
  readonly suspended: boolean;
  /** A single-slot MCU asked for the whole image first: no chunk before it is verified. */
  readonly wholeFirst: boolean;
}

export type UpdateEvent =
  | {
      readonly kind: "offered";
      readonly offer: Offer;
      readonly running: FirmwareInfo | undefined;
      /** Of the image, where it is staged already. */
      readonly tagged?: FirmwareInfo;
      /** Content of the image of the update before, where it is whole. */
      readonly before?: Offer;
    }
  /** The same content is offered again: its URL may be another one now. */
  | { readonly kind: "offer-renewed"; readonly offer: Offer }
  /** The MCU has initialized. `reported`: what it has named since it took an image, if anything. */
  | { readonly kind: "mcu-ready"; readonly reported: FirmwareInfo | undefined }
  /** The MCU talks, and seems not to know that it should initialize. */
  | { readonly kind: "mcu-adopted" }
  | { readonly kind: "mcu-lost" }
  | { readonly kind: "offer-answered"; readonly yes: boolean }
  | { readonly kind: "offer-unsupported" }
  | { readonly kind: "offer-silent" }
  | { readonly kind: "prefetch-asked" }
  | { readonly kind: "start-asked"; readonly chunkBytes: number; readonly valid: boolean }
  | { readonly kind: "staged"; readonly tagged: FirmwareInfo }
  | { readonly kind: "staging-failed"; readonly failure: Failure }
  /** What was staged is gone: something else has taken its place. */
  | { readonly kind: "image-lost" }
  | { readonly kind: "staging-held"; readonly failure: Failure }
  /** The download goes on. */
  | { readonly kind: "staging-released" }
  | { readonly kind: "transferred"; readonly result: TransferResult }
  | { readonly kind: "suspend-asked"; readonly seconds: number }
  | { readonly kind: "timeout"; readonly wait: Wait };

/** The waits of the machine; each new wait in the phase replaces the last. */
export type Wait = "offer" | "accepted" | "return" | "suspension";

export type UpdateEffect =
  | { readonly do: "make-offer" }
  | { readonly do: "fetch" }
  /** Without a failure: the image is staged and verified. */
  | { readonly do: "answer-prefetch"; readonly failure?: Failure }
  | { readonly do: "answer-start"; readonly ok: boolean }
  | { readonly do: "serve"; readonly chunkBytes: number }
  | { readonly do: "stop-serving" }
  | { readonly do: "pause" }
  | { readonly do: "resume" }
  | { readonly do: "cancel-mcu" }
  | { readonly do: "wait"; readonly wait: Wait; readonly ms: number }
  /** Makes the state durable. */
  | { readonly do: "remember" }
  | { readonly do: "report-verdict"; readonly verdict: Verdict };

export interface UpdateStep {
  readonly state: UpdateState;
  readonly effects: readonly UpdateEffect[];
}

export const IDLE: UpdateState = Object.freeze({
  phase: "idle",
  staging: "none",
  offersMade: 0,
  prefetchOwed: false,
  mcuReady: false,
  suspended: false,
  wholeFirst: false,
});
