/**
 * A simulated ESP32 that runs Ferry: what survives (storage), and one life after another on top of it.
 *
 * A reboot is what it is on the chip: every object of the old life is gone, the boot loader chooses an app slot, and a
 * new Ncp is built, as main.ts builds it, over the ports of a new life. Nothing but SimStorage is handed from one to the
 * next. All apps are the Ferry of this source tree, under the version that their image bears; what else a build does,
 * crash or hang for instance, is said by the option `build`. Without a whole app in any slot, NothingToBoot is thrown
 * out of the clock: the device is a brick.
 */

import { Ncp, type NcpNews, type NcpOptions } from "../../src/ncp.js";
import type { DigestClass, Directory, KeyValue, ResetReason, SerialClass } from "../../src/ports.js";
import type { PanelPorts } from "../../src/wiring/options.js";
import type { SelfUpdateOptions } from "../../src/wiring/self-update.js";
import type { VirtualClock } from "./clock.js";
import { connectivityOf, type SimOnline } from "./connectivity.js";
import { DeviceClock, SimCpu } from "./cpu.js";
import { SimDigest } from "./digest.js";
import { makeDigitalClass } from "./digital.js";
import { mountFiles } from "./files.js";
import { SimFlash } from "./flash.js";
import type { PinBinding, SimPins } from "./gpio.js";
import { makeHttpClientClass } from "./http-client.js";
import { SimKeyValue } from "./key-value.js";
import { makeLedStripClass } from "./led-strip.js";
import { Life } from "./life.js";
import type { DeviceNetwork } from "./network.js";
import { type CutKind, Power } from "./power.js";
import { makePwmClass } from "./pwm.js";
import { Random } from "./random.js";
import { makeSerialClass } from "./serial.js";
import { SimSlots } from "./slots.js";
import { FILES_PARTITION, SimStorage } from "./storage.js";
import type { UartEnd } from "./uart.js";
import { SimUpdater } from "./update.js";

/** From reset to the boot loader's first write: ROM, and the boot loader's own start. */
const BOOT_LOADER_MS = 50;
/** From there to Ferry's first task: checking the image, and the engine's start. */
const START_MS = 300;
/** From an exception that nobody catches to the reset: the panic handler's output on the console. */
export const PANIC_MS = 200;
/** The task watchdog, as sdkconfig/sdkconfig.defaults sets it. */
export const WATCHDOG_MS = 15_000;
/** An ESP32 cannot tell its reset pin (EN) from power. */
const PIN_RESET: ResetReason = "power";

export interface StoragePorts {
  readonly keyValue: KeyValue;
  readonly root: Directory;
}

/** What a life of the device is built from besides the simulated hardware. */
export type DeviceOverrides = Partial<
  Pick<NcpOptions, "Wire" | "crc32" | "initialBaud" | "network" | "wholeDownloadsMax">
> & {
  /** How Ferry updates itself, over the simulated port. */
  readonly selfUpdate?: Partial<SelfUpdateOptions>;
  readonly Digest?: DigestClass;
  /** What a TLS handshake costs the processor, without a break; nothing by default. */
  readonly secureHandshakeMs?: number;
  /** Puts something between Ferry and its UART: a benchmark that charges the processor for what Ferry does. */
  readonly wrapSerial?: (io: SerialClass, cpu: SimCpu) => SerialClass;
  /** Puts something between Ferry and its storage: a test that spoils the order in which things become durable. */
  readonly wrapStorage?: (ports: StoragePorts) => StoragePorts;
};

/** The app that the boot loader has started. */
export interface RunningApp {
  /** Label of its partition. */
  readonly slot: string;
  /** Both empty where the image does not say. */
  readonly version: string;
  readonly projectName: string;
}

/** What a build does differently; "crash": an exception as it starts; "hang": no answer until the watchdog bites. */
export type BuildBehavior = DeviceOverrides | "crash" | "hang";

export interface SimDeviceOptions {
  readonly clock: VirtualClock;
  readonly uart: UartEnd;
  readonly network: DeviceNetwork;
  readonly storage?: SimStorage;
  readonly seed?: number;
  readonly overrides?: DeviceOverrides;
  /** For a button and a light. Absent: Ferry has no panel. */
  readonly pins?: SimPins;
  /** Its way online. Absent: Ferry knows no network and no cloud, and offers come by hand. */
  readonly online?: SimOnline;
  /** Asked at each start of an app. Its overrides go before those above. */
  readonly build?: (app: RunningApp) => BuildBehavior;
  readonly onNews?: (news: NcpNews) => void;
  /** Power has failed, at this operation. Someone may call powerOn() again. */
  readonly onPowerCut?: (operation: string, kind: CutKind) => void;
}

export class SimDevice {
  readonly storage: SimStorage;
  readonly power: Power;
  readonly #options: SimDeviceOptions;
  readonly #random: Random;
  #cpu: SimCpu | undefined;
  #ncp: Ncp | undefined;
  #timers: DeviceClock | undefined;
  #running: RunningApp | undefined;
  #resetReason: ResetReason = "power";
  /** Apps started so far. */
  boots = 0;
  /** The longest task of the lives before this one. */
  #longestEarlierMs = 0;
  /** Bytes of files that Ferry has read from HTTP responses (200, 206), over all lives. */
  downloadedBytes = 0;

