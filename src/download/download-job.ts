/**
 * One image on its way from its server to a staging place, through whatever the network does.
 *
 * Invariants: bytes are joined only when the server vouches that they belong together (response.ts, If-Range); an
 * image is complete only when its size, its digests and its tag fit the offer; work is done in slices, with the
 * event loop in between, so that the MCU's calls are answered meanwhile. Every wait is bounded: STALL_MS without a
 * byte ends a request, and requests are retried with growing pauses, resuming where the bytes in hand end.
 */

import type { Crc32 } from "../base/crc.js";
import { type Failure, failure, messageOf } from "../base/failure.js";
import { parseUrl, resolveUrl } from "../base/url.js";
import { type ImageFacts, ImageInspector } from "../image/inspector.js";
import { mismatch, type Offer } from "../image/offer.js";
import type { Clock, DigestClass, HttpClient, HttpClientClass, HttpRequest, Io, TimerHandle } from "../ports.js";
import { HEADERS_WANTED, judge } from "./response.js";

/** No byte for so long means that the connection is dead: mobile networks recover within half of it. */
export const STALL_MS = 30_000;
/** Requests in a row that brought nothing. */
export const FRUITLESS_ATTEMPTS_MAX = 5;
/** Requests for one image, fruitful or not. */
export const ATTEMPTS_MAX = 50;
export const REDIRECTS_MAX = 5;
/** 1 s, 2 s, 4 s ... between fruitless attempts, each 0 to 50 % longer by chance so that a fleet spreads. */
export const RETRY_PAUSE_MS = 1_000;
export const RETRY_PAUSE_MS_MAX = 60_000;
/** Bytes handled between two turns of the event loop: about 12 ms of hashing in TypeScript on the chip. */
export const SLICE_BYTES = 1024;

/** Where the bytes go: what the download needs of a staged image. */
export interface Staging {
  readonly offer: Offer;
  readonly validator: string | undefined;
  readonly facts: object | undefined;
  readonly readableBytes: number;
  readonly appendedBytes: number;
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
  readonly #slice = new Uint8Array(SLICE_BYTES);
  #inspector: ImageInspector;
  #timer: TimerHandle;
  #client: HttpClient | undefined;
  #request: HttpRequest | undefined;
  /** Bytes that wait in the connection. */
  #waiting = 0;
  #pumpTimer: TimerHandle;
  /** The attempt whose callbacks count; 0 when none is running. */
  #running = 0;
  /** Headers have come. */
  #answered = false;
  /** No more bytes will come than those that wait. */
  #bodyEnded = false;
  #lengthKnown = false;
  #attempts = 0;
  #fruitless = 0;
  #redirects = 0;
  /** Bytes in hand when the running request began. */
  #offsetAtRequest = 0;
  #closed = false;

  constructor(options: DownloadOptions, staging: Staging, events: DownloadEvents) {
    this.#options = options;
    this.#staging = staging;
    this.#events = events;
    this.#inspector = new ImageInspector(options);
    this.#later(() => (staging.facts ? this.#end(() => events.onComplete()) : this.#recheck()), 0);
  }

  /** A segment under way is given up: the next job's digests begin with what can be read. */
  close(): void {
    this.#closed = true;
    this.#options.clock.clear(this.#timer);
    this.#hangUp();
    this.#staging.close();
  }

  // ---- what an earlier life left ------------------------------------------------------------------------------

