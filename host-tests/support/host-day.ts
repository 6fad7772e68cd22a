/**
 * A day of one kind of host with Ferry, with a mishap every so often: for suites about living together.
 *
 * Each mishap is followed by a while to come together again and by a quiet while; a report tells what both did in
 * either. Everything that is drawn depends on the seed alone.
 */

import type { McuBehavior } from "../../host/peers/mcu-behavior.js";
import { NativeCloudServer } from "../../host/peers/native-cloud-server.js";
import { Workbench, type WorkbenchOptions } from "../../host/peers/workbench.js";
import { Air } from "../../host/sim/air.js";
import type { VirtualClock } from "../../host/sim/clock.js";
import type { SimOnline } from "../../host/sim/connectivity.js";
import type { Network } from "../../host/sim/network.js";
import { Random } from "../../host/sim/random.js";
import { END } from "../../src/frame/layout.js";
import { NcpState, RpcStatus } from "../../src/rpc/protocol.js";

const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;
/** The slowest host misses eight pings 15 s apart before it comes up anew. */
export const RECOVERY_MS = 5 * MINUTE_MS;
const QUIET_MS_MIN = 10 * MINUTE_MS;
const QUIET_MS_SPREAD = 60 * MINUTE_MS;
const NOISE_BYTES = 200;
const HOME = Object.freeze({ ssid: "home", password: "correct horse" });
const CLOUD_HOST = "cloud.example";
const TOKEN = "0123456789abcdefghijklmnopqrstuv";

export type Mishap =
  /** A watchdog, or somebody at the reset button. */
  | "mcu resets"
  | "mcu loses power"
  /** A crash. */
  | "ferry resets"
  | "ferry loses power"
  | "both lose power"
  | "cable is pulled"
  /** A burst that looks like nothing, to both. */
  | "line is noisy";

export interface Host {
  readonly name: string;
  readonly mcu: Partial<McuBehavior>;
  /** What it comes back from by itself. */
  readonly mishaps: readonly Mishap[];
  /** A cable that is pulled for longer is more than it comes back from. */
  readonly cablePulledMsMax: number;
}

const EVERY_MISHAP: readonly Mishap[] = Object.freeze([
  "mcu resets",
  "mcu loses power",
  "ferry resets",
  "ferry loses power",
  "both lose power",
  "cable is pulled",
  "line is noisy",
]);

/**
 * Zephyr's thread ends for good when it has scanned for 30 s in vain. Blynk's low-level example initializes when it
 * starts and never again: of Ferry's own crashes it learns nothing, and Ferry has to wait for it, or to look for it where
 * it says nothing by itself.
 */
export const HOSTS: readonly Host[] = Object.freeze([
  { name: "Arduino", mcu: { bringUp: "arduino" }, mishaps: EVERY_MISHAP, cablePulledMsMax: 300_000 },
  {
    name: "Blynk's low-level example",
    mcu: { bringUp: "low-level", targetBaud: 230_400, virtualWriteEveryMs: 10_000 },
    mishaps: EVERY_MISHAP,
    cablePulledMsMax: 100_000,
  },
  {
    name: "Blynk's low-level example with nothing to say",
    mcu: { bringUp: "low-level", targetBaud: 230_400 },
    mishaps: EVERY_MISHAP,
    cablePulledMsMax: 60_000,
  },
  {
    name: "Zephyr with a reset pin",
    mcu: { bringUp: "zephyr", targetBaud: 115_200, hasNcpResetPin: true },
    mishaps: EVERY_MISHAP,
    cablePulledMsMax: 100_000,
  },
  {
    name: "Zephyr without a reset pin",
    mcu: { bringUp: "zephyr", targetBaud: 115_200 },
    mishaps: EVERY_MISHAP,
    cablePulledMsMax: 100_000,
  },
]);

/** Counts of both sides at one moment. */
export interface Tally {
  /** initialize was answered with true so often. */
  readonly initializations: number;
  /** Calls of the MCU that were not answered in time. */
  readonly mcuTimeouts: number;
  readonly ferryBoots: number;
  /** Calls of Ferry's that were not answered in time, in its present life. */
  readonly ferryTimeouts: number;
  /** Frames that the MCU got. */
  readonly framesReceived: number;
}

/** What happened around one mishap. */
export interface Episode {
  readonly mishap: Mishap | "start";
  readonly atMs: number;
  readonly before: Tally;
  /** RECOVERY_MS later. */
  readonly recovered: Tally;
  /** Before the next one. */
  readonly quiet: Tally;
  /** What the MCU hears when it asks, and what it believes by itself. */
  readonly state: number | undefined;
  readonly believed: number | undefined;
}

