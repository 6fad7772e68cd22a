/**
 * A TCP connection as its two ends see it: two byte streams, each paced by the bandwidth, late by the latency, and
 * held back while the receiver has a window full of unread bytes. The end of a stream, orderly or a reset, arrives
 * behind the bytes that were sent before it.
 */

import type { VirtualClock } from "./clock.js";

export interface StreamConditions {
  /** One way. */
  latencyMs: number;
  /** Of each connection, either way. */
  bytesPerSecond: number;
  /** Sent and not yet read by the receiver, at most: lwIP's default on the ESP32 is 4 segments. */
  windowBytes: number;
  segmentBytes: number;
}

/** All called from the clock, never from inside a call. */
export interface StreamHandlers {
  onConnected?(): void;
  /** More bytes wait than before. */
  onReceive?(): void;
  /** Everything given to send() has left. */
  onDrained?(): void;
  /** Nothing more will come. The cause of an end that is neither is whatever the network knows. */
  onEnd?(end: StreamEnd, cause?: unknown): void;
}

export type StreamEnd = "closed" | "reset" | "failed";

/** One end of a connection as its user sees it: simulated here, real in host/node/tcp-stream.ts. */
export interface TcpEndpoint {
  handlers: StreamHandlers;
  /** Sends no faster than this, where the network would. */
  bytesPerSecondMax: number;
  /** How many bytes wait to be read. */
  readonly waiting: number;
  /** Moves up to `into.length` bytes and returns the count. Makes room for the far end. */
  read(into: Uint8Array): number;
  /** Queues the bytes, any number of them. */
  send(bytes: Uint8Array): void;
  /** Ends the stream when the queue has left: orderly, or as a host does whose process died. */
  end(how?: "closed" | "reset"): void;
  /** Is through with the connection: drops what waits and what is queued; the far end finds it closed. */
  close(): void;
}

/** What the network does for its connections: carry something, and forget a connection that is over. */
interface Carrier {
  deliver(callback: () => void, atMs: number): void;
  over(): void;
}

export class StreamPair {
  readonly device: TcpEnd;
  readonly server: TcpEnd;
  readonly #carrier: Carrier;
  #isOver = false;

