/** How often a device speaks: clouds throw those out that speak too often (blynk-ncp.md, 5.1: 10 values a second). */

import type { Clock } from "../ports.js";

/** As the cloud counts. All of them may leave at once. */
export const MESSAGES_PER_SECOND_MAX = 10;
/** So many leave in this time: what left a second apart may come up to a quarter of a second closer on its way. */
export const PACE_WINDOW_MS = 1_250;

export class Pace {
  readonly #clock: Clock;
  /** When the last messages left, as a ring. */
  readonly #leftAtMs: number[] = new Array(MESSAGES_PER_SECOND_MAX).fill(Number.NEGATIVE_INFINITY);
  #oldest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until the next one may leave; 0: now. */
  get earlyMs(): number {
    const earlyMs = (this.#leftAtMs[this.#oldest] as number) + PACE_WINDOW_MS - this.#clock.now();
    return Math.max(0, Math.ceil(earlyMs));
  }

  /** One has left. */
  note(): void {
    this.#leftAtMs[this.#oldest] = this.#clock.now();
    this.#oldest = (this.#oldest + 1) % MESSAGES_PER_SECOND_MAX;
  }
}
