/**
 * The date, from a time server: TLS needs it to judge certificates. The chip's clock goes on through a restart, and
 * loses it with the power.
 *
 * Asked as soon as there is a network, again until an answer comes, and every six hours after that: the chip's crystal
 * drifts by a few seconds a day, and the wall clock lets a day-old time go. Others may set the clock as well, the cloud and
 * the MCU do: the date is known by whatever the clock says.
 */

import type { Clock, TimerHandle } from "../ports.js";

export const DATE_RETRY_MS = 15_000;
export const DATE_REFRESH_MS = 6 * 3_600_000;
/** 2024-01-01, in seconds since 1970: a clock that says less was not set, it counts from its own beginning. */
export const DATE_SECONDS_MIN = 1_704_067_200;

/** Module "sntp". The object closes itself after its last message. */
export interface SntpClass {
  /** Of the message that brings the time, in seconds since 1970. */
  readonly time: number;
  /** Of the message that ends it without. */
  readonly error: number;
  new (options: { host: string }, callback: (message: number, value?: number) => void): unknown;
}

export interface DateKeeperOptions {
  Sntp: SntpClass;
  clock: Clock;
  host: string;
  /** The chip's clock, in seconds since 1970. */
  readDate(): number;
  setDate(secondsSince1970: number): void;
}

export class DateKeeper {
  readonly #options: DateKeeperOptions;
  #timer: TimerHandle;
  #asking = false;
  #onDate: (unixMs: number) => void = () => {};

  constructor(options: DateKeeperOptions) {
    this.#options = options;
  }

  get known(): boolean {
    return this.#options.readDate() >= DATE_SECONDS_MIN;
  }

  /** One listener, which hears what the server has said from now on. */
  listen(onDate: (unixMs: number) => void): void {
    this.#onDate = onDate;
  }

  /** There is a network (again). */
  ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    this.#options.clock.clear(this.#timer);
    const { Sntp, host } = this.#options;
    try {
      new Sntp({ host }, (message, value) => {
        if (message === Sntp.time && value !== undefined) this.#take(value);
        else if (message === Sntp.error) this.#askIn(DATE_RETRY_MS);
      });
    } catch {
      this.#askIn(DATE_RETRY_MS); // the network is gone again
    }
  }

  close(): void {
    this.#options.clock.clear(this.#timer);
  }

  #take(secondsSince1970: number): void {
    this.#options.setDate(secondsSince1970);
    this.#onDate(Math.round(secondsSince1970 * 1000));
    this.#askIn(DATE_REFRESH_MS);
  }

  #askIn(delayMs: number): void {
    this.#asking = false;
    this.#timer = this.#options.clock.set(() => this.ask(), delayMs);
  }
}
