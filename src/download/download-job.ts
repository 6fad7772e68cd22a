/**
 * One image on its way from its server to a staging place, through whatever the network does.
 *
 * Invariants: bytes are joined only when the server vouches that they belong together (response.ts, If-Range) or when
 * the offer's digest will tell; an image is complete only when its size, its digests and its tag fit the offer; work
 * is done in slices, with the event loop in between, so that the MCU's calls are answered meanwhile. Requests
 * (download-request.ts) are retried with growing pauses, resuming where the bytes in hand end, and their number is
 * bounded. Event handlers may close the job: nothing follows then.
 */

import type { Crc32 } from "../base/crc.js";
import { type Failure, failure, messageOf } from "../base/failure.js";
import { type ParsedUrl, parseUrl, resolveUrl } from "../base/url.js";
import { type ImageFacts, ImageInspector } from "../image/inspector.js";
import { mismatch, type Offer } from "../image/offer.js";
import type { Clock, DigestClass, HttpClientClass, Io, TimerHandle } from "../ports.js";
import { DownloadRequest, SLICE_BYTES } from "./download-request.js";
import { announcedDigests, HEADERS_WANTED, type Judgement, judge } from "./response.js";
import { Retries } from "./retries.js";

/** Between two pauses. */
export const REDIRECTS_MAX = 5;

/** Where the bytes go: what the download needs of a staged image. */
export interface Staging {
  readonly offer: Offer;
  readonly validator: string | undefined;
  readonly facts: object | undefined;
  readonly readableBytes: number;
  readonly appendedBytes: number;
  /** So many more bytes become readable at once: none beyond them should be in hand then. 0 when the image is whole. */
  readonly roomBytes: number;
  append(bytes: Uint8Array): void;
  read(buffer: Uint8Array, offset: number): number;
  restart(validator: string | undefined): void;
  complete(facts: ImageFacts): void;
  /** Gives up open files; bytes beyond readableBytes are lost. */
  close(): void;
}

export interface HttpPorts {
  readonly http: Io<HttpClientClass>;
  readonly https?: Io<HttpClientClass>;
}

export interface DownloadOptions {
  clock: Clock;
  network: HttpPorts;
  Digest: DigestClass;
  crc32: Crc32;
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
  onComplete(): void;
  onFailed(failure: Failure): void;
}

export class DownloadJob {
  readonly #options: DownloadOptions;
  readonly #staging: Staging;
  readonly #events: DownloadEvents;
  readonly #retries: Retries;
  #inspector: ImageInspector;
  /** Bytes of more than one answer are in hand. */
  #joined = false;
  #request: DownloadRequest | undefined;
  /** Of the next slice to check, or of the next request. */
  #timer: TimerHandle;
  /** The announced length of the body ends where the image does. */
  #lengthKnown = false;
  /** Digests of the file, as its server gives them. */
  #announced: { sha256?: string; md5?: string } = {};
  #redirects = 0;
  #closed = false;

  constructor(options: DownloadOptions, staging: Staging, events: DownloadEvents) {
    this.#options = options;
    this.#staging = staging;
    this.#events = events;
    this.#retries = new Retries(staging.readableBytes, () => options.random());
    this.#inspector = new ImageInspector(options);
    this.#later(() => this.#begin(), 0);
  }

  /** A segment under way is given up: the next job's digests begin with what can be read. */
  close(): void {
    this.#closed = true;
    this.#options.clock.clear(this.#timer);
    this.#hangUp();
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
      count = this.#staging.read(slice, this.#inspector.sizeBytes);
    };
    if (!this.#store(read)) return;
    if (count > 0) {
      this.#joined = true;
      this.#inspector.push(slice.subarray(0, count));
      return this.#later(() => this.#recheck(slice), 0);
    }
    if (this.#isWhole) this.#verify();
    else this.#ask(this.#staging.offer.url);
  }

  // ---- asking -------------------------------------------------------------------------------------------------

  #ask(url: string): void {
    const { clock, network } = this.#options;
    const target = parseUrl(url);
    if (typeof target === "string") return this.#refuse(`the URL ${target}`);
    const port = target.secure ? network.https : network.http;
    if (!port) return this.#refuse("this build has no TLS: offer an http:// URL");
    if (!this.#canGoOn && !this.#restart(undefined)) return;
    const asked = { offset: this.#staging.appendedBytes, sizeBytes: this.#staging.offer.sizeBytes };
    this.#retries.count();
    this.#events.onRequest(url, asked.offset);
    if (this.#closed) return;
    this.#request = new DownloadRequest(
      { clock, port, target, headers: this.#headers(asked.offset), headersMask: HEADERS_WANTED },
      {
        onHeaders: (status, headers) => {
          this.#announced = announcedDigests(headers);
          this.#onAnswer(target, judge(asked, status, headers));
        },
        roomBytes: () => this.#staging.roomBytes,
        onBytes: (bytes) => this.#onBytes(bytes),
        onEnd: () => this.#onEnd(),
        onFailed: (cause, reason) => this.#retry(cause, reason),
      },
    );
  }

  /** Whether the rest of the file may be joined to what is in hand, if the server agrees. */
  get #canGoOn(): boolean {
    const { appendedBytes, validator } = this.#staging;
    return appendedBytes === 0 || this.#isWhole || validator !== undefined || this.#hasDigest;
  }

  get #hasDigest(): boolean {
    const { sha256, md5 } = this.#staging.offer;
    return sha256 !== undefined || md5 !== undefined;
  }

  get #isWhole(): boolean {
    return this.#staging.appendedBytes === this.#staging.offer.sizeBytes;
  }

