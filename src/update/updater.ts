/**
 * Performs what the update machine decides: offers to the MCU, downloads, serves, remembers, reports.
 *
 * Its needs are interfaces declared here; ncp.ts hands in the parts that fulfil them.
 */

import type { Crc32 } from "../base/crc.js";
import { type Failure, failure, messageOf } from "../base/failure.js";
import { toHex } from "../base/hex.js";
import { fileNameOf } from "../base/url.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import { type Offer, offerProblem, sameContent, wrongTarget } from "../image/offer.js";
import type { Clock, TimerHandle } from "../ports.js";
import { findOrPlace } from "./placement.js";
import type { Activity } from "./self-update-state.js";
import { Transfer } from "./transfer.js";
import { RETURN_PATIENCE_MS, stepUpdate } from "./update-machine.js";
import type {
  DurableRecord,
  ImageDigests,
  UpdateCalls,
  UpdateDownloads,
  UpdateImage,
  UpdateImages,
} from "./update-needs.js";
import { encodeUpdate, recallUpdate } from "./update-record.js";
import type { Phase, UpdateEffect, UpdateEvent, UpdateState, Wait } from "./update-state.js";
import type { Verdict } from "./verdict.js";

/** What happens, as it happens: for logs, progress bars and the cloud. */
export type UpdateNews =
  | { readonly kind: "phase"; readonly phase: Phase }
  | { readonly kind: "request"; readonly url: string; readonly offset: number }
  | { readonly kind: "retry"; readonly reason: string; readonly pauseMs: number }
  /** The download waits, for a reason that is not a failure yet. */
  | { readonly kind: "held"; readonly failure: Failure; readonly waitMs: number }
  | { readonly kind: "fetched"; readonly bytes: number; readonly sizeBytes: number }
  | { readonly kind: "staged"; readonly digests: ImageDigests }
  | { readonly kind: "ferried"; readonly bytes: number; readonly sizeBytes: number }
  | { readonly kind: "resend"; readonly offset: number; readonly reason: string }
  | { readonly kind: "verdict"; readonly offer: Offer; readonly verdict: Verdict }
  | { readonly kind: "fault"; readonly detail: string };

export interface UpdaterOptions<I extends UpdateImage> {
  clock: Clock;
  images: UpdateImages<I>;
  downloads: UpdateDownloads<I>;
  calls: UpdateCalls;
  record: DurableRecord;
  crc32: Crc32;
  /** Before anything is done about a change: others may have to give way first. */
  onActivity?(activity: Activity): void;
  /** Why an image that is staged by now should not go to the MCU after all, if it came by itself. */
  objectionTo?(offer: Offer, sha256: string): string | undefined;
  onNews(news: UpdateNews): void;
}

export class Updater<I extends UpdateImage> {
  readonly #options: UpdaterOptions<I>;
  #state: UpdateState;
  #image: I | undefined;
  #transfer: Transfer | undefined;
  #offerCall: { forget(): void } | undefined;
  /** Prefetch calls that wait for an answer, oldest first: an MCU that gave up waiting may ask again. */
  readonly #prefetchAnswers: ((failed: Failure | undefined) => void)[] = [];
  #answerStart: ((ok: boolean) => void) | undefined;
  readonly #waits = new Map<Wait, TimerHandle>();
  /** What the MCU has named last, and whether that was since it last took an image. */
  #running: { readonly firmware: FirmwareInfo; readonly fresh: boolean } | undefined;

