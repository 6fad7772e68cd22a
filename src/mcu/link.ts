/**
 * The link to the Primary MCU: a wire, a session on it, and the baud both sides agree on.
 *
 * The MCU decides the baud. A change is answered at the old rate, everything sent drains, then the wire switches; when
 * nothing valid arrives at the new rate the link goes back to the initial one, where every MCU looks for it. An MCU
 * that restarts into its boot loader says nothing of its rate: then its calls arrive as noise, and under lasting noise
 * the link swings between the initial rate and the one last agreed until it hears a frame. Only more noise ends a
 * swing: a boot loader may be silent for seconds between two calls.
 */

import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import { SerialWire, type Wire, type WireClass, type WireCounters } from "../frame/wire.js";
import type { Clock, Io, SerialClass, TimerHandle } from "../ports.js";
import type { CallName } from "../rpc/catalogue.js";
import { RpcSession } from "../rpc/session.js";

/** Blynk's NCP starts at this rate, and MCUs try it first. */
export const INITIAL_BAUD = 38_400;
/** What the ESP32's UART makes from its 80 MHz clock with less than 1 % of error. */
export const BAUD_MIN = 1_200;
export const BAUD_MAX = 5_000_000;
/** An MCU that switched pings within 20 ms and gives up scanning after seconds. */
export const BAUD_PROOF_MS = 2_000;
/** Noise is believed to be another baud when nothing valid came for so long: longer than any text a boot prints. */
export const NOISE_PATIENCE_MS = 300;

export interface McuLinkOptions {
  clock: Clock;
  serial: Io<SerialClass>;
  /** The wire to use: by default the TypeScript one over `serial`. */
  Wire?: WireClass;
  initialBaud?: number;
  onBaud(baud: number): void;
  /** Any valid payload has arrived. */
  onHeard(): void;
  /** The line has room for the next message. */
  onIdle?(): void;
  onFault(call: CallName, error: unknown): void;
}

export class McuLink {
  readonly session: RpcSession;
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #initialBaud: number;
  readonly #onBaud: (baud: number) => void;
  #wantedBaud: number | undefined;
  /** The wanted baud must prove itself in time. */
  #proofWanted = false;
  #drainWaiter: (() => void) | undefined;
  #proofTimer: TimerHandle;
  /** The last rate at which a frame was heard after a switch. */
  #agreedBaud: number;
  #noiseSinceMs: number | undefined;

  constructor(options: McuLinkOptions) {
    this.#clock = options.clock;
    this.#initialBaud = options.initialBaud ?? INITIAL_BAUD;
    this.#agreedBaud = this.#initialBaud;
    this.#onBaud = options.onBaud;
    const Wire = options.Wire ?? SerialWire;
    this.#wire = new Wire({
      clock: options.clock,
      serial: options.serial,
      baud: this.#initialBaud,
      onPayload: (payload, length) => {
        this.session.onPayload(payload, length); // first: a RESULT may have the next chunk wait for it
        this.#noiseSinceMs = undefined;
        if (this.#proofTimer !== undefined) this.#proven();
        options.onHeard();
      },
      onNoise: () => this.#onNoise(),
      onIdle: () => {
        this.session.onSinkIdle();
        this.#actIfIdle();
        options.onIdle?.();
      },
    });
    this.session = new RpcSession({
      clock: options.clock,
      sink: this.#wire,
      payloadBytesMax: PAYLOAD_BYTES_MAX,
      onFault: options.onFault,
    });
  }

  get baud(): number {
    return this.#wire.baud;
  }

  get counters(): WireCounters {
    return this.#wire.counters;
  }

  /** Whether the UART can make this rate. */
  supportsBaud(baud: number): boolean {
    return baud >= BAUD_MIN && baud <= BAUD_MAX;
  }

  /** Switches once all that waits to be sent has left at the old rate: the answer to the request among it. */
  changeBaud(baud: number): void {
    this.#switchTo(baud, baud !== this.#initialBaud);
  }

  /** Back to the rate where an MCU that restarted looks for the NCP. */
  resetBaud(): void {
    if (this.#wire.baud !== this.#initialBaud) this.changeBaud(this.#initialBaud);
  }

  /** Calls back when all that waits to be sent has left the UART. */
  afterDrain(callback: () => void): void {
    this.#drainWaiter = callback;
    this.#actIfIdle();
  }

  close(): void {
    this.#clock.clear(this.#proofTimer);
    this.#wire.close();
  }

  #switchTo(baud: number, proofWanted: boolean): void {
    this.#wantedBaud = baud;
    this.#proofWanted = proofWanted;
    this.#actIfIdle();
  }

  /** What waits for the last message to be handed over. */
  #actIfIdle(): void {
    if (!this.#wire.idle) return;
    if (this.#drainWaiter) {
      const callback = this.#drainWaiter;
      this.#drainWaiter = undefined;
      return this.#wire.afterDrain(callback);
    }
    const baud = this.#wantedBaud;
    if (baud === undefined) return;
    const proofWanted = this.#proofWanted;
    this.#wantedBaud = undefined;
    this.#wire.setBaud(baud, () => this.#onSwitched(baud, proofWanted));
  }

  #onSwitched(baud: number, proofWanted: boolean): void {
    this.#noiseSinceMs = undefined; // it was heard at another rate
    this.#onBaud(baud);
    this.#clock.clear(this.#proofTimer);
    this.#proofTimer = undefined;
    if (!proofWanted) return;
    this.#proofTimer = this.#clock.set(() => {
      this.#proofTimer = undefined;
      this.resetBaud();
    }, BAUD_PROOF_MS);
  }

  #proven(): void {
    this.#clock.clear(this.#proofTimer);
    this.#proofTimer = undefined;
    this.#agreedBaud = this.#wire.baud;
  }

  #onNoise(): void {
    const now = this.#clock.now();
    this.#noiseSinceMs ??= now;
    if (now - this.#noiseSinceMs < NOISE_PATIENCE_MS || this.#wantedBaud !== undefined) return;
    const other = this.#wire.baud === this.#initialBaud ? this.#agreedBaud : this.#initialBaud;
    this.#noiseSinceMs = undefined;
    if (other !== this.#wire.baud) this.#switchTo(other, false);
  }
}