  /** Takes the staged bytes into the running digests, a slice a turn. */
  #recheck(): void {
    const at = this.#inspector.sizeBytes;
    const count = this.#guardStorage(() => this.#staging.read(this.#slice, at));
    if (count === undefined) return;
    if (count === 0) return this.#afterBytes();
    this.#inspector.push(this.#slice.subarray(0, count));
    this.#later(() => this.#recheck(), 0);
  }

  /** All bytes in hand are in the digests: verify, or fetch the rest. */
  #afterBytes(): void {
    if (this.#staging.appendedBytes === this.#staging.offer.sizeBytes) this.#verify();
    else this.#ask(this.#staging.offer.url);
  }

  // ---- asking -------------------------------------------------------------------------------------------------

  #ask(url: string): void {
    const { network } = this.#options;
    const target = parseUrl(url);
    if (typeof target === "string") return this.#fail(failure("download", "request", `the URL ${target}`));
    const port = target.secure ? network.https : network.http;
    if (!port) return this.#fail(failure("download", "request", "this build has no TLS: offer an http:// URL"));
    const offset = this.#staging.appendedBytes;
    this.#attempts++;
    this.#offsetAtRequest = offset;
    this.#answered = false;
    this.#bodyEnded = false;
    this.#waiting = 0;
    this.#watch("connect");
    this.#events.onRequest(url, offset);
    const attempt = this.#attempts;
    const mine = () => !this.#closed && this.#running === attempt;
    this.#running = attempt;
    const { io, ...rest } = port;
    this.#client = new io({
      ...rest,
      host: target.host,
      port: target.port,
      onError: (error) => mine() && this.#onConnectionLost(reasonOf(error, `cannot reach ${target.host}`)),
    });
    this.#request = this.#client.request({
      method: "GET",
      path: target.path,
      headers: this.#headers(offset),
      headersMask: HEADERS_WANTED,
      onHeaders: (status, headers) => mine() && this.#onHeaders(url, status, headers),
      onReadable: (count) => mine() && this.#onReadable(count),
      onDone: (error) => mine() && this.#onDone(error),
    });
  }

  #headers(offset: number): Map<string, string> {
    const headers = new Map<string, string>();
    if (offset > 0) {
      headers.set("range", `bytes=${offset}-`);
      if (this.#staging.validator) headers.set("if-range", this.#staging.validator);
    }
    return headers;
  }

  #onHeaders(url: string, status: number, headers: ReadonlyMap<string, string>): void {
    this.#answered = true;
    this.#watch("stalled");
    const asked = { offset: this.#offsetAtRequest, sizeBytes: this.#staging.offer.sizeBytes };
    const judgement = judge(asked, status, headers);
    switch (judgement.kind) {
      case "body":
        return this.#beginBody(judgement.offset, judgement.validator, judgement.lengthKnown);
      case "redirect":
        return this.#follow(url, judgement.location);
      case "restart":
        if (!this.#restart(undefined)) return;
        return this.#retry("request", judgement.reason);
      case "nothing-left":
        this.#hangUp();
        return this.#verify();
      case "retry":
        return this.#retry("request", judgement.reason);
      case "refused":
        return this.#fail(failure("download", "request", judgement.reason));
      case "wrong-file":
        return this.#fail(failure("verify", "mismatch", judgement.reason));
    }
  }

  #follow(url: string, location: string): void {
    const from = parseUrl(url);
    if (typeof from === "string") return;
    const next = resolveUrl(from, location);
    const to = parseUrl(next);
    const problem =
      ++this.#redirects > REDIRECTS_MAX
        ? `more than ${REDIRECTS_MAX} redirects`
        : typeof to === "string"
          ? `a redirect whose URL ${to}`
          : from.secure && !to.secure
            ? "a redirect from https to http"
            : undefined;
    if (problem) return this.#fail(failure("download", "request", problem));
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
    // If-Range was sent where a validator is known, so a 206 vouches for it unless it names another. Without one, only
    // the offer's digest can tell whether the parts belong together: then joining them is at worst a failed check.
    const known = this.#staging.validator;
    const vouched = known !== undefined && (validator === undefined || validator === known);
    if (vouched || this.#staging.offer.sha256 !== undefined) return;
    if (this.#restart(undefined)) this.#retry("request", "nothing shows that the rest belongs to what is staged");
  }

  #onReadable(count: number): void {
    this.#watch("stalled");
    this.#waiting = count;
    this.#pump();
  }

  #onDone(error: Error | null): void {
    this.#bodyEnded = true;
    if (error) this.#waiting = 0; // a dead connection gives up nothing any more
    this.#pumpLater(); // after the client's own onError, which may know the reason
  }

  /** The regular end of a body without a length looks just like this: then what is in hand decides. */
  #onConnectionLost(reason: string): void {
    if (!this.#answered) return this.#retry("connect", reason);
    this.#onDone(new Error(reason));
  }

  #pumpLater(): void {
    this.#options.clock.clear(this.#pumpTimer);
    this.#pumpTimer = this.#options.clock.set(() => this.#pump(), 0);
  }

  /** Moves one slice from the connection to the staging place, and comes again while there are more. */
  #pump(): void {
    if (this.#closed || !this.#client) return;
    this.#options.clock.clear(this.#pumpTimer);
    if (this.#waiting > 0 && !this.#moveSlice()) return;
    const complete = this.#staging.appendedBytes === this.#staging.offer.sizeBytes;
    if (complete && (this.#lengthKnown || this.#bodyEnded)) {
      this.#hangUp();
      return this.#verify();
    }
    if (this.#waiting > 0) this.#pumpLater();
    else if (this.#bodyEnded) this.#retry("request", "the connection ended before the file did");
  }

  #moveSlice(): boolean {
    // Never more than was announced: the SDK's client throws on the rest.
    const room = this.#waiting < SLICE_BYTES ? this.#slice.subarray(0, this.#waiting) : this.#slice;
    const count = this.#request?.read(room) ?? 0;
    this.#waiting = count === 0 ? 0 : this.#waiting - count;
    if (count === 0) return true;
    const bytes = count === room.length ? room : room.subarray(0, count);
    if (this.#staging.appendedBytes + count > this.#staging.offer.sizeBytes) {
      const size = this.#staging.offer.sizeBytes;
      this.#fail(failure("verify", "mismatch", `the server sends more than the ${size} bytes offered`, size));
      return false;
    }
    const readableBefore = this.#staging.readableBytes;
    if (this.#guardStorage(() => this.#staging.append(bytes) ?? true) === undefined) return false;
    this.#inspector.push(bytes);
    if (this.#staging.readableBytes > readableBefore) this.#events.onProgress(this.#staging.readableBytes);
    return true;
  }

  // ---- ending -------------------------------------------------------------------------------------------------

  #verify(): void {
    const facts = this.#inspector.finish();
    const problem = mismatch(this.#staging.offer, facts);
    if (problem) {
      // Wrong bytes must not be found again as if they were a download nearly done.
      if (this.#restart(undefined)) this.#fail(failure("verify", "mismatch", problem));
      return;
    }
    if (this.#guardStorage(() => this.#staging.complete(facts) ?? true) === undefined) return;
    this.#end(() => this.#events.onComplete());
  }

  #retry(cause: "connect" | "request" | "stalled", reason: string): void {
    const fruitful = this.#staging.appendedBytes > this.#offsetAtRequest;
    this.#fruitless = fruitful ? 0 : this.#fruitless + 1;
    this.#redirects = 0;
    this.#hangUp();
    if (this.#fruitless >= FRUITLESS_ATTEMPTS_MAX || this.#attempts >= ATTEMPTS_MAX) {
      const detail = `${reason}; gave up after ${this.#attempts} requests`;
      return this.#fail(failure("download", cause, detail, this.#staging.appendedBytes));
    }
    const pauseMs = Math.min(RETRY_PAUSE_MS_MAX, RETRY_PAUSE_MS * 2 ** Math.max(0, this.#fruitless - 1));
    const spreadMs = Math.round(pauseMs * (1 + this.#options.random() / 2));
    this.#events.onRetry(reason, spreadMs);
    this.#later(() => this.#ask(this.#staging.offer.url), spreadMs);
  }

  /** Begins the image anew under this validator. False when the storage failed, and the download with it. */
  #restart(validator: string | undefined): boolean {
    this.#inspector = new ImageInspector(this.#options);
    return this.#guardStorage(() => this.#staging.restart(validator) ?? true) !== undefined;
  }

  #fail(failed: Failure): void {
    this.#end(() => this.#events.onFailed(failed));
  }

  #end(report: () => void): void {
    if (this.#closed) return;
    this.close();
    report();
  }

  /** Storage throws; its failure is the download's. */
  #guardStorage<T>(operation: () => T): T | undefined {
    try {
      return operation();
    } catch (error) {
      this.#fail(failure("download", "storage", `staging failed: ${messageOf(error)}`, this.#staging.appendedBytes));
      return undefined;
    }
  }

  #hangUp(): void {
    this.#options.clock.clear(this.#pumpTimer);
    this.#running = 0;
    const client = this.#client;
    this.#client = undefined;
    this.#request = undefined;
    client?.close();
  }

  /** From now on, silence of STALL_MS ends the request. */
  #watch(cause: "connect" | "stalled"): void {
    const what = cause === "connect" ? "no answer" : "nothing came";
    this.#later(() => this.#retry(cause, `${what} for ${STALL_MS / 1000} s`), STALL_MS);
  }

  /** The one timer of this job: pause, slice or watchdog, whichever is on. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}

function reasonOf(error: unknown, otherwise: string): string {
  return error instanceof Error && error.message ? error.message : otherwise;
}