  #headers(offset: number): Map<string, string> {
    const headers = new Map<string, string>();
    if (offset > 0) {
      headers.set("range", `bytes=${offset}-`);
      if (this.#staging.validator) headers.set("if-range", this.#staging.validator);
    }
    return headers;
  }

  #onAnswer(target: ParsedUrl, judgement: Judgement): void {
    switch (judgement.kind) {
      case "body":
        return this.#beginBody(judgement.offset, judgement.validator, judgement.lengthKnown);
      case "redirect":
        return this.#follow(target, judgement.location);
      case "restart":
        return this.#askAnew(judgement.reason);
      case "nothing-left":
        return this.#verify();
      case "retry":
        return this.#retry("request", judgement.reason);
      case "refused":
        return this.#refuse(judgement.reason);
      case "wrong-file":
        return this.#fail(failure("verify", "mismatch", judgement.reason));
    }
  }

  #follow(from: ParsedUrl, location: string): void {
    const next = resolveUrl(from, location);
    const to = parseUrl(next);
    if (++this.#redirects > REDIRECTS_MAX) return this.#refuse(`more than ${REDIRECTS_MAX} redirects`);
    if (typeof to === "string") return this.#refuse(`a redirect whose URL ${to}`);
    if (from.secure && !to.secure) return this.#refuse("a redirect from https to http");
    this.#hangUp();
    this.#later(() => this.#ask(next), 0);
  }

  // ---- receiving ----------------------------------------------------------------------------------------------

  #beginBody(offset: number, validator: string | undefined, lengthKnown: boolean): void {
    this.#lengthKnown = lengthKnown;
    if (offset === 0) {
      this.#restart(validator);
      return;
    }
    // If-Range was sent where a validator is known, so this 206 vouches for it, unless it names another. Without one,
    // the offer's digest will tell (canGoOn): then joining is at worst a failed check.
    const known = this.#staging.validator;
    if (known !== undefined && validator !== undefined && validator !== known) {
      return this.#askAnew("the server would join the rest of a file that has changed");
    }
    this.#joined = true;
  }

  #onBytes(bytes: Uint8Array): void {
    const { sizeBytes } = this.#staging.offer;
    if (this.#staging.appendedBytes + bytes.length > sizeBytes) {
      return this.#mismatch(`the server sends more than the ${sizeBytes} bytes offered`);
    }
    const readableBefore = this.#staging.readableBytes;
    if (!this.#store(() => this.#staging.append(bytes))) return;
    this.#inspector.push(bytes);
    const { readableBytes } = this.#staging;
    if (readableBytes > readableBefore) this.#events.onProgress(readableBytes);
    // Without a length more may follow; where a digest can tell, there is no need to wait for it.
    if (!this.#closed && this.#isWhole && (this.#lengthKnown || this.#hasDigest)) this.#verify();
  }

  #onEnd(): void {
    if (this.#isWhole) this.#verify();
    else this.#retry("request", "the connection ended before the file did");
  }

  // ---- ending -------------------------------------------------------------------------------------------------

  #verify(): void {
    this.#hangUp();
    const facts = this.#inspector.finish();
    // The offer's own digests count for more than what a server says of its file.
    const problem = mismatch({ ...this.#announced, ...this.#staging.offer }, facts);
    if (problem) return this.#mismatch(problem);
    if (this.#store(() => this.#staging.complete(facts))) this.#end(() => this.#events.onComplete());
  }

  /**
   * The bytes in hand are wrong, and must not be found again as if they were a download nearly done. Where they were
   * joined, the joint may be to blame, and the file as a whole gets its chance.
   */
  #mismatch(problem: string): void {
    const { appendedBytes } = this.#staging;
    const joined = this.#joined;
    if (!this.#restart(undefined)) return;
    if (joined) this.#retry("mismatch", problem);
    else this.#fail(failure("verify", "mismatch", problem, appendedBytes));
  }

  /** What is in hand is of no use for going on. */
  #askAnew(reason: string): void {
    if (this.#restart(undefined)) this.#retry("request", reason);
  }

  #retry(cause: "connect" | "request" | "stalled" | "mismatch", reason: string): void {
    const { appendedBytes, offer } = this.#staging;
    this.#redirects = 0;
    this.#hangUp();
    const pauseMs = this.#retries.pauseMsAfter(appendedBytes);
    if (pauseMs === undefined) {
      const detail = `${reason}; gave up after ${this.#retries.attempts} requests`;
      return this.#fail(failure(cause === "mismatch" ? "verify" : "download", cause, detail, appendedBytes));
    }
    this.#later(() => this.#ask(offer.url), pauseMs);
    this.#events.onRetry(reason, pauseMs);
  }

  /** Begins the image anew under this validator. False when the storage failed, and the download with it. */
  #restart(validator: string | undefined): boolean {
    this.#inspector = new ImageInspector(this.#options);
    this.#joined = false;
    return this.#store(() => this.#staging.restart(validator));
  }

  /** Asking again would bring the same. */
  #refuse(reason: string): void {
    this.#fail(failure("download", "request", reason, this.#staging.appendedBytes));
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
      const { appendedBytes } = this.#staging;
      this.#fail(failure("download", "storage", `staging failed: ${messageOf(error)}`, appendedBytes));
      return false;
    }
  }

  #hangUp(): void {
    this.#request?.close();
    this.#request = undefined;
  }

  /** The one timer of this job. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}
