/** What the machine of Ferry's own update knows, hears and asks for. */

import type { Failure } from "../base/failure.js";
import type { Offer } from "../image/offer.js";
import type { Target } from "../image/target.js";
import type { Verdict } from "./verdict.js";

export type SelfPhase =
  | "idle"
  /** Until the MCU's own update needs the network and the places for images no more. */
  | "queued"
  | "staging"
  | "checking"
  /** The image is good; the restart waits until it disturbs nobody. */
  | "waiting"
  | "installing"
  | "restarting"
  /** The new build runs, and has to prove itself. */
  | "trial"
  | "confirming"
  | "reverting"
  | "ended";

/** One build of Ferry, known by the bytes of its image. */
export interface OwnBuild {
  readonly version: string;
  /** Of the whole image, in hexadecimal. */
  readonly sha256: string;
}

/** What else is going on. */
export interface Activity {
  /** The MCU's own update downloads, or the MCU is being offered one, served, or awaited. */
  readonly mcuBusy: boolean;
  /** The MCU has asked for no updates for a while. */
  readonly suspended: boolean;
}

/** What a new build has to show before it is confirmed. */
export interface Proofs {
  /** The MCU has initialized, or answered a ping. */
  readonly mcu: boolean;
  /** The cloud has accepted a login; where there is none, the server that is polled instead has answered. */
  readonly cloud: boolean;
}

export interface SelfUpdateState {
  readonly phase: SelfPhase;
  readonly offer?: Offer;
  /** An operator insists: also on an older version, or on a build that was rolled back. */
  readonly force: boolean;
  /** Known once the image has been checked; without it in `waiting`, the image is the MCU's. */
  readonly build?: OwnBuild;
  /** Label of the slot that the build goes to. */
  readonly slot?: string;
  /** So often the boot loader was told to boot it. */
  readonly tries: number;
  /** In `queued`: it was booted before, and has to wait before it is taken up again. */
  readonly isHeld: boolean;
  /** Why the new build is given up, while it is. */
  readonly failure?: Failure;
  readonly verdict?: Verdict;
  /** SHA-256s of builds that were rolled back, the last one first. */
  readonly revertedBuilds: readonly string[];
  readonly activity: Activity;
  /** Still missing. */
  readonly missing: Proofs;
}

export type SelfUpdateEvent =
  | { readonly kind: "offered"; readonly offer: Offer; readonly force: boolean }
  /** The same content is offered again: its URL may be another one now, or an operator insists. */
  | { readonly kind: "offer-renewed"; readonly offer: Offer; readonly force: boolean }
  | { readonly kind: "activity"; readonly activity: Activity }
  /** `target`: whose firmware the image says it is. */
  | { readonly kind: "staged"; readonly target: Target | undefined }
  | { readonly kind: "staging-failed"; readonly failure: Failure }
  | { readonly kind: "checked"; readonly build: OwnBuild; readonly slot: string }
  | { readonly kind: "check-failed"; readonly failure: Failure }
  /** Something else has taken its place. */
  | { readonly kind: "image-lost" }
  /** The boot loader will boot it. */
  | { readonly kind: "installed" }
  | { readonly kind: "install-failed"; readonly failure: Failure }
  | { readonly kind: "mcu-answered" }
  | { readonly kind: "cloud-accepted" }
  /** The device has to be set up anew. */
  | { readonly kind: "factory-reset"; readonly confirmationMs: number }
  | { readonly kind: "confirmed" }
  | { readonly kind: "confirm-failed" }
  /** There is no app to go back to. */
  | { readonly kind: "revert-failed" }
  | { readonly kind: "timeout"; readonly wait: SelfWait };

/** "proof": for all that is missing. "probe": until the MCU is asked again. "repeat": until the next trial is begun. */
export type SelfWait = "proof" | "probe" | "repeat";

export type SelfUpdateEffect =
  | { readonly do: "stage" }
  | { readonly do: "stop-staging" }
  | { readonly do: "check" }
  | { readonly do: "stop-checking" }
  /** The image is the MCU's: its updater goes on. */
  | { readonly do: "hand-over"; readonly offer: Offer }
  /** Tells the MCU that Ferry is, or is no longer, about to restart into another build. */
  | { readonly do: "announce" }
  | { readonly do: "install" }
  | { readonly do: "stop-installing" }
  /** `silently`: the MCU is not told; see onInstalled. */
  | { readonly do: "restart"; readonly silently: boolean }
  | { readonly do: "ask-mcu" }
  | { readonly do: "confirm" }
  | { readonly do: "revert" }
  | { readonly do: "wait"; readonly wait: SelfWait; readonly ms: number }
  /** Makes the state durable. */
  | { readonly do: "remember" }
  | { readonly do: "report-verdict"; readonly verdict: Verdict };

export interface SelfUpdateStep {
  readonly state: SelfUpdateState;
  readonly effects: readonly SelfUpdateEffect[];
}

export const SELF_IDLE: SelfUpdateState = Object.freeze({
  phase: "idle",
  force: false,
  tries: 0,
  isHeld: false,
  revertedBuilds: Object.freeze([]),
  activity: Object.freeze({ mcuBusy: false, suspended: false }),
  missing: Object.freeze({ mcu: false, cloud: false }),
});
