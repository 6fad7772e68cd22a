/**
 * Offers from a server of the vendor's own: a small JSON file behind an http(s) URL, asked for now and then.
 *
 *   {"url": "fw-2.1.0.bin", "size": 412672, "type": "...", "ver": "2.1.0", "build": "...", "sha256": "...", "target": "mcu"}
 *
 * `url` may be relative to the file. Each poll that finds an offer that is not installed makes it again: whoever takes it
 * knows what is under way and what has failed. Polls of a fleet are spread by chance, and a file that has not changed is
 * not sent again (ETag).
 *
 * Fault model: no network, one that comes and goes, a server that is gone, mute, slow, redirects in rings, or answers
 * anything of any length. A poll ends by an answer, an error, POLL_MS, or FILE_BYTES_MAX. After one that failed the next
 * comes sooner than in its time, ever less so: one bad moment should not cost a day, nor an outage make a storm.
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
/** After a poll that failed, if the interval is not shorter; twice as long after each further one, up to the interval. */
export const POLL_RETRY_MS = 5 * 60_000;
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
  /** Whether an answer is waited for: polls come as often as they may, until there is one. */
  isUrgent?(): boolean;
  onOffer(offer: Offer): void;
  /** A file that holds an offer came, or has not changed; before the offer is judged. */
  onAnswer?(): void;
  onFailed?(problem: string): void;
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
  /** While the file comes. */
  #body: Uint8Array | undefined;
  #length = 0;
  #client: HttpClient | undefined;
  #pollTimer: TimerHandle;
  #endTimer: TimerHandle;
  #redirects = 0;
  /** When the next poll is due, in this life: a network that comes and goes makes no more of them. */
  #dueMs = 0;
  /** In a row. */
  #failures = 0;
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
    const { clock, random } = this.#options;
    const chanceMs = random() * Math.min(FIRST_POLL_MS_MAX, this.#intervalMs);
    this.#pollLater(Math.max(chanceMs, this.#isUrgent ? 0 : this.#dueMs - clock.now()));
  }

  /** Idempotent; nothing is called back any more. */
  stop(): void {
    this.#options.clock.clear(this.#pollTimer);
    this.#pollTimer = undefined;
    this.#hangUp();
  }

  get #isUrgent(): boolean {
    return this.#options.isUrgent?.() ?? false;
  }

  get #intervalMs(): number {
    if (this.#isUrgent) return INTERVAL_MS_MIN;
    return Math.min(Math.max(this.#options.intervalMs, INTERVAL_MS_MIN), INTERVAL_MS_MAX);
  }

  #pollLater(delayMs: number): void {
    const { clock } = this.#options;
    clock.clear(this.#pollTimer);
    this.#dueMs = clock.now() + delayMs;
    this.#pollTimer = clock.set(() => this.#poll(), delayMs);
  }

  #pollInItsTime(): void {
    const regularMs = this.#intervalMs;
    const retryMs = this.#failures === 0 ? regularMs : POLL_RETRY_MS * 2 ** (this.#failures - 1);
    this.#pollLater(Math.min(regularMs, retryMs) * (1 + JITTER_SHARE * this.#options.random()));
  }

  #poll(): void {
    const { clock, url, isBusy } = this.#options;
    this.#pollInItsTime();
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
        if (!error || this.#body) this.#onFile(target);
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
    this.#body = new Uint8Array(FILE_BYTES_MAX);
    this.#length = 0;
    this.#etag = headers.get("etag");
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > FILE_BYTES_MAX)
      return this.#fail(`the file is longer than ${FILE_BYTES_MAX} bytes`);
    this.#body?.set(bytes, this.#length);
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
    this.#onOffer(offer);
  }

  #onFile(target: ParsedUrl): void {
    const offer = this.#body && offerFromJson(this.#body.subarray(0, this.#length));
    if (!offer) {
      this.counters.notUnderstood++;
      return this.#fail(`what ${target.host} sent is no offer`);
    }
    this.counters.files++;
    this.#known = { offer: { ...offer, url: resolveUrl(target, offer.url) }, etag: this.#etag };
    this.#hangUp();
    this.#onOffer(this.#known.offer);
  }

  #onOffer(offer: Offer): void {
    this.#failures = 0;
    this.#options.onAnswer?.();
    if (this.#pollTimer === undefined) return; // stopped meanwhile
    this.#pollInItsTime();
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
    this.#failures++;
    this.#pollInItsTime();
    this.#options.onFailed?.(problem);
  }

  #hangUp(): void {
    this.#options.clock.clear(this.#endTimer);
    this.#leave();
  }

  #leave(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#body = undefined;
    client?.close();
  }
}

/** The SDK gives an Error, a host's name, or nothing. */
function textOf(cause: unknown): string {
  if (cause instanceof Error && cause.message) return cause.message;
  return typeof cause === "string" ? `the name ${cause} cannot be looked up` : "the connection failed or was lost";
}
