/**
 * A real TCP connection, plain or with TLS in it, as simulated devices and servers see theirs (TcpEndpoint).
 *
 * Bytes that nobody reads hold the sender back, and the end of the stream is told behind the bytes that came before
 * it. After close(), and after the end was told, no handler is called.
 */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { StreamHandlers, TcpEndpoint } from "../sim/tcp-stream.js";

/** Unread bytes beyond which no more are taken from the socket: lwIP's window on the ESP32. */
const WINDOW_BYTES = 5744;

export interface NodeTcpStreamOptions {
  /** Gets every event of the socket, and calls it back now or later, in order. */
  readonly tell?: (event: () => void) => void;
  /** Puts into words why no connection came about. */
  readonly explain?: (error: Error) => Error;
  /** What a TLS socket goes through: a reset happens down there. */
  readonly carrier?: Socket;
}

export class NodeTcpStream implements TcpEndpoint {
  handlers: StreamHandlers = {};
  bytesPerSecondMax = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #carrier: Socket;
  readonly #tell: (event: () => void) => void;
  readonly #explain: (error: Error) => Error;
  #isOpen = true;
  #isConnected = false;
  readonly #received: Uint8Array[] = [];
  #waiting = 0;
  /** Sends that have not left. */
  #sends = 0;
  /** When, at the pace that is allowed, all sends will have left: absolute, for timers round to milliseconds. */
  #dueMs = 0;
  #paceTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: NodeTcpStreamOptions = {}) {
    this.#socket = socket;
    this.#carrier = options.carrier ?? socket;
    this.#tell = options.tell ?? ((event) => event());
    this.#explain = options.explain ?? ((error) => error);
    this.#isConnected = !socket.pending;
    socket.setNoDelay();
    socket.on(socket instanceof TLSSocket ? "secureConnect" : "connect", () => this.#onConnect());
    socket.on("data", (bytes: Uint8Array) => this.#onData(bytes));
    // A handshake that ends early is an error, which follows.
    socket.on("end", () => this.#isConnected && this.#finish("closed"));
    socket.on("error", (error) => this.#onError(error));
    // A far end that vanishes behind a half-closed stream gives neither of the two.
    socket.on("close", () => this.#finish(this.#isConnected ? "closed" : "failed"));
  }

  /** More may come. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get waiting(): number {
    return this.#waiting;
  }

  read(into: Uint8Array): number {
    let count = 0;
    for (let part = this.#received[0]; part && count < into.length; part = this.#received[0]) {
      const piece = part.subarray(0, into.length - count);
      into.set(piece, count);
      count += piece.length;
      if (piece.length < part.length) this.#received[0] = part.subarray(piece.length);
      else this.#received.shift();
    }
    this.#waiting -= count;
    if (this.#waiting < WINDOW_BYTES && this.#socket.isPaused()) this.#socket.resume();
    return count;
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOpen || bytes.length === 0) return;
    this.#sends++;
    this.#dueMs = Math.max(this.#dueMs, performance.now()) + (bytes.length * 1000) / this.bytesPerSecondMax;
    this.#socket.write(bytes, (error) => {
      if (error) return;
      const paceMs = this.#dueMs - performance.now();
      if (paceMs < 1) this.#onSent();
      else this.#paceTimer = setTimeout(() => this.#onSent(), paceMs);
    });
  }

  end(how: "closed" | "reset" = "closed"): void {
    if (how === "reset") this.#carrier.resetAndDestroy();
    else this.#socket.end();
  }

  close(): void {
    this.#forget();
    this.#received.length = 0;
    this.#waiting = 0;
    this.#socket.destroy();
  }

  #onConnect(): void {
    this.#isConnected = true;
    this.#tell(() => this.handlers.onConnected?.());
  }

  #onData(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    if (this.#waiting + bytes.length >= WINDOW_BYTES) this.#socket.pause();
    this.#tell(() => {
      if (!this.#isOpen) return;
      this.#received.push(bytes);
      this.#waiting += bytes.length;
      this.handlers.onReceive?.();
    });
  }

  #onSent(): void {
    this.#sends--;
    if (!this.#isOpen || this.#sends > 0) return;
    this.#tell(() => this.handlers.onDrained?.());
  }

  #onError(error: Error): void {
    if (this.#isConnected) this.#finish("reset", error);
    else this.#finish("failed", this.#explain(error));
  }

  #finish(how: "closed" | "reset" | "failed", cause?: Error): void {
    if (!this.#isOpen) return;
    this.#forget();
    this.#tell(() => this.handlers.onEnd?.(how, cause));
  }

  #forget(): void {
    this.#isOpen = false;
    clearTimeout(this.#paceTimer);
  }
}
