/**
 * Offers from a server of the vendor's own: a small JSON file behind an http(s) URL, asked for now and then.
 *
 *   {"url": "fw-2.1.0.bin", "size": 412672, "type": "...", "ver": "2.1.0", "build": "...", "sha256": "...", "target": "mcu"}
 *
 * `url` may be relative to the file. Each poll that finds an offer that is not installed makes it again: whoever takes it
 * knows what is under way and what has failed. Polls of a fleet are spread by chance, and a file that has not changed is
 * not sent again (ETag).
 *
 * Fault model: no network, a server that is gone, mute, slow, redirects in rings, or answers anything of any length. A
 * poll ends by an answer, an error, POLL_MS, or FILE_BYTES_MAX; the next comes in its time, whatever became of this one.
 */

import { type ParsedUrl, parseUrl, resolveUrl } from "../base/url.js";
import { type Offer, sameContent } from "../image/offer.js";
import type { Clock, HttpClient, HttpClientClass, Io, TimerHandle } from "../ports.js";
import { offerFromJson } from "./offer-json.js";

export const INTERVAL_MS_MIN = 60_000;
/** Days are beyond what timers of 32 bits can hold. */
export const INTERVAL_MS_MAX = 7 * 24 * 3_600_000;
/** An interval is up to so much of itself longer, by chance. */
export const JITTER_SHARE = 0.1;
/** The first poll comes by chance within this time, or the interval when that is shorter: power came back for all. */
export const FIRST_POLL_MS_MAX = 5 * 60_000;
/** For all of a poll, redirects included. */
export const POLL_MS = 60_000;
export const POLL_REDIRECTS_MAX = 3;
/** Of the file; a URL of the longest and two digests leave half of it. */
export const FILE_BYTES_MAX = 2_048;

const OK = 200;
const NOT_MODIFIED = 304;
const REDIRECTS: readonly number[] = Object.freeze([301, 302, 303, 307, 308]);
const HEADERS: readonly string[] = Object.freeze(["etag", "location"]);

export interface UpdatePollOptions {
  clock: Clock;
  /** From 0 to 1. */
  random(): number;
  http: Io<HttpClientClass>;
  /** Without it, URLs of https fail. */
  https?: Io<HttpClientClass>;
  url: string;
  intervalMs: number;
  /** Whether it is what the device runs already. */
  isInstalled(offer: Offer): boolean;
  /** Whether now is a bad time: an update is under way, say, and memory is short. The poll is left out then. */
  isBusy?(): boolean;
  onOffer(offer: Offer): void;
}

export interface UpdatePollCounters {
  polls: number;
  skipped: number;
  /** Files that came, whole. */
  files: number;
  unchanged: number;
  redirects: number;
  offers: number;
  /** Of the offers: the same content as the one before. */
  repeats: number;
  installed: number;
  /** Files that hold no offer. */
  notUnderstood: number;
  failures: number;
}

export class UpdatePoll {
  readonly #options: UpdatePollOptions;
  readonly #body = new Uint8Array(FILE_BYTES_MAX);
  #length = 0;
  #client: HttpClient | undefined;
  #pollTimer: TimerHandle;
  #endTimer: TimerHandle;
  #redirects = 0;
  /** The file is coming. */
  #isAnswered = false;
  #etag: string | undefined;
  /** What the file said when it came last. */
  #known: { readonly offer: Offer; readonly etag: string | undefined } | undefined;
  #offered: Offer | undefined;
  #lastProblem = "";
  readonly counters: UpdatePollCounters = {
    polls: 0,
    skipped: 0,
    files: 0,
    unchanged: 0,
    redirects: 0,
    offers: 0,
    repeats: 0,
    installed: 0,
    notUnderstood: 0,
    failures: 0,
  };

  constructor(options: UpdatePollOptions) {
    this.#options = options;
  }

  /** Of the last poll that failed, for people. */
  get lastProblem(): string {
    return this.#lastProblem;
  }

  /** Idempotent. Nothing is called back from inside. */
  start(): void {
    if (this.#pollTimer !== undefined) return;
    const { random } = this.#options;
    this.#pollLater(random() * Math.min(FIRST_POLL_MS_MAX, this.#intervalMs));
  }

  /** Idempotent; nothing is called back any more. */
  stop(): void {
    this.#options.clock.clear(this.#pollTimer);
    this.#pollTimer = undefined;
    this.#hangUp();
  }

  get #intervalMs(): number {
    return Math.min(Math.max(this.#options.intervalMs, INTERVAL_MS_MIN), INTERVAL_MS_MAX);
  }

  #pollLater(delayMs: number): void {
    const { clock } = this.#options;
    clock.clear(this.#pollTimer);
    this.#pollTimer = clock.set(() => this.#poll(), delayMs);
  }

  #poll(): void {
    const { clock, random, url, isBusy } = this.#options;
    this.#pollLater(this.#intervalMs * (1 + JITTER_SHARE * random()));
    if (isBusy?.()) {
      this.counters.skipped++;
      return;
    }
    this.counters.polls++;
    this.#hangUp(); // one that still runs has had its time
    this.#redirects = 0;
    this.#endTimer = clock.set(() => this.#fail(`no answer within ${POLL_MS / 1000} seconds`), POLL_MS);
    this.#ask(url);
  }

  #ask(url: string): void {
    const target = parseUrl(url);
    if (typeof target === "string") return this.#fail(`the URL ${target}`);
    const way = target.secure ? this.#options.https : this.#options.http;
    if (!way) return this.#fail("there is no https here");
    this.#isAnswered = false;
    this.#length = 0;
    try {
      this.#request(way, target);
    } catch (error) {
      this.#fail(textOf(error)); // no network, or no date to check a certificate by
    }
  }

