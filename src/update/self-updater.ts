/**
 * Performs what the machine of Ferry's own update decides: stages, checks, installs, restarts, proves, remembers.
 *
 * Offers that leave open whose firmware they bring are staged here as well, and handed over to the MCU's updater when
 * the image is the MCU's: so the MCU hears of no update before it is known to be its own. Its needs are interfaces
 * declared here; ncp.ts hands in the parts that fulfil them.
 */

import { type Failure, failure, messageOf } from "../base/failure.js";
import { type Offer, offerProblem, sameContent } from "../image/offer.js";
import type { Clock, DigestClass, ResetReason, Slots, TimerHandle, Update } from "../ports.js";
import { OwnImageCheck, type OwnImageRules } from "./own-image.js";
import { decodeSelfUpdate, encodeSelfUpdate } from "./self-record.js";
import { NOTHING_RECORDED, resumeSelfUpdate } from "./self-recovery.js";
import { CONFIRMATION_MS, stepSelfUpdate } from "./self-update-machine.js";
import {
  type Activity,
  type OwnBuild,
  type Proofs,
  SELF_IDLE,
  type SelfPhase,
  type SelfUpdateEffect,
  type SelfUpdateEvent,
  type SelfUpdateState,
  type SelfUpdateStep,
  type SelfWait,
} from "./self-update-state.js";
import { SlotWriter } from "./slot-writer.js";
import type { DurableRecord, UpdateDownloads, UpdateImage, UpdateImages } from "./update-needs.js";
import type { Verdict } from "./verdict.js";

/** A staged image that may become the app of the passive slot. */
export interface SelfImage extends UpdateImage {
  /** So many bytes from the first are to be written for that; the others lie in the slot already. */
  readonly appBytes: number;
}

export interface SelfImages<I extends SelfImage> extends UpdateImages<I> {
  /** The passive slot is about to become an app: only this image may rely on it any longer. */
  yieldSlotTo(image: I): void;
}

/** What happens, as it happens: for logs, progress bars and the cloud. */
export type SelfUpdateNews =
  | { readonly kind: "self-phase"; readonly phase: SelfPhase }
  | { readonly kind: "self-request"; readonly url: string; readonly offset: number }
  | { readonly kind: "self-retry"; readonly reason: string; readonly pauseMs: number }
  /** The download waits, for a reason that is not a failure yet. */
  | { readonly kind: "self-held"; readonly failure: Failure; readonly waitMs: number }
  | { readonly kind: "self-fetched"; readonly bytes: number; readonly sizeBytes: number }
  /** `build` is absent where it was never found out which it is. */
  | { readonly kind: "self-verdict"; readonly offer: Offer; readonly build?: OwnBuild; readonly verdict: Verdict }
  | { readonly kind: "fault"; readonly detail: string };

export interface SelfUpdaterOptions<I extends SelfImage> {
  clock: Clock;
  Digest: DigestClass;
  images: SelfImages<I>;
  downloads: UpdateDownloads<I>;
  slots: Pick<Slots, "passiveLabel" | "runningState" | "markValid" | "rollBackAndRestart">;
  /** Why this life began. */
  resetReason: ResetReason;
  /** Begins to overwrite the passive slot. */
  openUpdate(): Update;
  record: DurableRecord;
  rules: OwnImageRules;
  /** What a new build has to show before it is confirmed. */
  required: Proofs;
  /** For that; CONFIRMATION_MS by default. */
  confirmationMs?: number;
  /** Content of the MCU's, which it needs, and which it may ask for again. */
  keep(): { readonly needed: readonly Offer[]; readonly wanted: readonly Offer[] };
  /** The staged image is the MCU's. Says why its updater does not take it. */
  handOver(offer: Offer): string | undefined;
  /** `isUpgrading` has changed. */
  announce(): void;
  /** Tells the MCU, unless silently, and restarts when that has left. */
  restart(how: { readonly silently: boolean }): void;
  /** Pings the MCU; its answer comes by onMcuAnswered(). */
  askMcu(): void;
  onNews(news: SelfUpdateNews): void;
}

const NO_PLACE = "it fits neither into the passive app slot nor into the storage partition, or both are needed";
const TRIED_BEFORE = "this build was tried before and rolled back; it is only tried again by force";
const NO_SLOT = Object.freeze(failure("install", "storage", "there is no second app slot to install an update into"));

export class SelfUpdater<I extends SelfImage> {
  readonly #options: SelfUpdaterOptions<I>;
  #state: SelfUpdateState = SELF_IDLE;
  #image: I | undefined;
  /** The check or the installation that is under way. */
  #work: { close(): void } | undefined;
  readonly #waits = new Map<SelfWait, TimerHandle>();
  #activityTimer: TimerHandle;

  constructor(options: SelfUpdaterOptions<I>) {
    this.#options = options;
  }