  /** Takes up the update that the last life left. */
  constructor(options: UpdaterOptions<I>) {
    this.#options = options;
    this.#state = this.#recall();
    if (this.#state.phase === "returning") this.#perform({ do: "wait", wait: "return", ms: RETURN_PATIENCE_MS });
  }

  get state(): UpdateState {
    return this.#state;
  }

  /** Digests of the image that is served, once it is whole and verified. */
  get digests(): ImageDigests | undefined {
    return this.#image?.facts;
  }

  /** Whether this content is on offer, and there is no verdict yet. */
  isWorkingOn(offer: Offer): boolean {
    const { phase, offer: current } = this.#state;
    return phase !== "idle" && phase !== "ended" && current !== undefined && sameContent(current, offer);
  }

  /** Whether this update needs network, places and the MCU, and whether the MCU wants to hear of none. */
  get activity(): Activity {
    const { phase, staging, mcuReady, suspended } = this.#state;
    const isMcuAsked = this.mcuMayBeSilent || (phase === "queued" && mcuReady && !suspended);
    return { mcuBusy: staging === "fetching" || isMcuAsked, suspended };
  }

  /** While true, a silent MCU is no news: it may be erasing, installing, or in its boot loader. */
  get mcuMayBeSilent(): boolean {
    const phase = this.#state.phase;
    return (
      phase === "offering" || phase === "open" || phase === "accepted" || phase === "serving" || phase === "returning"
    );
  }

  /**
   * Whether the MCU is there for what is not part of an update: "taken" while it erases, stores or installs; "unsure"
   * once it was offered one, for as long as it likes: its application may run on, or its boot loader may be there.
   */
  get mcuAttention(): "free" | "unsure" | "taken" {
    const { phase } = this.#state;
    if (phase === "offering" || phase === "serving" || phase === "returning") return "taken";
    return phase === "open" || phase === "accepted" ? "unsure" : "free";
  }

  /** Takes an offer; says why not, or nothing when it was taken or is being worked on already. */
  offer(offer: Offer): string | undefined {
    const problem = offerProblem(offer);
    if (problem) return `the offer is refused: ${problem}`;
    const found = this.#options.images.find(offer); // a download under way goes on from the new URL
    if (found?.facts?.target === "ncp") return `the offer is refused: ${wrongTarget("ncp")}`;
    const current = this.#state;
    const same = current.offer !== undefined && sameContent(current.offer, offer);
    if (current.phase === "serving" || current.phase === "returning") {
      return same ? undefined : "the offer is refused: another update is being transferred";
    }
    if (same && current.phase !== "ended" && current.phase !== "idle") {
      this.#handle({ kind: "offer-renewed", offer });
      return undefined;
    }
    this.#options.downloads.cancel();
    this.#image?.close();
    const before = this.#image && identityOf(this.#image);
    this.#image = found;
    const tagged = this.#image?.facts?.firmware;
    this.#handle({
      kind: "offered",
      offer,
      running: this.#running?.firmware,
      ...(tagged ? { tagged } : {}),
      ...(before ? { before } : {}),
    });
    return undefined;
  }

  // ---- what the MCU says --------------------------------------------------------------------------------------

  onFirmwareInfo(firmware: FirmwareInfo): void {
    this.#running = { firmware, fresh: true };
  }

  /** The MCU has initialized: what it had been told or owed before is void. */
  onMcuReady(): void {
    this.#prefetchAnswers.length = 0;
    this.#handle({ kind: "mcu-ready", reported: this.#running?.fresh ? this.#running.firmware : undefined });
  }

  onMcuAdopted(): void {
    this.#handle({ kind: "mcu-adopted" });
  }

  onMcuLost(): void {
    this.#handle({ kind: "mcu-lost" });
  }

  onPrefetch(answer: (failed: Failure | undefined) => void): void {
    this.#noticeLoss();
    this.#prefetchAnswers.push(answer);
    this.#handle({ kind: "prefetch-asked" });
  }

  onStart(chunkBytes: number, valid: boolean, answer: (ok: boolean) => void): void {
    this.#noticeLoss();
    this.#answerStart = answer;
    this.#handle({ kind: "start-asked", chunkBytes, valid });
  }

  onSuspend(seconds: number): void {
    this.#handle({ kind: "suspend-asked", seconds });
  }

  close(): void {
    this.#transfer?.close();
    this.#options.downloads.cancel();
    this.#offerCall?.forget();
    for (const timer of this.#waits.values()) this.#options.clock.clear(timer);
    this.#image?.close();
  }

  // ---- machine --------------------------------------------------------------------------------------------------

  #handle(event: UpdateEvent): void {
    const phaseBefore = this.#state.phase;
    const step = stepUpdate(this.#state, event);
    this.#state = step.state;
    this.#options.onActivity?.(this.activity);
    if (step.state.phase !== phaseBefore) this.#options.onNews({ kind: "phase", phase: step.state.phase });
    for (const effect of step.effects) this.#perform(effect);
  }

  #perform(effect: UpdateEffect): void {
    switch (effect.do) {
      case "make-offer":
        return this.#makeOffer();
      case "fetch":
        return this.#fetch();
      case "answer-prefetch":
        return this.#prefetchAnswers.shift()?.(effect.failure);
      case "answer-start": {
        const answer = this.#answerStart;
        this.#answerStart = undefined;
        return answer?.(effect.ok);
      }
      case "serve":
        return this.#serve(effect.chunkBytes);
      case "stop-serving":
        this.#transfer?.close();
        this.#transfer = undefined;
        return;
      case "pause":
        return this.#transfer?.pause();
      case "resume":
        return this.#transfer?.resume();
      case "cancel-mcu":
        return this.#options.calls.cancel();
      case "wait":
        return this.#wait(effect.wait, effect.ms);
      case "remember":
        return this.#remember();
      case "report-verdict":
        if (this.#state.offer) {
          this.#options.onNews({ kind: "verdict", offer: this.#state.offer, verdict: effect.verdict });
        }
        return;
    }
  }

  #makeOffer(): void {
    const offer = this.#state.offer;
    if (!offer) return;
    this.#offerCall?.forget();
    this.#offerCall = this.#options.calls.offer(fileNameOf(offer.url), offer, (answer) => {
      if (answer.kind === "timeout") this.#handle({ kind: "offer-silent" });
      else if (answer.kind === "refused") this.#handle({ kind: "offer-unsupported" });
      else this.#handle({ kind: "offer-answered", yes: answer.results.ok });
    });
  }

  #fetch(): void {
    const offer = this.#state.offer;
    if (!offer) return;
    this.#image = this.#findOrPlace(offer);
    if (!this.#image) return;
    const image = this.#image;
    const news = this.#options.onNews;
    this.#options.downloads.start(image, {
      onProgress: (bytes) => {
        news({ kind: "fetched", bytes, sizeBytes: offer.sizeBytes });
        this.#transfer?.onAvailable();
      },
      onRequest: (url, offset) => news({ kind: "request", url, offset }),
      onRetry: (reason, pauseMs) => news({ kind: "retry", reason, pauseMs }),
      onHold: (failed, waitMs) => {
        news({ kind: "held", failure: failed, waitMs });
        this.#handle({ kind: "staging-held", failure: failed });
      },
      onRelease: () => this.#onRelease(image),
      onComplete: () => this.#onStaged(image),
      onFailed: (failed) => this.#handle({ kind: "staging-failed", failure: failed }),
    });
  }

  /** The download goes on: from the start, where its place was needed for Ferry's own meanwhile. */
  #onRelease(image: I): void {
    const { offer } = this.#state;
    this.#handle({ kind: "staging-released" });
    if (offer && this.#options.images.find(offer) !== image) this.#fetch();
  }

  /** Failures are told later: the answer to the call that led here leaves first. */
  #findOrPlace(offer: Offer): I | undefined {
    const { image, failed } = findOrPlace(this.#options.images, offer, this.#state.lastGood);
    if (failed) this.#options.clock.set(() => this.#handle({ kind: "staging-failed", failure: failed }), 0);
    return image;
  }

  #onStaged(image: I): void {
    const digests = image.facts;
    if (!digests) return;
    this.#options.onNews({ kind: "fetched", bytes: image.offer.sizeBytes, sizeBytes: image.offer.sizeBytes });
    if (this.#isObjectedTo(digests)) return;
    this.#options.onNews({ kind: "staged", digests });
    this.#handle({ kind: "staged", tagged: digests.firmware });
    this.#transfer?.onAvailable();
  }

  /** Then otaUpdateStart is refused as well: MCUs call it also after a Prefetch that failed. */
  #isObjectedTo({ sha256 }: ImageDigests): boolean {
    const { offer } = this.#state;
    const objection = offer?.standing && this.#options.objectionTo?.(offer, toHex(sha256));
    if (!objection) return false;
    this.#handle({ kind: "staging-failed", failure: failure("verify", "tried-before", objection) });
    return true;
  }

  /** The place of an image that rests may have been needed for Ferry's own. */
  #noticeLoss(): void {
    const { offer, staging } = this.#state;
    if (!this.#image || !offer || staging !== "ready" || this.#options.images.find(offer) === this.#image) return;
    this.#image = undefined;
    this.#handle({ kind: "image-lost" });
  }

  #serve(chunkBytes: number): void {
    const offer = this.#state.offer;
    this.#image ??= offer && this.#options.images.find(offer);
    const image = this.#image;
    if (!image) return;
    const sizeBytes = image.offer.sizeBytes;
    // The last bytes wait until the whole is verified, and so does the first where the MCU asked for that.
    const readable = () => {
      if (image.facts) return sizeBytes;
      return this.#state.wholeFirst ? 0 : Math.min(image.readableBytes, sizeBytes - 1);
    };
    const transfer = new Transfer({
      clock: this.#options.clock,
      calls: this.#options.calls,
      crc32: this.#options.crc32,
      chunkBytes,
      source: {
        sizeBytes,
        get readableBytes() {
          return readable();
        },
        read: (buffer, offset) => image.read(buffer, offset),
      },
      onProgress: (bytes) => this.#options.onNews({ kind: "ferried", bytes, sizeBytes }),
      onResend: (offset, reason) => this.#options.onNews({ kind: "resend", offset, reason }),
      onEnd: (result) => {
        if (this.#transfer === transfer) this.#transfer = undefined;
        // A download that is still under way has bytes in hand, and closes the image itself.
        if (this.#state.staging !== "fetching") image.close();
        if (result.kind !== "failed" && this.#running) this.#running = { ...this.#running, fresh: false };
        this.#handle({ kind: "transferred", result });
      },
    });
    this.#transfer = transfer;
    transfer.start();
  }

  #wait(wait: Wait, ms: number): void {
    this.#options.clock.clear(this.#waits.get(wait));
    this.#waits.set(
      wait,
      this.#options.clock.set(() => this.#handle({ kind: "timeout", wait }), ms),
    );
  }

  // ---- durability -------------------------------------------------------------------------------------------------

  #recall(): UpdateState {
    const state = recallUpdate(this.#options.record.read());
    this.#image = state.offer && this.#options.images.find(state.offer);
    const digests = this.#image?.facts;
    return digests ? { ...state, staging: "ready", tagged: digests.firmware } : state;
  }

  #remember(): void {
    const body = encodeUpdate(this.#state);
    try {
      if (body) this.#options.record.write(body);
    } catch (error) {
      // The update goes on; only a restart of Ferry would forget it.
      this.#options.onNews({ kind: "fault", detail: `cannot store the update's record: ${messageOf(error)}` });
    }
  }
}

/** Content that a later life tells from others, without the URL: those rotate. */
function identityOf(image: UpdateImage): Offer | undefined {
  const { facts, offer } = image;
  return (
    facts && { url: "", sizeBytes: offer.sizeBytes, type: "", version: "", build: "", sha256: toHex(facts.sha256) }
  );
}