function homeWithCloud(network: Network, clock: VirtualClock): SimOnline {
  const air = new Air(clock, network);
  air.add(HOME);
  network.listen(CLOUD_HOST, 443, new NativeCloudServer(clock, { tokens: [TOKEN] }).accept);
  return { air };
}

export class HostDay {
  readonly bench: Workbench;
  readonly episodes: Episode[] = [];
  readonly #host: Host;
  readonly #random: Random;

  constructor(host: Host, seed: number, options: WorkbenchOptions = {}) {
    this.#host = host;
    this.#random = new Random(seed);
    this.bench = new Workbench({ imageBytes: 2_000, seed, ...options, mcu: { ...host.mcu, ...options.mcu } });
  }

  /** A day with a network and a cloud, which Ferry has been told of before. */
  static online(host: Host, seed: number): HostDay {
    const day = new HostDay(host, seed, { online: (network, clock) => homeWithCloud(network, clock) });
    const { bench } = day;
    bench.start();
    bench.mcu.call("ferry.setNetwork", HOME);
    bench.mcu.call("ferry.setCloud", { host: CLOUD_HOST, port: 0, token: TOKEN });
    bench.mcu.call("ferry.connect", {});
    bench.runUntil(() => bench.device.ncp?.state === NcpState.CONNECTED, 60_000, "the cloud");
    bench.clock.advance(1_000); // the MCU hears of it
    return day;
  }

  /** What has happened so far, each once. */
  get kinds(): Episode["mishap"][] {
    return [...new Set(this.episodes.map(({ mishap }) => mishap))];
  }

  run(durationMs = DAY_MS): void {
    const { clock, mcu } = this.bench;
    if (mcu.record.boots === 0) this.#episode("start", () => this.bench.powerOn());
    const untilMs = clock.now() + durationMs;
    while (clock.now() < untilMs) {
      const mishap = this.#host.mishaps[this.#random.below(this.#host.mishaps.length)] ?? "mcu resets";
      this.#episode(mishap, () => this.#strike(mishap));
    }
  }

  #episode(mishap: Episode["mishap"], strike: () => void): void {
    const { clock } = this.bench;
    const atMs = clock.now();
    const before = this.#tally();
    strike();
    clock.advance(RECOVERY_MS);
    const recovered = this.#tally();
    clock.advance(QUIET_MS_MIN + this.#random.below(QUIET_MS_SPREAD));
    const quiet = this.#tally();
    this.episodes.push({
      mishap,
      atMs,
      before,
      recovered,
      quiet,
      state: this.#askState(),
      believed: this.bench.mcu.ncpState,
    });
  }

  #strike(mishap: Mishap): void {
    const { mcu, device, uart } = this.bench;
    switch (mishap) {
      case "mcu resets":
        return mcu.reset();
      case "mcu loses power":
        return this.#offFor(this.#random.below(180_000), mcu);
      case "ferry resets":
        return device.restart();
      case "ferry loses power":
        return this.#offFor(this.#random.below(20_000), device);
      case "both lose power": {
        const offMs = this.#random.below(20_000);
        this.#offFor(offMs, device);
        return this.#offFor(offMs, mcu);
      }
      case "cable is pulled":
        uart.plugged = false;
        this.bench.clock.set(() => {
          uart.plugged = true;
        }, this.#random.below(this.#host.cablePulledMsMax));
        return;
      case "line is noisy":
        for (const end of [uart.a, uart.b]) end.injectNoise(this.#noise(), end.baud ?? 38_400);
    }
  }

  /** No END in it: what looks like an empty frame of Ferry's would be held against Ferry. */
  #noise(): Uint8Array {
    return this.#random.bytes(NOISE_BYTES).map((byte) => (byte === END ? 0 : byte));
  }

  #offFor(durationMs: number, part: { powerOff(): void; powerOn(): void }): void {
    part.powerOff();
    this.bench.clock.set(() => part.powerOn(), durationMs);
  }

  #tally(): Tally {
    const { mcu, device } = this.bench;
    return {
      initializations: mcu.record.initializations,
      mcuTimeouts: mcu.record.counters.timeouts,
      ferryBoots: device.boots,
      ferryTimeouts: device.ncp?.counters.session.timeouts ?? 0,
      framesReceived: mcu.record.counters.framesReceived,
    };
  }

  /** Twice at most: the driver's parser may still be stuck in some noise, and then the first answer frees it. */
  #askState(): number | undefined {
    const states: number[] = [];
    for (let tries = 0; tries < 2 && states.length === 0; tries++) {
      this.bench.mcu.call("blynk.getState", {}, ({ status, results }) => {
        if (status === RpcStatus.OK) states.push(results.state);
      });
      this.bench.clock.advance(2_000);
    }
    return states[0];
  }
}