  constructor(options: SimDeviceOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ?? 1);
    this.storage = options.storage ?? new SimStorage();
    this.power = new Power((operation, kind) => {
      this.#endLife();
      options.onPowerCut?.(operation, kind);
    });
  }

  /** The longest that one task of any life has held the processor, so far. */
  get longestTaskMs(): number {
    return Math.max(this.#longestEarlierMs, this.#cpu?.longestTaskMs ?? 0);
  }

  /** Ferry, while it runs. */
  get ncp(): Ncp | undefined {
    return this.#ncp;
  }

  /** Timers that Ferry has set, while it runs. */
  get timers(): number {
    return this.#timers?.pending ?? 0;
  }

  /** The app that runs, or tries to: from the boot loader's jump to the next reset. */
  get running(): RunningApp | undefined {
    return this.#running;
  }

  /** Of the last reset, as the chip tells it. */
  get resetReason(): ResetReason {
    return this.#resetReason;
  }

  /** Nothing while it has power. */
  powerOn(): void {
    if (this.#cpu) return;
    if (!this.power.on) this.power.restore();
    this.#resetReason = "power";
    this.#bootLater();
  }

  /** Pulls the plug: between two operations, or with one planned by power.plan(). */
  powerOff(): void {
    this.power.cut();
  }

  /**
   * A reset without a loss of power: by its pin, which is held low for so long, or for another reason, as the chip will
   * tell it. Nothing while it has no power.
   */
  restart(heldMs = 0, reason = PIN_RESET): void {
    if (!this.#cpu) return;
    this.#endLife();
    this.#resetReason = reason;
    this.#bootLater(heldMs);
  }

  /** Runs something as a task of the device, when its processor is free. */
  run(task: (ncp: Ncp) => void): void {
    this.#cpu?.run(() => {
      if (this.#ncp) task(this.#ncp);
    });
  }

  #bootLater(heldMs = 0): void {
    const { clock } = this.#options;
    const { storage, power } = this;
    const cpu = new SimCpu(clock);
    this.#cpu = cpu;
    const load = () => {
      const life = new Life({ storage, power, cpu, restart: (reason) => this.restart(0, reason) });
      clock.set(() => cpu.run(() => this.#start(life, cpu)), life.bootLoaderMs + START_MS);
    };
    clock.set(() => cpu.run(load), heldMs + BOOT_LOADER_MS);
  }

  #start(life: Life, cpu: SimCpu): void {
    const { clock, overrides = {}, build = () => ({}) } = this.#options;
    const { version = "", projectName = "" } = this.storage.describeApp(this.storage.partition(life.running)) ?? {};
    const app = { slot: life.running, version, projectName };
    this.boots++;
    this.#running = app;
    const behavior = build(app);
    if (behavior === "crash") clock.set(() => cpu.run(() => this.restart(0, "crash")), PANIC_MS);
    else if (behavior === "hang") clock.set(() => cpu.run(() => this.restart(0, "watchdog")), WATCHDOG_MS);
    else this.#startFerry(life, cpu, version, { ...overrides, ...behavior });
  }

  #startFerry(life: Life, cpu: SimCpu, version: string, overrides: DeviceOverrides): void {
    const { uart, network, onNews, pins, online } = this.#options;
    const clock = new DeviceClock(this.#options.clock, cpu);
    this.#timers = clock;
    const onBodyRead = (count: number) => {
      this.downloadedBytes += count;
    };
    const {
      selfUpdate,
      secureHandshakeMs = 0,
      Digest = SimDigest,
      wrapSerial = (io) => io,
      wrapStorage = (ports) => ports,
      ...rest
    } = overrides;
    const socket = { network, cpu, life, onBodyRead, secureHandshakeMs };
    const { keyValue, root } = wrapStorage({ keyValue: new SimKeyValue(life), root: mountFiles(life) });
    const ncp = new Ncp({
      ...(version ? { version } : {}),
      clock,
      serial: { io: wrapSerial(makeSerialClass({ end: uart, cpu, life }), cpu) },
      keyValue,
      storage: {
        root,
        capacityBytes: this.storage.partition(FILES_PARTITION).size,
        slot: { flash: new SimFlash(life), slots: new SimSlots(life) },
      },
      network: {
        http: { io: makeHttpClientClass(socket) },
        https: { io: makeHttpClientClass(socket, { secure: true }), port: 443 },
      },
      Digest,
      system: { restart: () => this.restart(0, "software"), resetReason: () => this.#resetReason },
      selfUpdate: { updater: new SimUpdater(life), ...selfUpdate },
      ...(online ? { connectivity: connectivityOf(online, { clock, cpu, life, socket }) } : {}),
      ...(pins ? { panel: panelPorts({ pins, cpu, life }) } : {}),
      random: () => this.#random.next(),
      // Code that catches what a dead port throws may go on for a while, but nobody hears of it.
      onNews: (news) => cpu.alive && onNews?.(news),
      ...rest,
    });
    if (cpu.alive) this.#ncp = ncp;
  }

  #endLife(): void {
    this.#longestEarlierMs = this.longestTaskMs;
    this.#cpu?.kill();
    this.#cpu = undefined;
    this.#ncp = undefined;
    this.#timers?.clearAll();
    this.#timers = undefined;
    this.#running = undefined;
    this.#options.uart.close();
    this.#options.network.dropConnections();
    this.#options.pins?.reset();
  }
}

/** As main.ts has them on an ESP32. */
const UART_PINS = Object.freeze({ 16: "the UART to the MCU", 17: "the UART to the MCU" });

function panelPorts(binding: PinBinding): PanelPorts {
  return {
    digital: { io: makeDigitalClass(binding) },
    pwm: { io: makePwmClass(binding) },
    strip: { io: makeLedStripClass(binding) },
    takenPins: UART_PINS,
  };
}
