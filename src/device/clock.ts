/**
 * The clock port over the SDK's `Time.ticks` and `Timer`.
 *
 * Ticks are milliseconds since the start in 32 bits: they wrap after 49 days, the port's clock never does. It reads
 * them with every timer that is set, and Ferry sets one every few seconds, so no wrap goes unseen.
 */

import type { Clock, TimerHandle } from "../ports.js";

/** Module "time". */
export interface SdkTime {
  readonly ticks: number;
}

/** Module "timer": milliseconds are whole, and a handle that has fired may be cleared. */
export interface SdkTimer<Handle> {
  set(callback: () => void, delayMs: number): Handle;
  clear(handle: Handle | undefined): void;
}

export class SdkClock<Handle> implements Clock {
  readonly #time: SdkTime;
  readonly #timer: SdkTimer<Handle>;
  #ticks: number;
  #nowMs = 0;

  constructor(time: SdkTime, timer: SdkTimer<Handle>) {
    this.#time = time;
    this.#timer = timer;
    this.#ticks = time.ticks;
  }

  now(): number {
    const { ticks } = this.#time;
    this.#nowMs += (ticks - this.#ticks) >>> 0;
    this.#ticks = ticks;
    return this.#nowMs;
  }

  /** The tick under way has partly gone by: one more makes up for it. */
  set(callback: () => void, delayMs: number): TimerHandle {
    this.now();
    return this.#timer.set(callback, delayMs > 0 ? Math.ceil(delayMs) + 1 : 0);
  }

  clear(handle: TimerHandle): void {
    this.#timer.clear(handle as Handle | undefined);
  }
}