  /** Takes up what the last life left. */
  start(): void {
    const { clock, slots, required, record, resetReason, confirmationMs = CONFIRMATION_MS } = this.#options;
    const stored = record.read();
    const { state, recorded } = stored.kind === "valid" ? decodeSelfUpdate(stored.body) : NOTHING_RECORDED;
    const step = resumeSelfUpdate({
      state: { ...state, missing: required },
      recorded,
      passiveSlot: slots.passiveLabel(),
      isPending: slots.runningState() === "pending-verify",
      resetReason,
      confirmationMs,
    });
    this.#take(step);
    const goOn = () => this.#handle({ kind: "activity", activity: this.#state.activity });
    if (this.#state.phase === "queued") this.#activityTimer = clock.set(goOn, 0);
  }

  get state(): SelfUpdateState {
    return this.#state;
  }

  /** Whether this content is on offer, and there is no verdict yet. */
  isWorkingOn(offer: Offer): boolean {
    const { phase, offer: current } = this.#state;
    return phase !== "idle" && phase !== "ended" && current !== undefined && sameContent(current, offer);
  }

  /** From the first byte that is written into the slot to the restart. */
  get isUpgrading(): boolean {
    return this.#state.phase === "installing" || this.#state.phase === "restarting";
  }

  /** A new build that a reset would end. */
  get isProving(): boolean {
    return this.#state.phase === "trial" || this.#state.phase === "confirming" || this.#state.phase === "reverting";
  }

  /** Takes an offer; says why not, or nothing when it was taken or is being worked on already. */
  offer(offer: Offer, force: boolean): string | undefined {
    const problem = offerProblem(offer) ?? this.#objectionTo(offer, force);
    if (problem) return `the offer is refused: ${problem}`;
    if (this.isWorkingOn(offer)) this.#handle({ kind: "offer-renewed", offer, force });
    else this.#handle({ kind: "offered", offer, force });
    return undefined;
  }

  // ---- what others say ----------------------------------------------------------------------------------------

  /** What else is going on. Work gives way at once, and begins later: whoever calls has not done yet. */
  setActivity(activity: Activity): void {
    const { clock } = this.#options;
    const { mcuBusy, suspended } = this.#state.activity;
    const mostly = { mcuBusy: mcuBusy || activity.mcuBusy, suspended: suspended || activity.suspended };
    if (!sameActivity(mostly, this.#state.activity)) this.#handle({ kind: "activity", activity: mostly });
    clock.clear(this.#activityTimer);
    if (sameActivity(mostly, activity)) return;
    this.#activityTimer = clock.set(() => this.#handle({ kind: "activity", activity }), 0);
  }

  onMcuAnswered(): void {
    if (this.#state.missing.mcu) this.#handle({ kind: "mcu-answered" });
  }

  onCloudAccepted(): void {
    if (this.#state.missing.cloud) this.#handle({ kind: "cloud-accepted" });
  }

  onFactoryReset(): void {
    this.#handle({ kind: "factory-reset", confirmationMs: this.#options.confirmationMs ?? CONFIRMATION_MS });
  }

  close(): void {
    const { clock, downloads } = this.#options;
    this.#stopWork();
    downloads.cancel();
    clock.clear(this.#activityTimer);
    for (const timer of this.#waits.values()) clock.clear(timer);
    this.#image?.close();
  }

  // ---- machine --------------------------------------------------------------------------------------------------

  #objectionTo(offer: Offer, force: boolean): string | undefined {
    const { offer: current, verdict, revertedBuilds } = this.#state;
    const isSame = current !== undefined && sameContent(current, offer);
    if (this.isUpgrading && !isSame) return "Ferry is about to restart into another build";
    if (this.isProving) return "Ferry's own update has not proved itself yet";
    const isOwnUnderWay = current?.target === "ncp" && this.isWorkingOn(current);
    if (offer.target === "mcu" && isOwnUnderWay) return "Ferry's own update is under way";
    const wasReverted =
      (isSame && verdict?.kind === "rolled-back") || revertedBuilds.includes(`${offer.sha256?.toLowerCase()}`);
    return wasReverted && !force ? TRIED_BEFORE : undefined;
  }

  #handle(event: SelfUpdateEvent): void {
    this.#take(stepSelfUpdate(this.#state, event));
  }

  #take({ state, effects }: SelfUpdateStep): void {
    const phaseBefore = this.#state.phase;
    this.#state = state;
    if (state.phase !== phaseBefore) this.#options.onNews({ kind: "self-phase", phase: state.phase });
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SelfUpdateEffect): void {
    const { offer, build } = this.#state;
    switch (effect.do) {
      case "stage":
        return this.#stage();
      case "stop-staging":
        return this.#options.downloads.cancel();
      case "check":
        return this.#check();
      case "stop-checking":
      case "stop-installing":
        return this.#stopWork();
      case "hand-over":
        return this.#handOver(effect.offer);
      case "announce":
        return this.#options.announce();
      case "install":
        return this.#install();
      case "restart":
        return this.#options.restart(effect);
      case "ask-mcu":
        return this.#options.askMcu();
      case "confirm":
        return this.#confirm();
      case "revert":
        return this.#revert();
      case "wait":
        return this.#wait(effect.wait, effect.ms);
      case "remember":
        return this.#remember();
      case "report-verdict":
        if (!offer) return;
        return this.#options.onNews({
          kind: "self-verdict",
          offer,
          ...(build ? { build } : {}),
          verdict: effect.verdict,
        });
    }
  }

  #stage(): void {
    const { offer } = this.#state;
    if (!offer) return;
    const image = this.#findOrCreate(offer);
    this.#image = image;
    if (!image) return;
    const { sizeBytes } = offer;
    const news = this.#options.onNews;
    this.#options.downloads.start(image, {
      onProgress: (bytes) => news({ kind: "self-fetched", bytes, sizeBytes }),
      onRequest: (url, offset) => news({ kind: "self-request", url, offset }),
      onRetry: (reason, pauseMs) => news({ kind: "self-retry", reason, pauseMs }),
      onHold: (failed, waitMs) => news({ kind: "self-held", failure: failed, waitMs }),
      onRelease: () => {},
      onComplete: () => this.#handle({ kind: "staged", target: image.facts?.target }),
      onFailed: (failed) => this.#handle({ kind: "staging-failed", failure: failed }),
    });
  }

