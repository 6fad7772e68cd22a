/** How often a download asks again, and after what pause: bounded, and spread over time. */

/** Requests in a row that came no further than those before. */
export const FRUITLESS_ATTEMPTS_MAX = 5;
/** Requests for one image, fruitful or not, redirects included; ranges that a server sends one by one are not. */
export const ATTEMPTS_MAX = 50;
/** 1 s, 2 s, 4 s ... between fruitless attempts, each 0 to 50 % longer by chance so that a fleet spreads. */
export const RETRY_PAUSE_MS = 1_000;
export const RETRY_PAUSE_MS_MAX = 60_000;

export class Retries {
  readonly #random: () => number;
  #attempts = 0;
  #fruitless = 0;
  #furthestBytes: number;

  /** `bytes` are in hand to begin with; `random` gives numbers in [0, 1). */
  constructor(bytes: number, random: () => number) {
    this.#furthestBytes = bytes;
    this.#random = random;
  }

  /** Requests so far. */
  get attempts(): number {
    return this.#attempts;
  }

  /** A request leaves. */
  count(): void {
    this.#attempts++;
  }

  /** The request did all that it should: there may be as many of them as the file is long. */
  forgive(): void {
    this.#attempts--;
  }

  /**
   * The pause after an attempt that failed with so many bytes in hand, or `undefined` to give up. Bytes count only
   * beyond the most that were ever in hand: a file that is begun anew each time does not come closer to its end.
   */
  pauseMsAfter(bytes: number): number | undefined {
    this.#fruitless = bytes > this.#furthestBytes ? 0 : this.#fruitless + 1;
    this.#furthestBytes = Math.max(this.#furthestBytes, bytes);
    if (this.#fruitless >= FRUITLESS_ATTEMPTS_MAX || this.#attempts >= ATTEMPTS_MAX) return undefined;
    const pauseMs = Math.min(RETRY_PAUSE_MS_MAX, RETRY_PAUSE_MS * 2 ** Math.max(0, this.#fruitless - 1));
    return Math.round(pauseMs * (1 + this.#random() / 2));
  }
}
