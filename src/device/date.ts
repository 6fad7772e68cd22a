/**
 * The date, from a time server: TLS needs it to judge certificates. The chip's clock goes on through a restart, and
 * loses it with the power.
 *
 * Asked as soon as there is a network, again until an answer comes, and every six hours after that: the chip's crystal
 * drifts by a few seconds a day, and the wall clock lets a day-old time go. The cloud and the MCU name the date as well: it is known by whatever the clock says.
 *
 * Fault model: the time server may be blocked, or never answer; an MCU may believe anything. A date that cannot be is
 * nobody's; the MCU's does not count while one of the server's or the cloud's does; and after a jump the server is asked
 * at once, for a wrong date makes every certificate look wrong.
 */

import type { Clock, TimerHandle } from "../ports.js";

export const DATE_RETRY_MS = 15_000;
export const DATE_REFRESH_MS = 6 * 3_600_000;
/** The SDK's client gives up after half a minute; one that has not said so by then never will. */
export const DATE_ANSWER_MS = 60_000;
/** So long a date from the server or the cloud is better than the MCU's: the crystal is off by a minute then. */
export const DATE_TRUST_MS = 7 * 24 * 3_600_000;
/** A date that differs by more is another one. */
export const DATE_JUMP_SECONDS = 60;
/** 2024-01-01, in seconds since 1970: a clock that says less was not set, it counts from its own beginning. */
export const DATE_SECONDS_MIN = 1_704_067_200;
/** 2060-01-01: no certificate of today is valid then. */
export const DATE_SECONDS_MAX = 2_840_140_800;

/** Module "sntp". The object closes itself after its last message. */
export interface SntpClass {
  /** Of the message that brings the time, in seconds since 1970. */
  readonly time: number;
  /** Of the message that ends it without. */
  readonly error: number;
  new (options: { host: string }, callback: (message: number, value?: number) => void): { close?(): void };
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
  /** Of the next question, or of the answer to the last. */
  #timer: TimerHandle;
  #question: object | undefined;
  /** When the server or the cloud last named the date. */
  #trustedMs: number | undefined;
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

  /** The cloud or the MCU names the date. */
  suggest(secondsSince1970: number, source: "cloud" | "mcu"): void {
    const { readDate, clock } = this.#options;
    const isTrusted = this.#trustedMs !== undefined && clock.now() - this.#trustedMs < DATE_TRUST_MS;
    if (!isPlausible(secondsSince1970) || (source === "mcu" && isTrusted)) return;
    const isJump = Math.abs(secondsSince1970 - readDate()) > DATE_JUMP_SECONDS;
    this.#set(secondsSince1970, source === "cloud");
    if (isJump) this.ask();
  }

  /** There is a network (again). */
  ask(): void {
    if (this.#question) return;
    const { Sntp, host, clock } = this.#options;
    const question = {};
    let client: { close?(): void } | undefined;
    this.#question = question;
    const endIn = (delayMs: number) => {
      if (this.#question === question) this.#askIn(delayMs);
    };
    clock.clear(this.#timer);
    this.#timer = clock.set(() => {
      client?.close?.();
      endIn(DATE_RETRY_MS);
    }, DATE_ANSWER_MS);
    try {
      client = new Sntp({ host }, (message, value) => {
        if (message === Sntp.time && value !== undefined && isPlausible(value)) {
          this.#set(value, true);
          this.#onDate(Math.round(value * 1000));
          endIn(DATE_REFRESH_MS);
        } else if (message === Sntp.time || message === Sntp.error) endIn(DATE_RETRY_MS);
      });
    } catch {
      endIn(DATE_RETRY_MS); // the network is gone again
    }
  }

  close(): void {
    this.#options.clock.clear(this.#timer);
  }

  #set(secondsSince1970: number, isTrusted: boolean): void {
    this.#options.setDate(Math.round(secondsSince1970));
    if (isTrusted) this.#trustedMs = this.#options.clock.now();
  }

  #askIn(delayMs: number): void {
    const { clock } = this.#options;
    clock.clear(this.#timer);
    this.#question = undefined;
    this.#timer = clock.set(() => this.ask(), delayMs);
  }
}

function isPlausible(secondsSince1970: number): boolean {
  return secondsSince1970 >= DATE_SECONDS_MIN && secondsSince1970 <= DATE_SECONDS_MAX;
}
