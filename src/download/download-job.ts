/**
 * One image on its way from its server to a staging place, through whatever the network does.
 *
 * Invariants: an image is complete only when its size, its digests and its tag fit the offer; work is done in slices,
 * with the event loop in between, so that the MCU's calls are answered meanwhile. Requests (fetcher.ts) are retried
 * with growing pauses, resuming where the bytes in hand end. Their number is bounded, and so is that of downloads from
 * byte 0 (budget.ts): one too many waits for its time. Event handlers may close the job: nothing follows then.
 */

import { type Failure, failure, storageFailure } from "../base/failure.js";
import type { TimerHandle } from "../ports.js";
import { Assembly, type AssemblyOptions, type Staging } from "./assembly.js";
import { type DownloadBudget, KEEP_TIME_MS } from "./budget.js";
import { SLICE_BYTES } from "./download-request.js";
import { Fetcher, type FetcherOptions, type Refusal } from "./fetcher.js";
import type { Judgement } from "./response.js";
import { Retries } from "./retries.js";

/** A server may send the rest of a file in ranges of its own making; shorter ones count as attempts. */
export const RANGE_BYTES_MIN = 4096;

export interface DownloadJobOptions extends AssemblyOptions, FetcherOptions {
  budget: DownloadBudget;
  /** In [0, 1): spreads retries. */
  random(): number;
}

export interface DownloadEvents {
  /** More bytes can be read from the staging place. */
  onProgress(readableBytes: number): void;
  /** A request leaves; `offset` is its first byte. */
  onRequest(url: string, offset: number): void;
  /** A request came to nothing; another follows in `pauseMs`. */
  onRetry(reason: string, pauseMs: number): void;
  /** The image was downloaded too often: the next request leaves in `waitMs`, after onRelease. */
  onHold(failure: Failure, waitMs: number): void;
  onRelease(): void;
  onComplete(): void;
  onFailed(failure: Failure): void;
}

export class DownloadJob {
  readonly #options: DownloadJobOptions;
  readonly #staging: Staging;
  readonly #assembly: Assembly;
  readonly #fetcher: Fetcher;
  readonly #events: DownloadEvents;
  readonly #retries: Retries;
  /** Of the next slice to check, of the next request, or of the budget. */
  #timer: TimerHandle;
  /** What the answer under way brings: bytes [start, end) of the file. */
  #body = { start: 0, end: 0, lengthKnown: false };
  /** Digests of the file, as its server gives them. */
  #announced: { sha256?: string; md5?: string } = {};
  #closed = false;

