/**
 * Ferry's way onto a Wi-Fi network: looks which of the known ones are in reach, joins the best, and holds on to it.
 *
 *   start() --> scan --> join the best --refused--> join the next --...--> fail, with the most telling code
 *                              '--> up --> lost
 *
 * It is the lifecycle's network: tries, and pauses between them, are the lifecycle's. Here each start() ends within
 * START_MS, so before the lifecycle loses patience, for then it would know no more than that time is up.
 *
 * Invariants: nothing is called back from inside start() or stop(), and nothing after stop(); each start() is answered
 * once; a link that keeps breaking is joined ever more rarely.
 */

import { FailureCode } from "../base/failure-code.js";
import type { Clock, Io, TimerHandle } from "../ports.js";
import { Join, type WifiLink } from "./join.js";
import { moreTelling } from "./join-failure.js";
import { chooseNetworks, type KnownWifi, type NetworkChoice } from "./network-choice.js";
import { NetworkScan } from "./network-scan.js";
import type { WifiClass, WifiFound } from "./ports.js";

/** For the pause, the scan, and as many networks as fit; the lifecycle waits NET_TRY_MS, 50 s. */
export const START_MS = 45_000;
/** A link that held so long was sound. */
export const SOUND_LINK_MS = 60_000;
/** Before the next scan, when a link broke before that: it doubles with each. */
export const BROKEN_PAUSE_MS_MIN = 1_000;
/** Leaves START_MS time for a scan and a whole join. */
export const BROKEN_PAUSE_MS_MAX = 8_000;

export interface StationEvents {
  onUp(): void;
  onFailed(code: FailureCode): void;
  /** After onUp only. */
  onLost(): void;
}

export interface StationOptions {
  clock: Clock;
  wifi: Io<WifiClass>;
  /** Asked at each start: those to choose from, the last used first. */
  networks(): readonly KnownWifi[];
  /** The network is up. */
  onJoined?(ssid: string): void;
}

export class Station {
  readonly #options: StationOptions;
  #events: StationEvents | undefined;
  #timer: TimerHandle;
  #scan: NetworkScan | undefined;
  #join: Join | undefined;
  #untilMs = 0;
  /** Still to be tried. */
  #choices: NetworkChoice[] = [];
  #failure: FailureCode | undefined;
  /** Names of networks that failed since all had their turn. */
  #failed: ReadonlySet<string> = new Set();
  #upSinceMs = 0;
  #brokenPauseMs = 0;

  constructor(options: StationOptions) {
    this.#options = options;
  }

  /** While it is up: what it is joined to. */
  get link(): WifiLink | undefined {
    return this.#join?.link;
  }

  /** Ends an earlier start, of which nothing more is heard. */
  start(events: StationEvents): void {
    this.stop();
    const { clock } = this.#options;
    this.#events = events;
    this.#failure = undefined;
    this.#untilMs = clock.now() + START_MS;
    this.#timer = clock.set(() => this.#look(), this.#brokenPauseMs);
  }

  /** Leaves the network. Idempotent. */
  stop(): void {
    this.#options.clock.clear(this.#timer);
    this.#scan?.close();
    this.#join?.close();
    this.#scan = undefined;
    this.#join = undefined;
    this.#events = undefined;
  }

  #look(): void {
    const { clock, wifi, networks } = this.#options;
    const known = networks();
    if (known.length === 0) return this.#fail(FailureCode.CONFIG);
    this.#scan = new NetworkScan({ clock, wifi, onDone: (found) => this.#onFound(known, found) });
  }

  /** Without a scan all are tried, in the order of their last use. */
  #onFound(known: readonly KnownWifi[], found: readonly WifiFound[] | undefined): void {
    const choices = chooseNetworks({ known, failed: this.#failed, ...(found && { found }) });
    if (choices.every(({ network }) => this.#failed.has(network.ssid))) this.#failed = new Set();
    this.#choices = choices;
    this.#tryNext();
  }

  #tryNext(): void {
    const { clock, wifi } = this.#options;
    const choice = clock.now() < this.#untilMs ? this.#choices.shift() : undefined;
    if (!choice) return this.#fail(this.#failure ?? FailureCode.SSID_NOT_FOUND);
    const { ssid } = choice.network;
    this.#join = new Join({
      clock,
      wifi,
      choice,
      untilMs: this.#untilMs,
      onUp: () => this.#onUp(ssid),
      onFailed: (code) => this.#onJoinFailed(ssid, code),
      onLost: () => this.#onLost(),
    });
  }

  #onUp(ssid: string): void {
    const { clock, onJoined } = this.#options;
    this.#failed = without(this.#failed, ssid);
    this.#upSinceMs = clock.now();
    onJoined?.(ssid);
    this.#events?.onUp();
  }

  #onJoinFailed(ssid: string, code: FailureCode): void {
    this.#failed = new Set([...this.#failed, ssid]);
    this.#failure = this.#failure === undefined ? code : moreTelling(this.#failure, code);
    this.#tryNext();
  }

  #onLost(): void {
    const wasSound = this.#options.clock.now() - this.#upSinceMs >= SOUND_LINK_MS;
    const doubled = Math.max(BROKEN_PAUSE_MS_MIN, 2 * this.#brokenPauseMs);
    this.#brokenPauseMs = wasSound ? 0 : Math.min(doubled, BROKEN_PAUSE_MS_MAX);
    const events = this.#events;
    this.stop();
    events?.onLost();
  }

  #fail(code: FailureCode): void {
    const events = this.#events;
    this.stop();
    events?.onFailed(code);
  }
}

function without(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return new Set([...names].filter((each) => each !== name));
}