  #findOrCreate(offer: Offer): I | undefined {
    const { images, clock } = this.#options;
    let failed: Failure;
    try {
      const { needed, wanted } = this.#options.keep();
      const create = (others: readonly Offer[]) => images.create(offer, [offer, ...others]);
      const image = images.find(offer) ?? create([...needed, ...wanted]) ?? create(needed);
      if (image) return image;
      failed = failure("download", "no-space", `no place for an image of ${offer.sizeBytes} bytes: ${NO_PLACE}`);
    } catch (error) {
      failed = failure("download", "storage", `staging failed: ${messageOf(error)}`);
    }
    clock.set(() => this.#handle({ kind: "staging-failed", failure: failed }), 0);
    return undefined;
  }

  #check(): void {
    const { clock, Digest, rules, slots } = this.#options;
    const image = this.#image;
    if (!image) return this.#handle({ kind: "image-lost" });
    this.#work = new OwnImageCheck({
      clock,
      Digest,
      image,
      rules,
      force: this.#state.force,
      onEnd: (result) => {
        this.#stopWork();
        const slot = slots.passiveLabel();
        if ("stage" in result) this.#handle({ kind: "check-failed", failure: result });
        else if (slot === undefined) this.#handle({ kind: "check-failed", failure: NO_SLOT });
        else this.#handle({ kind: "checked", build: result, slot });
      },
    });
  }

  /** The image may have waited for long, and others may have needed its place. */
  #install(): void {
    const { clock, images, openUpdate } = this.#options;
    const { offer } = this.#state;
    const image = this.#image;
    if (this.#state.phase !== "installing") return; // its record could not be stored
    if (!image?.facts || !offer || images.find(offer) !== image) return this.#handle({ kind: "image-lost" });
    images.yieldSlotTo(image);
    this.#work = new SlotWriter({
      clock,
      image,
      openUpdate,
      onEnd: (failed) => {
        this.#stopWork();
        this.#handle(failed ? { kind: "install-failed", failure: failed } : { kind: "installed" });
      },
    });
  }

  #stopWork(): void {
    this.#work?.close();
    this.#work = undefined;
    this.#image?.close();
  }

  #handOver(offer: Offer): void {
    this.#image = undefined;
    const problem = this.#options.handOver(offer);
    if (problem)
      this.#options.onNews({ kind: "fault", detail: `a staged image of the MCU is not offered: ${problem}` });
  }

  #confirm(): void {
    try {
      this.#options.slots.markValid();
    } catch (error) {
      this.#options.onNews({ kind: "fault", detail: `cannot confirm the running build: ${messageOf(error)}` });
      return this.#handle({ kind: "confirm-failed" });
    }
    this.#handle({ kind: "confirmed" });
  }

  #revert(): void {
    try {
      this.#options.slots.rollBackAndRestart();
    } catch (error) {
      this.#options.onNews({ kind: "fault", detail: `cannot go back to the build before: ${messageOf(error)}` });
      this.#handle({ kind: "revert-failed" });
    }
  }

  #wait(wait: SelfWait, ms: number): void {
    this.#options.clock.clear(this.#waits.get(wait));
    this.#waits.set(
      wait,
      this.#options.clock.set(() => this.#handle({ kind: "timeout", wait }), ms),
    );
  }

  #remember(): void {
    try {
      this.#options.record.write(encodeSelfUpdate(this.#state));
    } catch (error) {
      const detail = `cannot store the record of Ferry's own update: ${messageOf(error)}`;
      this.#options.onNews({ kind: "fault", detail });
      // Without it, the next life could not tell what has become of the update.
      const failed = failure("install", "storage", detail);
      if (this.#state.phase === "installing") this.#handle({ kind: "install-failed", failure: failed });
    }
  }
}

function sameActivity(a: Activity, b: Activity): boolean {
  return a.mcuBusy === b.mcuBusy && a.suspended === b.suspended;
}
