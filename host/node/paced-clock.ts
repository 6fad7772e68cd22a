/**
 * Virtual time beside real things: the clock of a simulated device that talks to real sockets.
 *
 * While nothing real is expected, time leaps from timer to timer as fast as the computer can. While something is (an
 * answer from a socket, say), time moves at most as fast as real time, so that a timeout of 30 seconds gives the far
 * end 30 seconds. Time that the process slept through counts only in part: a laptop's lid or a debugger is no stall.
 */

import { setImmediate } from "node:timers/promises";
import { VirtualClock } from "../sim/clock.js";

/** Real time that counts between two looks at what has arrived. */
const CATCH_UP_MS_MAX = 50;
/** Leaping goes on for so long before Node's own events get a turn. */
const TURN_MS = 8;

export class PacedClock extends VirtualClock {
  readonly #conditions: (() => boolean)[] = [];
  /** The real time that virtual time has caught up with; `undefined` while it leaps. */
  #caughtUpMs: number | undefined;
  #wakeUp: () => void = () => {};
  #fault: { readonly error: unknown } | undefined;

  /** Something real is expected whenever this condition holds. */
  paceWhile(condition: () => boolean): void {
    this.#conditions.push(condition);
  }

  /** Something real has happened: calls back at the virtual time that it is by now. What that throws ends run(). */
  arrive(callback: () => void): void {
    try {
      this.#catchUp();
      callback();
    } catch (error) {
      this.#fault ??= { error };
    }
    this.#wakeUp();
  }

  /** Runs until the condition holds; throws when `limitMs` of virtual time pass, or nothing is left to happen, before. */
  async run(condition: () => boolean, limitMs: number, what = "the condition"): Promise<void> {
    const untilMs = this.now() + limitMs;
    while (!condition()) {
      if (this.#isPaced) {
        this.#catchUp();
        await this.#pause();
      } else {
        this.#leap(condition, untilMs, what);
        await setImmediate();
      }
      if (this.#fault) throw this.#fault.error;
      if (this.now() > untilMs) throw new Error(`${what} did not come true within ${limitMs} ms of virtual time`);
    }
  }

  get #isPaced(): boolean {
    return this.#conditions.some((condition) => condition());
  }

  #leap(condition: () => boolean, untilMs: number, what: string): void {
    this.#caughtUpMs = undefined;
    const turnEndsMs = performance.now() + TURN_MS;
    while (!condition() && !this.#isPaced && performance.now() < turnEndsMs) {
      if (this.step(untilMs)) continue;
      const reason = this.nextDueMs() === undefined ? "nothing is left to happen" : `${untilMs} ms have passed`;
      throw new Error(`virtual clock: ${reason} and ${what} did not come true`);
    }
  }

  #catchUp(): void {
    if (!this.#isPaced) return;
    const nowMs = performance.now();
    const elapsedMs = nowMs - (this.#caughtUpMs ?? nowMs);
    this.#caughtUpMs = nowMs;
    this.advance(Math.min(elapsedMs, CATCH_UP_MS_MAX));
  }

  /** Until something arrives or the next timer is due. */
  #pause(): Promise<void> {
    const dueInMs = (this.nextDueMs() ?? Number.POSITIVE_INFINITY) - this.now();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(dueInMs, 0), CATCH_UP_MS_MAX));
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