  #request({ io, ...options }: Io<HttpClientClass>, target: ParsedUrl): void {
    const own = <A extends unknown[]>(handle: (...args: A) => void) => {
      return (...args: A): void => {
        if (this.#client === client) handle(...args);
      };
    };
    const { host, port, path } = target;
    const client: HttpClient = new io({
      ...options,
      host,
      port,
      onError: own((cause?: unknown) => this.#fail(`${host}: ${textOf(cause)}`)),
    });
    this.#client = client;
    const request = client.request({
      path,
      headers: new Map([["accept", "application/json"], ...this.#condition]),
      headersMask: HEADERS,
      onHeaders: own((status: number, headers: ReadonlyMap<string, string>) => this.#onHead(status, headers, target)),
      onReadable: own((count: number) => {
        // One byte more than fits is enough to see that it does not.
        const piece = new Uint8Array(Math.min(count, FILE_BYTES_MAX - this.#length + 1));
        this.#onBytes(piece.subarray(0, request.read(piece) ?? 0));
      }),
      onDone: own((error: Error | null) => {
        // Without an answer onError is next, and knows why. With one, the connection's end may be the body's.
        if (!error || this.#isAnswered) this.#onFile(target);
      }),
    });
  }

  get #condition(): [string, string][] {
    const etag = this.#known?.etag;
    return etag === undefined ? [] : [["if-none-match", etag]];
  }

  #onHead(status: number, headers: ReadonlyMap<string, string>, target: ParsedUrl): void {
    if (status === NOT_MODIFIED && this.#known) return this.#onUnchanged(this.#known.offer);
    if (REDIRECTS.includes(status)) return this.#onRedirect(headers.get("location"), target);
    if (status !== OK) return this.#fail(`${target.host} answered ${status}`);
    this.#isAnswered = true;
    this.#etag = headers.get("etag");
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > FILE_BYTES_MAX)
      return this.#fail(`the file is longer than ${FILE_BYTES_MAX} bytes`);
    this.#body.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #onRedirect(location: string | undefined, from: ParsedUrl): void {
    this.counters.redirects++;
    if (location === undefined) return this.#fail("a redirect to nowhere");
    const url = resolveUrl(from, location);
    const to = parseUrl(url);
    if (++this.#redirects > POLL_REDIRECTS_MAX) return this.#fail(`more than ${POLL_REDIRECTS_MAX} redirects`);
    if (typeof to !== "string" && from.secure && !to.secure) return this.#fail("a redirect from https to http");
    this.#leave();
    this.#ask(url);
  }

  #onUnchanged(offer: Offer): void {
    this.counters.unchanged++;
    this.#hangUp();
    this.#offer(offer);
  }

  #onFile(target: ParsedUrl): void {
    const offer = offerFromJson(this.#body.subarray(0, this.#length));
    if (!offer) {
      this.counters.notUnderstood++;
      return this.#fail(`what ${target.host} sent is no offer`);
    }
    this.counters.files++;
    this.#known = { offer: { ...offer, url: resolveUrl(target, offer.url) }, etag: this.#etag };
    this.#hangUp();
    this.#offer(this.#known.offer);
  }

  #offer(offer: Offer): void {
    if (this.#options.isInstalled(offer)) {
      this.counters.installed++;
      return;
    }
    this.counters.offers++;
    if (this.#offered && sameContent(this.#offered, offer)) this.counters.repeats++;
    this.#offered = offer;
    this.#options.onOffer(offer);
  }

  #fail(problem: string): void {
    this.counters.failures++;
    this.#lastProblem = problem;
    this.#hangUp();
  }

  #hangUp(): void {
    this.#options.clock.clear(this.#endTimer);
    this.#leave();
  }

  #leave(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }
}

/** The SDK gives an Error, a host's name, or nothing. */
function textOf(cause: unknown): string {
  if (cause instanceof Error && cause.message) return cause.message;
  return typeof cause === "string" ? `the name ${cause} cannot be looked up` : "the connection failed or was lost";
}
