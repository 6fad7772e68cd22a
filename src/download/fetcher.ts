/**
 * Asks servers for a file, or for the rest of it, and says what came: follows redirects, keeps one connection for all
 * requests that can share it, and judges each answer (response.ts). What to make of it is download-job.ts's affair.
 *
 * Invariants: one request at a time; after close(), and after the events that end a request, comes no further event
 * until the next one.
 */

import { type ParsedUrl, parseUrl, resolveUrl } from "../base/url.js";
import type { Clock, HttpClientClass, Io, TimerHandle } from "../ports.js";
import { Connection, type Destination } from "./connection.js";
import { DownloadRequest } from "./download-request.js";
import { announcedDigests, HEADERS_WANTED, type Judgement, judge } from "./response.js";

/** From one ask(). */
export const REDIRECTS_MAX = 5;
/** A connection that would idle longer is closed: Apache waits 5 s, and one that its server closes costs a request. */
export const IDLE_MS_MAX = 4_000;

export interface HttpPorts {
  readonly http: Io<HttpClientClass>;
  readonly https?: Io<HttpClientClass>;
}

/** What is wanted. */
export interface Wanted {
  /** The first byte; 0 for the whole file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** The rest is of use only if the file is still this one. */
  readonly validator: string | undefined;
}

/** An answer that brings nothing. */
export type Refusal = Exclude<Judgement, { kind: "body" | "redirect" }>;

export interface FetchEvents {
  /** A request leaves; `offset` is its first byte. */
  onRequest(url: string, offset: number): void;
  /** Bytes of the file follow. */
  onBody(body: Judgement & { kind: "body" }, announced: { sha256?: string; md5?: string }): void;
  roomBytes(): number;
  onBytes(bytes: Uint8Array): void;
  /** The last event: no more bytes will come. */
  onEnd(): void;
  /** The last event. */
  onRefused(refusal: Refusal): void;
  /** The last event: there was no answer, or it stopped half-way. */
  onFailed(cause: "connect" | "stalled", reason: string): void;
}

const NOTHING: Wanted = Object.freeze({ offset: 0, sizeBytes: 0, validator: undefined });

export interface FetcherOptions {
  clock: Clock;
  network: HttpPorts;
}

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #events: FetchEvents;
  readonly #connection = new Connection();
  #request: DownloadRequest | undefined;
  #wanted: Wanted = NOTHING;
  #redirects = 0;
  /** Of a redirect's next request. */
  #timer: TimerHandle;
  #open = false;

  constructor(options: FetcherOptions, events: FetchEvents) {
    this.#options = options;
    this.#events = events;
  }

  ask(url: string, wanted: Wanted): void {
    this.#open = true;
    this.#redirects = 0;
    this.#wanted = wanted;
    this.#ask(url);
  }

  /** Gives up what is under way. Nothing is asked for so long: the connection goes as well, unless it can wait. */
  rest(pauseMs: number): void {
    this.#request?.close();
    this.#request = undefined;
    if (pauseMs > IDLE_MS_MAX) this.#connection.close();
  }

  close(): void {
    this.#open = false;
    this.#options.clock.clear(this.#timer);
    this.rest(Number.POSITIVE_INFINITY);
  }

  #ask(url: string): void {
    const target = parseUrl(url);
    if (typeof target === "string") return this.#refuse(`the URL ${target}`);
    const { http, https } = this.#options.network;
    const port = target.secure ? https : http;
    if (!port) return this.#refuse("this build has no TLS: offer an http:// URL");
    this.#send(url, { target, port });
  }

  #send(url: string, destination: Destination): void {
    const { clock } = this.#options;
    const connection = this.#connection;
    const wanted = this.#wanted;
    const events = this.#events;
    events.onRequest(url, wanted.offset);
    if (!this.#open) return;
    this.#request = new DownloadRequest(
      { ...destination, clock, connection, headers: headersFor(wanted), headersMask: HEADERS_WANTED },
      {
        onHeaders: (status, headers) => this.#onAnswer(destination.target, headers, judge(wanted, status, headers)),
        roomBytes: () => events.roomBytes(),
        onBytes: (bytes) => events.onBytes(bytes),
        onEnd: () => events.onEnd(),
        onFailed: (cause, reason) => {
          // Whoever hung up on an idle connection did so before this request came.
          if (cause === "connect" && connection.reused) this.#send(url, destination);
          else events.onFailed(cause, reason);
        },
      },
    );
  }

  #onAnswer(target: ParsedUrl, headers: ReadonlyMap<string, string>, judgement: Judgement): void {
    switch (judgement.kind) {
      case "body":
        return this.#events.onBody(judgement, announcedDigests(headers));
      case "redirect":
        return this.#request?.leave(() => this.#follow(target, judgement.location));
      case "restart":
      case "retry":
        return this.#request?.leave(() => this.#events.onRefused(judgement));
      default:
        return this.#events.onRefused(judgement);
    }
  }

  #follow(from: ParsedUrl, location: string): void {
    const next = resolveUrl(from, location);
    const to = parseUrl(next);
    if (++this.#redirects > REDIRECTS_MAX) return this.#refuse(`more than ${REDIRECTS_MAX} redirects`);
    if (typeof to === "string") return this.#refuse(`a redirect whose URL ${to}`);
    if (from.secure && !to.secure) return this.#refuse("a redirect from https to http");
    this.#timer = this.#options.clock.set(() => this.#ask(next), 0);
  }

  #refuse(reason: string): void {
    this.#events.onRefused({ kind: "refused", reason });
  }
}

function headersFor({ offset, validator }: Wanted): Map<string, string> {
  const headers = new Map<string, string>();
  if (offset === 0) return headers;
  headers.set("range", `bytes=${offset}-`);
  if (validator !== undefined) headers.set("if-range", validator);
  return headers;
}
