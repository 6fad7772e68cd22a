/**
 * An MCU that talks and does not initialize has not noticed that Ferry restarted, or gave it up: Ferry takes it as it is,
 * and tells it what is pending. A room of ncp.ts.
 */

import type { Clock, TimerHandle } from "../ports.js";

/**
 * So long it is waited for (Blynk's low-level example and Zephyr hosts whose pings are answered never initialize).
 * Arduino hosts need up to a minute.
 */
export const ADOPTION_MS = 90_000;

/** Such an MCU is told the state, once: Zephyr hosts then initialize within seconds. Others get what is pending. */
export const ADOPTION_GRACE_MS = 10_000;

export interface AdoptionOptions {
  clock: Clock;
  /** A boot loader at work: the time begins anew when it is heard of next. */
  mayBeSilent(): boolean;
  tellState(): void;
  onAdopted(): void;
}

export class Adoption {
  readonly #options: AdoptionOptions;
  #timer: TimerHandle;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** An MCU that has not initialized is there. */
  onHeard(): void {
    this.#timer ??= this.#options.clock.set(() => this.#adopt(), ADOPTION_MS);
  }

  /** It has initialized, or is lost. */
  end(): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = undefined;
  }

  /** Not sooner, and once: a Zephyr host without a reset pin restarts Ferry before it initializes, and would for ever. */
  #adopt(): void {
    const { clock, mayBeSilent, tellState, onAdopted } = this.#options;
    this.#timer = undefined;
    if (mayBeSilent()) return;
    tellState();
    this.#timer = clock.set(() => onAdopted(), ADOPTION_GRACE_MS);
  }
}
