/**
 * An MCU that talks and does not initialize has not noticed that Ferry restarted, or gave it up: Ferry takes it as it is,
 * and goes on as if it had initialized. One that never says anything by itself is asked. A room of ncp.ts.
 */

import type { Clock, TimerHandle } from "../ports.js";

/**
 * So long it is waited for (Blynk's low-level example and Zephyr hosts whose pings are answered never initialize).
 * Arduino hosts need up to a minute.
 */
export const ADOPTION_MS = 90_000;

/** Such an MCU is told the state, once: Zephyr hosts then initialize within seconds. Others are taken as they are. */
export const ADOPTION_GRACE_MS = 10_000;

export interface AdoptionOptions {
  clock: Clock;
  /** A boot loader at work: the time begins anew when it is heard of next. */
  mayBeSilent(): boolean;
  tellState(): void;
  /** Pings where an MCU may be; its answer is heard like anything else. */
  lookForMcu(): void;
  onAdopted(): void;
}

export class Adoption {
  readonly #options: AdoptionOptions;
  #timer: TimerHandle;
  #searchTimer: TimerHandle;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Ferry has started, or has lost its MCU. */
  begin(): void {
    this.end();
    this.#searchLater();
  }

  /** An MCU that has not initialized is there. */
  onHeard(): void {
    if (this.#timer !== undefined) return;
    const { clock } = this.#options;
    clock.clear(this.#searchTimer);
    this.#timer = clock.set(() => this.#adopt(), ADOPTION_MS);
  }

  /** It has initialized. */
  end(): void {
    const { clock } = this.#options;
    clock.clear(this.#timer);
    clock.clear(this.#searchTimer);
    this.#timer = undefined;
  }

  /** Not sooner, and once: a Zephyr host without a reset pin restarts Ferry before it initializes, and would for ever. */
  #adopt(): void {
    const { clock, mayBeSilent, tellState } = this.#options;
    this.#timer = undefined;
    if (mayBeSilent()) return;
    tellState();
    this.#timer = clock.set(() => this.#end(), ADOPTION_GRACE_MS);
  }

  /** One that is served by now is no application: it may become one. */
  #end(): void {
    const { mayBeSilent, onAdopted } = this.#options;
    if (mayBeSilent()) this.#timer = undefined;
    else onAdopted();
  }

  /** As rarely: an MCU that looks for its NCP must find it where it starts. */
  #searchLater(): void {
    const { clock, mayBeSilent, lookForMcu } = this.#options;
    this.#searchTimer = clock.set(() => {
      if (!mayBeSilent()) lookForMcu();
      this.#searchLater();
    }, ADOPTION_MS);
  }
}
