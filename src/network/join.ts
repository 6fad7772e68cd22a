/**
 * One network: from a silent radio to an address, and for as long as that holds.
 *
 *   pausing --> joining --> addressing --> up
 *      ^___________|____________|           |
 *        refused, and a try is left         '--> over: lost
 *
 * Invariants: one of onUp and onFailed comes, once, and later than the constructor; after onUp at most onLost; nothing
 * after close(). When it is over, for whatever reason, the radio is left and the SDK's object closed.
 * Fault model: the driver throws, refuses, tells of an end that belongs to an earlier attempt, or tells nothing at all.
 */

import { FailureCode } from "../base/failure-code.js";
import type { Clock, Io, TimerHandle } from "../ports.js";
import { failureOf } from "./join-failure.js";
import type { NetworkChoice } from "./network-choice.js";
import type { Wifi, WifiAddress, WifiClass } from "./ports.js";

/** From leaving a network to the driver's word about it, with a margin: see Wifi.disconnect(). */
export const SETTLE_MS = 500;
/** While somebody else has the radio. */
export const BUSY_PAUSE_MS = 1_000;
/** The driver's own scan (3 s), and the handshake, which a wrong password draws out to 5 s. */
export const JOIN_MS = 12_000;
/** DHCP mostly answers within 2 s; some routers probe the address first. */
export const ADDRESS_MS = 15_000;
/** Some access points refuse the first association after a start with the right password. */
export const REFUSALS_MAX = 2;
/** What the SDK's connect() takes; a network in the 5 GHz band is found without. */
const CHANNEL_MAX = 13;

/** What the driver's `connection` says. */
const JOINING = 300;
const ASSOCIATED = 400;
const UP = 500;

export interface JoinOptions {
  clock: Clock;
  wifi: Io<WifiClass>;
  choice: NetworkChoice;
  /** By the clock: when to give up at the latest. */
  untilMs: number;
  onUp(): void;
  onFailed(code: FailureCode): void;
  onLost(): void;
}

/** As it is now. */
export interface WifiLink {
  readonly ssid: string;
  readonly bssid: string | undefined;
  readonly channel: number | undefined;
  readonly rssiDbm: number | undefined;
  readonly address: string | undefined;
}

export class Join {
  readonly #options: JoinOptions;
  #wifi: Wifi | undefined;
  #state: "pausing" | "joining" | "addressing" | "up" | "over" = "pausing";
  #refusals = 0;
  #timer: TimerHandle;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#later(() => this.#begin(), SETTLE_MS);
  }

  /** `undefined` unless up. */
  get link(): WifiLink | undefined {
    if (this.#state !== "up" || !this.#wifi) return undefined;
    const { BSSID: bssid, channel, RSSI: rssiDbm, address } = this.#wifi;
    return { ssid: this.#options.choice.network.ssid, bssid, channel, rssiDbm, address };
  }

  /** Leaves the network. Idempotent; nothing is called back any more. */
  close(): void {
    this.#options.clock.clear(this.#timer);
    if (this.#state !== "pausing") this.#wifi?.disconnect();
    this.#state = "over";
    this.#wifi?.close();
    this.#wifi = undefined;
  }

  #begin(): void {
    const { io: Wifi, ...own } = this.#options.wifi;
    try {
      this.#wifi ??= new Wifi({ ...own, onChanged: () => this.#onChanged() });
      if (this.#wifi.connection >= ASSOCIATED) {
        this.#wifi.disconnect(); // somebody left it joined
        return this.#later(() => this.#begin(), SETTLE_MS);
      }
      this.#connect(this.#wifi);
    } catch {
      this.#onBusy();
    }
  }

  #connect(wifi: Wifi): void {
    const { network, channel } = this.#options.choice;
    wifi.configure({ static: fixedAddressOf(network) ?? false });
    wifi.connect({
      SSID: network.ssid,
      ...(network.psk === undefined ? {} : { password: network.psk }),
      ...(channel === undefined || channel > CHANNEL_MAX ? {} : { channel }),
    });
    this.#state = "joining";
    this.#within(JOIN_MS, () => this.#fail(FailureCode.NET_TIMEOUT));
  }

  #onBusy(): void {
    const isTimeLeft = this.#options.clock.now() + BUSY_PAUSE_MS < this.#options.untilMs;
    if (isTimeLeft) this.#later(() => this.#begin(), BUSY_PAUSE_MS);
    else this.#fail(FailureCode.NET_GENERIC);
  }

  #onChanged(): void {
    const connection = this.#wifi?.connection ?? 0;
    if (this.#state === "joining" && connection >= ASSOCIATED) this.#onAssociated();
    if (this.#state === "joining" && connection < JOINING) this.#onRefused();
    if (this.#state === "addressing" && connection < ASSOCIATED) this.#onRefused();
    if (this.#state === "addressing" && connection >= UP) this.#onUp();
    if (this.#state === "up" && connection < UP) this.#onLost();
  }

  #onAssociated(): void {
    this.#state = "addressing";
    this.#within(ADDRESS_MS, () => this.#fail(FailureCode.NO_ADDRESS));
  }

  #onUp(): void {
    this.#options.clock.clear(this.#timer);
    this.#state = "up";
    this.#options.onUp();
  }

  /** What was not found needs no second look: the scan has told, or the one before connecting. */
  #onRefused(): void {
    const code = failureOf(this.#wifi?.reason ?? 0, this.#options.choice.seen);
    this.#refusals++;
    const triesAgain =
      code !== FailureCode.SSID_NOT_FOUND &&
      this.#refusals < REFUSALS_MAX &&
      this.#options.clock.now() + SETTLE_MS < this.#options.untilMs;
    if (!triesAgain) return this.#fail(code);
    this.#state = "pausing";
    this.#later(() => this.#begin(), SETTLE_MS);
  }

  #onLost(): void {
    this.close();
    this.#options.onLost();
  }

  #fail(code: FailureCode): void {
    this.close();
    this.#options.onFailed(code);
  }

  #within(durationMs: number, callback: () => void): void {
    const { clock, untilMs } = this.#options;
    this.#later(callback, Math.min(durationMs, Math.max(0, untilMs - clock.now())));
  }

  /** The one timer. */
  #later(callback: () => void, delayMs: number): void {
    this.#options.clock.clear(this.#timer);
    this.#timer = this.#options.clock.set(callback, delayMs);
  }
}

function fixedAddressOf({ ip, gateway, mask, dns, dns2 }: NetworkChoice["network"]): WifiAddress | undefined {
  if (ip === undefined || gateway === undefined || mask === undefined) return undefined;
  const nameServers = dns2 === undefined ? [dns ?? gateway] : [dns ?? gateway, dns2];
  return { address: ip, gateway, mask, nameServers };
}
