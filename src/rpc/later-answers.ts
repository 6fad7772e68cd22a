/**
 * Calls of the MCU that are answered later, and how long the MCU waits for that.
 *
 * Events are held back meanwhile, and no longer: an MCU whose own timeout has passed has gone on, and has to hear of the
 * state. Its answer still leaves when it is there, and means nothing to it.
 */

import type { Clock, TimerHandle } from "../ports.js";
import type { Decoded } from "./codec.js";

/** Without results: an error. */
export type Reply = (results: Decoded | undefined) => void;

export class LaterAnswers {
  readonly #clock: Clock;
  readonly #onWaitOver: () => void;
  /** By message id. */
  readonly #owed = new Map<number, TimerHandle>();
  /** Counts the MCU's lives: answers owed to an earlier one are void. */
  #life = 0;

  /** `onWaitOver`: the MCU does not wait for one of them any longer. */
  constructor(clock: Clock, onWaitOver: () => void) {
    this.#clock = clock;
    this.#onWaitOver = onWaitOver;
  }

  /** RESULTs that the MCU waits for. */
  get owed(): number {
    return this.#owed.size;
  }

  /** Asks for an answer that is to be sent at once or later. It counts once, and only in this life of the MCU. */
  ask(id: number, timeoutMs: number, handler: (reply: Reply) => void, send: Reply): void {
    const life = this.#life;
    let inHandler = true;
    let answered = false;
    handler((results) => {
      if (answered) return;
      answered = true;
      // Inside its handler the call is alive even if that handler forgot the MCU's earlier life (initialize).
      if (!inHandler && life !== this.#life) return;
      if (!inHandler) this.#settle(id);
      send(results);
    });
    inHandler = false;
    if (!answered && life === this.#life) this.#owe(id, timeoutMs);
  }

  /** None of them will be answered. Returns the ids of those for which the MCU still waits. */
  drop(): number[] {
    const ids = [...this.#owed.keys()];
    for (const id of ids) this.#settle(id);
    this.#life++;
    return ids;
  }

  #owe(id: number, timeoutMs: number): void {
    this.#settle(id); // an MCU that restarted unheard counts from 1 again
    const onTimeout = () => {
      this.#settle(id);
      this.#onWaitOver();
    };
    this.#owed.set(id, this.#clock.set(onTimeout, timeoutMs));
  }

  #settle(id: number): void {
    this.#clock.clear(this.#owed.get(id));
    this.#owed.delete(id);
  }
}
