/**
 * Whether the MCU is there. After 25 s without a word Ferry pings it, five times 5 s apart; an MCU that stays silent is
 * lost: no reboot, only back to where a restarted MCU looks for its NCP. This ping is also what keeps Arduino hosts
 * from re-initializing: they do nothing while they have heard something in the last 30 s (blynk-ncp.md, 3).
 */

import type { Clock, TimerHandle } from "../ports.js";

export const SILENCE_MS = 25_000;
export const PING_INTERVAL_MS = 5_000;
export const PINGS_MAX = 5;
/** An MCU that has said something within this time takes in what it is told. */
export const LISTENING_MS = 2_000;

export interface PresenceOptions {
  clock: Clock;
  ping(): void;
  /** While true, silence is expected: a boot loader at work, a slot being erased. */
  mayBeSilent(): boolean;
  onLost(): void;
}

export class Presence {
  readonly #options: PresenceOptions;
  #timer: TimerHandle;
  #pings = 0;
  #heardAtMs = 0;
  #watching = false;
  #asked = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The MCU has initialized: from now on it is missed. */
  watch(): void {
    this.#watching = true;
    this.heard();
    this.#schedule(SILENCE_MS);
  }

  /** Costs no timer: the one that runs looks at the time when it is due. */
  heard(): void {
    this.#heardAtMs = this.#options.clock.now();
    this.#pings = 0;
    this.#asked = false;
  }

  /** Whether somebody is there at this moment. Where that is not sure it is asked for, once: the answer is heard(). */
  isListening(): boolean {
    const listening = this.#options.clock.now() - this.#heardAtMs < LISTENING_MS;
    if (!listening && !this.#asked) {
      this.#asked = true; // before the ping: what it sends may ask again
      this.#options.ping();
    }
    return listening;
  }

  stop(): void {
    this.#watching = false;
    this.#options.clock.clear(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(() => this.#check(), delayMs);
  }

  #check(): void {
    if (!this.#watching) return;
    const silentMs = this.#options.clock.now() - this.#heardAtMs;
    // At least a millisecond: rounding must not make it look again and again at the same moment.
    if (silentMs < SILENCE_MS) return this.#schedule(Math.max(1, SILENCE_MS - silentMs));
    if (this.#pings >= PINGS_MAX && !this.#options.mayBeSilent()) {
      this.stop();
      return this.#options.onLost();
    }
    this.#pings++;
    this.#options.ping();
    // A boot loader at work is not pestered.
    this.#schedule(this.#pings > PINGS_MAX ? SILENCE_MS : PING_INTERVAL_MS);
  }
}
