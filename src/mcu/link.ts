/**
 * The link to the Primary MCU: a wire, a session on it, and the baud both sides agree on.
 *
 * The MCU decides the baud. A change is answered at the old rate, everything sent drains, then the wire switches; when
 * nothing valid arrives at the new rate the link goes back to the initial one, where every MCU looks for it. An MCU
 * that restarts into its boot loader says nothing of its rate: then its calls arrive as noise, and under lasting noise
 * the link swings between the initial rate and the one last agreed until it hears a frame. Only more noise ends a
 * swing: a boot loader may be silent for seconds between two calls.
 *
 * Ferry, too, may restart without a word. It begins at the initial rate, as an MCU that noticed expects it; one that did
 * not notice talks at the rate last agreed, which is therefore kept (kept-baud.ts), and tried at the first noise.
 */

import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import { SerialWire, type Wire, type WireClass, type WireCounters } from "../frame/wire.js";
import type { Clock, Io, SerialClass, TimerHandle } from "../ports.js";
import type { CallName } from "../rpc/catalogue.js";
import { RpcSession } from "../rpc/session.js";
import type { KeptBaud } from "./kept-baud.js";

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
  /** What was agreed on in an earlier life. */
  keptBaud?: KeptBaud;
  /** Ferry has restarted by itself, so that its MCU may not have noticed. */
  isWarmStart?: boolean;
  onBaud(baud: number): void;
  /** Any valid payload has arrived, pings included. */
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
  readonly #tellHeard: () => void;
  #wantedBaud: number | undefined;
  /** The wanted baud must prove itself in time. */
  #proofWanted = false;
  #drainWaiter: (() => void) | undefined;
  #proofTimer: TimerHandle;
  readonly #keptBaud: KeptBaud | undefined;
  /** The last rate at which a frame was heard after a switch, or at which the MCU has initialized. */
  #agreedBaud: number;
  #noiseSinceMs: number | undefined;
  /** The first noise of this life is believed to be an MCU that did not notice its begin. */
  #expectsAgreedBaud: boolean;
  /** A frame was heard since the last switch. */
  #isHeard = false;

  constructor(options: McuLinkOptions) {
    this.#clock = options.clock;
    this.#initialBaud = options.initialBaud ?? INITIAL_BAUD;
    this.#keptBaud = options.keptBaud;
    const kept = options.keptBaud?.baud;
    this.#agreedBaud = kept !== undefined && this.supportsBaud(kept) ? kept : this.#initialBaud;
    this.#expectsAgreedBaud = options.isWarmStart ?? false;
    this.#onBaud = options.onBaud;
    this.#tellHeard = options.onHeard;
    const Wire = options.Wire ?? SerialWire;
    this.#wire = new Wire({
      clock: options.clock,
      serial: options.serial,
      baud: this.#initialBaud,
      onPayload: (payload, length) => {
        this.session.onPayload(payload, length); // first: a RESULT may have the next chunk wait for it
        this.#onHeard();
      },
      onPingAnswered: () => this.#onHeard(),
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

  /** The MCU's application has initialized: this is where it will be found again. */
  settle(): void {
    this.#agree(this.#wire.baud);
  }

  /** The MCU does not answer. Unless it was heard at this rate, it may be at the other one. */
  tryOtherBaud(): void {
    if (!this.#isHeard && this.#wantedBaud === undefined) this.#swing();
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
    this.session.resultsOnly = true; // behind what waits, the MCU would be at the new rate long before Ferry
    this.#actIfIdle();
  }

  /** What waits for the last message to be handed over. */
  #actIfIdle(): void {
    if (!this.#wire.idle) return;
    const baud = this.#wantedBaud;
    if (baud !== undefined) {
      const proofWanted = this.#proofWanted;
      this.#wantedBaud = undefined;
      this.#wire.setBaud(baud, () => this.#onSwitched(baud, proofWanted));
      this.session.resultsOnly = false; // the wire itself takes nothing before it has switched
    } else if (this.#drainWaiter) {
      const callback = this.#drainWaiter;
      this.#drainWaiter = undefined;
      this.#wire.afterDrain(callback);
    }
  }

  #onSwitched(baud: number, proofWanted: boolean): void {
    this.#noiseSinceMs = undefined; // it was heard at another rate
    this.#isHeard = false;
    this.#onBaud(baud);
    this.#clock.clear(this.#proofTimer);
    this.#proofTimer = undefined;
    if (!proofWanted) return;
    this.#proofTimer = this.#clock.set(() => {
      this.#proofTimer = undefined;
      this.resetBaud();
    }, BAUD_PROOF_MS);
  }

  #onHeard(): void {
    this.#noiseSinceMs = undefined;
    this.#isHeard = true;
    this.#expectsAgreedBaud = false;
    if (this.#proofTimer !== undefined) this.#proven();
    this.#tellHeard();
  }

  #proven(): void {
    this.#clock.clear(this.#proofTimer);
    this.#proofTimer = undefined;
    this.#agree(this.#wire.baud);
  }

  #agree(baud: number): void {
    this.#agreedBaud = baud;
    this.#keptBaud?.keep(baud);
  }

  #onNoise(): void {
    const now = this.#clock.now();
    this.#noiseSinceMs ??= now;
    const patienceMs = this.#expectsAgreedBaud ? 0 : NOISE_PATIENCE_MS;
    if (now - this.#noiseSinceMs < patienceMs || this.#wantedBaud !== undefined) return;
    this.#swing();
  }

  /** To the other one of the two rates at which an MCU may be. */
  #swing(): void {
    const other = this.#wire.baud === this.#initialBaud ? this.#agreedBaud : this.#initialBaud;
    this.#noiseSinceMs = undefined;
    this.#expectsAgreedBaud = false;
    if (other !== this.#wire.baud) this.#switchTo(other, false);
  }
}
