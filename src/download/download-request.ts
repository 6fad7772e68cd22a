/**
 * One HTTP request for a file: asks once, hands over the body in slices, and says how it ended. What that means for
 * the image is download-job.ts's affair.
 *
 * Invariants: no slice is read before its turn, so unread bytes stay in the connection and hold the server back; after
 * close(), and after onEnd or onFailed, which close it, comes no further event. A connection is left open only behind
 * an answer that was read to its end. Every wait is bounded: STALL_MS without a sign of the server ends the request.
 */

import { messageOf } from "../base/failure.js";
import type { Clock, HttpRequest, TimerHandle } from "../ports.js";
import type { Connection, Destination } from "./connection.js";
import { bodyLength, closesConnection } from "./response.js";

/** No byte for so long means that the connection is dead: mobile networks recover within half of it. */
export const STALL_MS = 30_000;
/** Bytes handled between two turns of the event loop: about 12 ms of hashing in TypeScript on the chip. */
export const SLICE_BYTES = 1024;
/** Of a body that nobody wants, a longer one costs more to read than another connection, TLS or not. */
export const UNWANTED_BYTES_MAX = 4096;

export interface DownloadRequestOptions extends Destination {
  clock: Clock;
  connection: Connection;
  headers: Map<string, string>;
  /** Names of the response's headers that are looked at. */
  headersMask: readonly string[];
}

export interface DownloadRequestEvents {
  onHeaders(status: number, headers: ReadonlyMap<string, string>): void;
  /** A slice ends where these do, so that a power cut costs no byte beyond them; 0 for no bound. */
  roomBytes(): number;
  /** The next slice of the body: a view, valid during the call. */
  onBytes(bytes: Uint8Array): void;
  /** No more bytes will come. A cut and the regular end of a body without a length look just the same. */
  onEnd(): void;
  /** There was no answer, or it stopped half-way. */
  onFailed(cause: "connect" | "stalled", reason: string): void;
}

export class DownloadRequest {
  readonly #options: DownloadRequestOptions;
  readonly #events: DownloadRequestEvents;
  readonly #slice = new Uint8Array(SLICE_BYTES);
  #request: HttpRequest | undefined;
  #watchdog: TimerHandle;
  #pumpTimer: TimerHandle;
  /** Headers have come. */
  #headers: ReadonlyMap<string, string> | undefined;
  #serverCloses = false;
  /** Bytes that wait in the connection. */
  #waiting = 0;
  /** No more bytes will come than those that wait. */
  #ended = false;
  /** The answer was read to its end, and its server may be asked again. */
  #leavesConnection = false;
  /** Set once the body is not wanted: what comes when it is over. */
  #afterwards: (() => void) | undefined;
  #closed = false;

  /** Asks at once; events come later. */
  constructor(options: DownloadRequestOptions, events: DownloadRequestEvents) {
    this.#options = options;
    this.#events = events;
    this.#watch();
    try {
      this.#ask();
    } catch (error) {
      // The SDK's sockets throw while there is no network at all.
      const reason = messageOf(error);
      this.#pumpTimer = options.clock.set(() => this.#fail("connect", reason), 0);
    }
  }

  /** The connection goes as well, unless it can serve the next request. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.clock.clear(this.#watchdog);
    this.#options.clock.clear(this.#pumpTimer);
    this.#request = undefined;
    if (!this.#leavesConnection) this.#options.connection.close();
  }

  /**
   * The body is not wanted: reads a short one to its end, so that the connection can be used again, and gives up the
   * connection otherwise. Then calls back, as the request's last event. For use inside onHeaders.
   */
  leave(afterwards: () => void): void {
    const length = this.#headers && bodyLength(this.#headers);
    if (this.#serverCloses || typeof length !== "number" || length > UNWANTED_BYTES_MAX) {
      this.close();
      afterwards();
    } else {
      this.#afterwards = afterwards;
    }
  }

  #ask(): void {
    const { connection, port, target, headers, headersMask } = this.#options;
    this.#request = connection.request(
      { port, target },
      {
        method: "GET",
        path: target.path,
        headers,
        headersMask,
        onHeaders: (status, received) => this.#onHeaders(status, received),
        onReadable: (count) => this.#onReadable(count),
        onDone: (error) => this.#onDone(error !== null),
      },
      (cause) => this.#onConnectionLost(cause),
    );
  }

  #onHeaders(status: number, headers: ReadonlyMap<string, string>): void {
    if (this.#closed) return;
    this.#headers = headers;
    this.#serverCloses = closesConnection(headers);
    this.#watch();
    this.#events.onHeaders(status, headers);
  }

  #onReadable(count: number): void {
    if (this.#closed) return;
    this.#watch();
    this.#waiting = count;
    this.#pump();
  }

  /** What a lost connection has not given up by now it never will. */
  #onDone(lost: boolean): void {
    if (this.#closed) return;
    this.#ended = true;
    this.#leavesConnection = !lost && !this.#serverCloses;
    if (lost) this.#waiting = 0;
    this.#pumpLater(); // after the client's own onError, which may know the reason
  }

  #onConnectionLost(cause: unknown): void {
    if (this.#closed) return;
    if (this.#headers) {
      if (!this.#ended) this.#onDone(true);
      return;
    }
    const known = cause instanceof Error && cause.message;
    this.#fail("connect", known ? cause.message : `cannot reach ${this.#options.target.host}`);
  }

  #pumpLater(): void {
    this.#options.clock.clear(this.#pumpTimer);
    this.#pumpTimer = this.#options.clock.set(() => this.#pump(), 0);
  }

  /** Hands over one slice, and comes again while there are more. */
  #pump(): void {
    this.#options.clock.clear(this.#pumpTimer);
    if (this.#waiting > 0) this.#moveSlice();
    if (this.#closed) return;
    if (this.#waiting > 0) return this.#pumpLater();
    if (!this.#ended) return;
    if (!this.#headers) return this.#fail("connect", "the connection ended before an answer came");
    this.close();
    if (this.#afterwards) this.#afterwards();
    else this.#events.onEnd();
  }

  #moveSlice(): void {
    // Never more than was announced: the SDK's client throws on the rest.
    const bytesMax = Math.min(this.#waiting, this.#events.roomBytes() || SLICE_BYTES);
    const room = bytesMax < SLICE_BYTES ? this.#slice.subarray(0, bytesMax) : this.#slice;
    const count = this.#request?.read(room) ?? 0;
    this.#waiting = count === 0 ? 0 : this.#waiting - count;
    if (count > 0 && !this.#afterwards) this.#events.onBytes(count === room.length ? room : room.subarray(0, count));
  }

  /** From now on, silence of STALL_MS ends the request. */
  #watch(): void {
    this.#options.clock.clear(this.#watchdog);
    this.#watchdog = this.#options.clock.set(() => this.#onSilence(), STALL_MS);
  }

  #onSilence(): void {
    const seconds = STALL_MS / 1000;
    if (this.#headers) this.#fail("stalled", `nothing came for ${seconds} s`);
    else this.#fail("connect", `no answer for ${seconds} s`);
  }

  #fail(cause: "connect" | "stalled", reason: string): void {
    this.close();
    if (this.#afterwards) this.#afterwards();
    else this.#events.onFailed(cause, reason);
  }
}