  constructor(options: DownloadJobOptions, staging: Staging, events: DownloadEvents) {
    this.#options = options;
    this.#staging = staging;
    this.#events = events;
    this.#retries = new Retries(staging.readableBytes, () => options.random());
    this.#assembly = new Assembly(options, staging);
    this.#fetcher = new Fetcher(options, {
      onRequest: (url, offset) => {
        this.#retries.count();
        events.onRequest(url, offset);
      },
      onBody: (body, announced) => this.#onBody(body, announced),
      roomBytes: () => staging.roomBytes,
      onBytes: (bytes) => this.#onBytes(bytes),
      onEnd: () => this.#onEnd(),
      onRefused: (refusal) => this.#onRefused(refusal),
      onFailed: (cause, reason) => this.#retry(cause, reason),
    });
    this.#later(() => this.#begin(), 0);
  }

  /** A segment under way is given up: the next job's digests begin with what can be read. */
  close(): void {
    this.#closed = true;
    this.#options.clock.clear(this.#timer);
    this.#fetcher.close();
    this.#staging.close();
  }

  // ---- what an earlier life left ------------------------------------------------------------------------------

  #begin(): void {
    if (this.#staging.facts) this.#end(() => this.#events.onComplete());
    else this.#recheck(new Uint8Array(SLICE_BYTES));
  }

  /** Takes the staged bytes into the running digests, a slice a turn; then verifies, or fetches the rest. */
  #recheck(slice: Uint8Array): void {
    let count = 0;
    const read = () => {
      count = this.#assembly.recheck(slice);
    };
    if (!this.#store(read)) return;
    if (count > 0) this.#later(() => this.#recheck(slice), 0);
    else if (this.#assembly.isWhole) this.#verify();
    else this.#ask();
  }

  // ---- asking -------------------------------------------------------------------------------------------------

  #ask(): void {
    const { offer, validator } = this.#staging;
    if (!this.#assembly.canGoOn && !this.#restart(undefined)) return;
    const offset = this.#assembly.bytes;
    if (offset === 0 && this.#options.budget.waitMs(offer) > 0) return this.#hold();
    this.#fetcher.ask(offer.url, { offset, sizeBytes: offer.sizeBytes, validator });
  }

  #onRefused(refusal: Refusal): void {
    switch (refusal.kind) {
      case "restart":
        return this.#askAnew(refusal.reason);
      case "nothing-left":
        return this.#verify();
      case "retry":
        return this.#retry("request", refusal.reason);
      case "refused": // asking again would bring the same
        return this.#fail(failure("download", "request", refusal.reason, this.#assembly.bytes));
      case "wrong-file":
        return this.#fail(failure("verify", "mismatch", refusal.reason));
    }
  }

  // ---- the budget ---------------------------------------------------------------------------------------------

  /** Waits until the image may be downloaded from byte 0 again. */
  #hold(): void {
    const { budget } = this.#options;
    const waitMs = budget.waitMs(this.#staging.offer);
    this.#fetcher.close();
    this.#wait();
    const times = budget.downloadsMax === 1 ? "once" : `${budget.downloadsMax} times`;
    const hours = Math.ceil(waitMs / 3_600_000);
    const detail =
      `the image was downloaded ${times}, which is all that its server allows in a day; ` +
      `Ferry goes on by itself after ${hours} more hours with power, or at once with an offer of another image`;
    this.#events.onHold(failure("download", "budget", detail, 0), waitMs);
  }

  #wait(): void {
    const { budget } = this.#options;
    const waitMs = budget.waitMs(this.#staging.offer);
    this.#later(() => this.#waitOn(), Math.min(waitMs, KEEP_TIME_MS));
  }

  #waitOn(): void {
    const { budget } = this.#options;
    if (!this.#store(() => budget.keepTime())) return;
    if (budget.waitMs(this.#staging.offer) > 0) return this.#wait();
    this.#later(() => this.#ask(), 0);
    this.#events.onRelease();
  }

  // ---- receiving ----------------------------------------------------------------------------------------------

  #onBody(body: Judgement & { kind: "body" }, announced: { sha256?: string; md5?: string }): void {
    const { offset, end, validator, lengthKnown } = body;
    const { budget } = this.#options;
    const { offer } = this.#staging;
    this.#body = { start: offset, end, lengthKnown };
    this.#announced = announced;
    if (offset > 0) {
      if (!this.#assembly.join(validator)) this.#askAnew("the server would join the rest of a file that has changed");
    } else if (budget.waitMs(offer) > 0) {
      this.#askAnew("the server sends the whole file where its rest was asked for");
    } else if (this.#store(() => budget.spend(offer))) {
      this.#restart(validator);
    }
  }

  #onBytes(bytes: Uint8Array): void {
    const assembly = this.#assembly;
    const { end, lengthKnown } = this.#body;
    if (assembly.bytes + bytes.length > end) return this.#onTooMany(end);
    const readableBefore = this.#staging.readableBytes;
    if (!this.#store(() => assembly.append(bytes))) return;
    const { readableBytes } = this.#staging;
    if (readableBytes > readableBefore) this.#events.onProgress(readableBytes);
    // Without a length more may follow; where a digest can tell, there is no need to wait for it.
    if (!this.#closed && assembly.isWhole && (lengthKnown || assembly.hasDigest)) this.#verify();
  }

  #onTooMany(end: number): void {
    const { sizeBytes } = this.#staging.offer;
    if (end === sizeBytes) this.#mismatch(`the server sends more than the ${sizeBytes} bytes offered`);
    else this.#askAnew(`the server announces a range that ends at byte ${end}, and sends more`);
  }

  #onEnd(): void {
    const { bytes, isWhole } = this.#assembly;
    const { start, end } = this.#body;
    if (isWhole) return this.#verify();
    if (bytes < end) return this.#retry("request", "the connection ended before the file did");
    if (end - start < RANGE_BYTES_MIN)
      return this.#retry("request", `the server sends only ${end - start} bytes a time`);
    this.#retries.forgive();
    this.#later(() => this.#ask(), 0);
  }

  // ---- ending -------------------------------------------------------------------------------------------------

  #verify(): void {
    this.#fetcher.close();
    let problem: string | undefined;
    const complete = () => {
      problem = this.#assembly.complete(this.#announced);
    };
    if (!this.#store(complete)) return;
    if (problem) this.#mismatch(problem);
    else this.#end(() => this.#events.onComplete());
  }

  /**
   * The bytes in hand are wrong, and must not be found again as if they were a download nearly done. Where they were
   * joined, the joint may be to blame, and the file as a whole gets its chance.
   */
  #mismatch(problem: string): void {
    const { bytes, joined } = this.#assembly;
    if (!this.#restart(undefined)) return;
    if (joined) this.#retry("mismatch", problem);
    else this.#fail(failure("verify", "mismatch", problem, bytes));
  }

  /** What is in hand is of no use for going on. */
  #askAnew(reason: string): void {
    if (this.#restart(undefined)) this.#retry("request", reason);
  }

  #retry(cause: "connect" | "request" | "stalled" | "mismatch", reason: string): void {
    const { bytes } = this.#assembly;
    const pauseMs = this.#retries.pauseMsAfter(bytes);
    if (pauseMs === undefined) {
      const detail = `${reason}; gave up after ${this.#retries.attempts} requests`;
      return this.#fail(failure(cause === "mismatch" ? "verify" : "download", cause, detail, bytes));
    }
    this.#fetcher.rest(pauseMs);
    this.#later(() => this.#ask(), pauseMs);
    this.#events.onRetry(reason, pauseMs);
  }

  /** Begins the image anew under this validator. False when the storage failed, and the download with it. */
  #restart(validator: string | undefined): boolean {
    return this.#store(() => this.#assembly.restart(validator));
  }

  #fail(failed: Failure): void {
    this.#end(() => this.#events.onFailed(failed));
  }

  #end(report: () => void): void {
    this.close();
    report();
  }

  /** Storage throws; its failure is the download's, and then this returns false. */
  #store(operation: () => void): boolean {
    try {
      operation();
      return true;
    } catch (error) {
      this.#fail(storageFailure("download", "staging failed", error, this.#assembly.bytes));
      return false;
    }
  }

  /** The one timer of this job. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}
