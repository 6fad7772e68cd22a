/**
 * One look at which access points are in reach.
 *
 * The radio is shared: a scan that cannot begin, because somebody else is scanning, is tried again, a few times. One that
 * never ends is given up, and ended with the object that made it.
 */

import type { Clock, Io, TimerHandle } from "../ports.js";
import type { Wifi, WifiClass, WifiFound } from "./ports.js";

/** All channels take 2 to 3 s; with an access point of one's own on the air, twice that. */
export const SCAN_MS = 8_000;
export const SCAN_TRIES_MAX = 3;
/** All tries together outlast somebody else's scan. */
export const SCAN_PAUSE_MS = 2_000;
/** The driver tells of the strongest first. */
export const FOUND_MAX = 48;

export interface NetworkScanOptions {
  clock: Clock;
  wifi: Io<WifiClass>;
  /** Once, later: what was found, or `undefined` where there was no scan. */
  onDone(found: readonly WifiFound[] | undefined): void;
}

export class NetworkScan {
  readonly #options: NetworkScanOptions;
  readonly #found: WifiFound[] = [];
  #wifi: Wifi | undefined;
  #timer: TimerHandle;
  #tries = 0;

  constructor(options: NetworkScanOptions) {
    this.#options = options;
    this.#later(() => this.#begin(), 0);
  }

  /** Idempotent; nothing is called back any more. */
  close(): void {
    this.#options.clock.clear(this.#timer);
    this.#wifi?.close();
    this.#wifi = undefined;
  }

  #begin(): void {
    const { io: Wifi, ...own } = this.#options.wifi;
    try {
      this.#wifi ??= new Wifi({ ...own, onChanged: () => {} });
      this.#wifi.scan({ onFound: (found) => this.#onFound(found), onComplete: () => this.#end(this.#found) });
      this.#later(() => this.#end(undefined), SCAN_MS);
    } catch {
      this.#tries++;
      if (this.#tries < SCAN_TRIES_MAX) this.#later(() => this.#begin(), SCAN_PAUSE_MS);
      else this.#end(undefined);
    }
  }

  #onFound(found: WifiFound): void {
    if (this.#found.length < FOUND_MAX) this.#found.push(found);
  }

  #end(found: readonly WifiFound[] | undefined): void {
    this.close();
    this.#options.onDone(found);
  }

  /** The one timer. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}
