/**
 * Joins the far end of the emulated UART to a real line.
 *
 * Towards Ferry, bytes take the time that they take at the far end's rate, and its changes of rate take effect behind
 * the bytes that it wrote before, as a driver's drain would have it. Where the far end has no rate that one could know,
 * it has Ferry's.
 */

import type { TimerHandle } from "../../src/ports.js";
import type { PacedClock } from "../node/paced-clock.js";
import type { UartEnd, UartLine } from "../sim/uart.js";
import type { LineListener, RealLine } from "./real-line.js";

/** Bytes from the far end that wait for the emulated line; beyond, it is held back. */
const QUEUE_BYTES_MAX = 4096;
/** The rate of a far end that has not named one: what a terminal has. */
const BAUD_DEFAULT = 38_400;
const READ_BYTES = 1024;

/** What the far end did, in order. */
type Deed = { readonly bytes: Uint8Array } | { readonly baud: number } | { readonly isOpen: boolean };

export interface JointOptions {
  readonly clock: PacedClock;
  readonly uart: UartLine;
  readonly line: RealLine;
  /** The far end has Ferry's rate, whatever it says. */
  readonly anyBaud: boolean;
  /** For what people should know. */
  readonly onOpen: (isOpen: boolean) => void;
  readonly onBaud: (baud: number) => void;
  readonly onLost: (count: number) => void;
  readonly onFailure: (problem: string) => void;
}

export class Joint implements LineListener {
  readonly #options: JointOptions;
  readonly #end: UartEnd;
  readonly #hasFerrysBaud: boolean;
  readonly #readBuffer = new Uint8Array(READ_BYTES);
  #deeds: Deed[] = [];
  #queuedBytes = 0;
  #isPaused = false;
  /** As of the last deed. */
  #willBeOpen = false;
  #baud = BAUD_DEFAULT;
  #drainTimer: TimerHandle;

  constructor(options: JointOptions) {
    this.#options = options;
    this.#end = options.uart.b;
    this.#hasFerrysBaud = options.anyBaud || options.line.hasNoBaud;
  }

  start(): void {
    this.#options.line.start(this);
  }

  /** The rate of the far end, while somebody is there. */
  get baud(): number | undefined {
    return this.#end.baud;
  }

  // ---- Ferry's end ----------------------------------------------------------------------------------------------

  /** Before Ferry's UART opens: what it has sent at its old rate is handed over. */
  beforeFerryOpens(): void {
    if (this.#end.isOpen) this.#drain();
  }

  onFerryOpened(baud: number): void {
    this.#options.line.setBaud(baud);
    if (this.#hasFerrysBaud) this.#takeBaud(baud);
  }

  // ---- the far end ----------------------------------------------------------------------------------------------

  onOpen(isOpen: boolean): void {
    this.#willBeOpen = isOpen;
    this.#arrive({ isOpen });
    this.#options.onOpen(isOpen);
  }

  onBaud(baud: number): void {
    // 0 hangs up a modem; there is none.
    if (this.#hasFerrysBaud || baud === 0) return;
    this.#arrive({ baud });
    this.#options.onBaud(baud);
  }

  onBytes(bytes: Uint8Array): void {
    // A program that opens, writes and leaves at once may be gone before anybody has seen it.
    const isVisit = !this.#willBeOpen;
    if (isVisit) this.#arrive({ isOpen: true });
    this.#queuedBytes += bytes.length;
    this.#arrive({ bytes });
    if (isVisit) this.#arrive({ isOpen: false });
  }

  onLost(count: number): void {
    this.#options.onLost(count);
  }

  onFailure(problem: string): void {
    this.#options.onFailure(problem);
  }

  #arrive(deed: Deed): void {
    this.#options.clock.arrive(() => {
      this.#deeds.push(deed);
      this.#pump();
    });
  }

  /** Does what can be done now. */
  #pump(): void {
    for (let deed = this.#deeds[0]; deed; deed = this.#deeds[0]) {
      if ("bytes" in deed ? !this.#send(deed.bytes) : !this.#isDrained()) break;
      if ("baud" in deed) this.#takeBaud(deed.baud);
      else if ("isOpen" in deed) this.#setOpen(deed.isOpen);
      this.#deeds.shift();
    }
    const isTooMuch = this.#queuedBytes > QUEUE_BYTES_MAX;
    if (isTooMuch === this.#isPaused) return;
    this.#isPaused = isTooMuch;
    this.#options.line.setPaused(isTooMuch);
  }

  /** Returns whether all of it has gone; the rest stays first in the queue. */
  #send(bytes: Uint8Array): boolean {
    const count = Math.min(this.#end.free(), bytes.length);
    this.#end.write(bytes.subarray(0, count));
    this.#queuedBytes -= count;
    if (count === bytes.length) return true;
    this.#deeds[0] = { bytes: bytes.subarray(count) };
    return false;
  }

  #isDrained(): boolean {
    const { clock } = this.#options;
    const { drainedMs } = this.#end;
    if (!this.#end.isOpen || drainedMs <= clock.now()) return true;
    clock.clear(this.#drainTimer);
    this.#drainTimer = clock.setAt(() => this.#pump(), drainedMs);
    return false;
  }

  #setOpen(isOpen: boolean): void {
    if (isOpen === this.#end.isOpen) return;
    if (isOpen) {
      this.#end.open(this.#baud, { onReceive: () => this.#drain(), onTransmitLow: () => this.#pump() });
    } else {
      this.#end.close();
    }
  }

  #takeBaud(baud: number): void {
    this.#baud = baud;
    if (!this.#end.isOpen || this.#end.baud === baud) return;
    this.#drain();
    this.#end.setBaud(baud);
  }

  #drain(): void {
    const { line } = this.#options;
    for (let count = this.#end.read(this.#readBuffer); count; count = this.#end.read(this.#readBuffer)) {
      line.write(this.#readBuffer.slice(0, count));
    }
  }
}