  constructor(clock: VirtualClock, conditions: Readonly<StreamConditions>, carrier: Carrier) {
    this.#carrier = carrier;
    this.device = new TcpEnd(clock, conditions, carrier, this);
    this.server = new TcpEnd(clock, conditions, carrier, this);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  farEnd(end: TcpEnd): TcpEnd {
    return end === this.device ? this.server : this.device;
  }

  /** Both ends learn at once that the connection is lost. */
  fail(cause: unknown): void {
    if (this.#isOver) return;
    this.finish();
    this.device.arriveEnd("failed", cause);
    this.server.arriveEnd("failed", cause);
  }

  /** For the ends: one of them is through with the connection. */
  finish(): void {
    this.#isOver = true;
    this.#carrier.over();
  }
}

export class TcpEnd implements TcpEndpoint {
  handlers: StreamHandlers = {};
  bytesPerSecondMax = Number.POSITIVE_INFINITY;

  readonly #clock: VirtualClock;
  readonly #conditions: Readonly<StreamConditions>;
  readonly #carrier: Carrier;
  readonly #pair: StreamPair;
  #isOpen = true;

  /** To send: the parts not yet sent, of the first one what lies beyond the offset. */
  #queue: Uint8Array[] = [];
  #queueOffset = 0;
  #endAfterQueue: StreamEnd | undefined;
  #isSending = false;
  /** Sent, and as far as we know not read by the far end. */
  #outstandingBytes = 0;
  #lastArrivalMs = 0;

  /** Received and not read. */
  #received: Uint8Array[] = [];
  #receivedOffset = 0;
  #waiting = 0;
  /** Read, and not yet told to the far end. */
  #readBytes = 0;

  /** Made by the pair. */
  constructor(clock: VirtualClock, conditions: Readonly<StreamConditions>, carrier: Carrier, pair: StreamPair) {
    this.#clock = clock;
    this.#conditions = conditions;
    this.#carrier = carrier;
    this.#pair = pair;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Bytes given to send() that have not left. */
  get queued(): number {
    return this.#queue.reduce((sum, part) => sum + part.length, -this.#queueOffset);
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOpen || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#pump();
  }

  end(how: "closed" | "reset" = "closed"): void {
    this.#endAfterQueue = how;
    this.#pump();
  }

  read(into: Uint8Array): number {
    let count = 0;
    for (let part = this.#received[0]; part && count < into.length; part = this.#received[0]) {
      const piece = part.subarray(this.#receivedOffset, this.#receivedOffset + into.length - count);
      into.set(piece, count);
      count += piece.length;
      this.#receivedOffset += piece.length;
      if (this.#receivedOffset < part.length) break;
      this.#received.shift();
      this.#receivedOffset = 0;
    }
    this.#waiting -= count;
    this.#readBytes += count;
    // As lwIP does it: small reads are told together.
    if (this.#readBytes >= this.#conditions.windowBytes / 4) this.#openWindow();
    return count;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#forget();
    if (this.#pair.isOver) return;
    this.#pair.finish();
    const farEnd = this.#pair.farEnd(this);
    this.#deliver(() => farEnd.arriveEnd("closed"));
  }

  /** For the far end and the pair. */
  arriveEnd(end: StreamEnd, cause?: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#queue = [];
    this.#pair.finish();
    this.handlers.onEnd?.(end, cause);
  }

  #arrive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#received.push(bytes);
    this.#waiting += bytes.length;
    this.handlers.onReceive?.();
  }

  #pump(): void {
    if (this.#isSending || !this.#isOpen) return;
    const part = this.#queue[0];
    if (!part) {
      this.#sendEnd();
      return;
    }
    const { segmentBytes, windowBytes, bytesPerSecond } = this.#conditions;
    const room = Math.min(segmentBytes, windowBytes - this.#outstandingBytes);
    if (room <= 0) return;
    const segment = part.slice(this.#queueOffset, this.#queueOffset + room);
    this.#outstandingBytes += segment.length;
    this.#isSending = true;
    const rate = Math.min(bytesPerSecond, this.bytesPerSecondMax);
    this.#clock.set(() => this.#depart(part, segment), (segment.length * 1000) / rate);
  }

  #depart(part: Uint8Array, segment: Uint8Array): void {
    this.#isSending = false;
    if (!this.#isOpen) return;
    this.#queueOffset += segment.length;
    if (this.#queueOffset >= part.length) {
      this.#queue.shift();
      this.#queueOffset = 0;
    }
    const farEnd = this.#pair.farEnd(this);
    this.#deliver(() => farEnd.#arrive(segment));
    if (this.#queue.length === 0) this.handlers.onDrained?.();
    this.#pump();
  }

  #sendEnd(): void {
    const how = this.#endAfterQueue;
    if (!how) return;
    this.#isOpen = false;
    const farEnd = this.#pair.farEnd(this);
    this.#deliver(() => farEnd.arriveEnd(how));
  }

  #openWindow(): void {
    const count = this.#readBytes;
    this.#readBytes = 0;
    const farEnd = this.#pair.farEnd(this);
    this.#deliver(() => {
      farEnd.#outstandingBytes -= count;
      farEnd.#pump();
    });
  }

  /** Later than everything sent before it, also when the latency has changed since. */
  #deliver(callback: () => void): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#clock.now() + this.#conditions.latencyMs);
    this.#carrier.deliver(callback, this.#lastArrivalMs);
  }

  #forget(): void {
    this.#isOpen = false;
    this.#queue = [];
    this.#received = [];
    this.#receivedOffset = 0;
    this.#waiting = 0;
  }
}
