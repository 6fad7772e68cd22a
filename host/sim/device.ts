/**
 * A simulated ESP32 that runs Ferry: what survives (storage), and one life after another on top of it.
 *
 * A reboot is what it is on the chip: every object of the old life is gone, and a new Ncp is built, as main.ts builds
 * it, over the ports of a new life. Nothing but SimStorage is handed from one to the next.
 */

import { Ncp, type NcpNews, type NcpOptions } from "../../src/ncp.js";
import type { DigestClass, Directory, KeyValue, SerialClass } from "../../src/ports.js";
import type { VirtualClock } from "./clock.js";
import { DeviceClock, SimCpu } from "./cpu.js";
import { SimDigest } from "./digest.js";
import { mountFiles } from "./files.js";
import { SimFlash } from "./flash.js";
import { makeHttpClientClass } from "./http-client.js";
import { SimKeyValue } from "./key-value.js";
import { Life } from "./life.js";
import type { DeviceNetwork } from "./network.js";
import { type CutKind, Power } from "./power.js";
import { Random } from "./random.js";
import { makeSerialClass } from "./serial.js";
import { SimSlots } from "./slots.js";
import { FILES_PARTITION, SimStorage } from "./storage.js";
import type { UartEnd } from "./uart.js";

/** From reset to Ferry's first task: ROM, boot loader and the engine's start. */
export const BOOT_MS = 350;

export interface StoragePorts {
  readonly keyValue: KeyValue;
  readonly root: Directory;
}

/** What a life of the device is built from besides the simulated hardware. */
export type DeviceOverrides = Partial<Pick<NcpOptions, "Wire" | "crc32" | "initialBaud" | "network">> & {
  readonly Digest?: DigestClass;
  /** Puts something between Ferry and its UART: a benchmark that charges the processor for what Ferry does. */
  readonly wrapSerial?: (io: SerialClass, cpu: SimCpu) => SerialClass;
  /** Puts something between Ferry and its storage: a test that spoils the order in which things become durable. */
  readonly wrapStorage?: (ports: StoragePorts) => StoragePorts;
};

export interface SimDeviceOptions {
  readonly clock: VirtualClock;
  readonly uart: UartEnd;
  readonly network: DeviceNetwork;
  readonly storage?: SimStorage;
  readonly seed?: number;
  readonly overrides?: DeviceOverrides;
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
  /** Boots so far. */
  boots = 0;
  /** The longest that one task of any life has held the processor. */
  longestTaskMs = 0;
  /** Bytes of bodies that Ferry has read from HTTP responses, over all lives. */
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

  /** Ferry, while it runs. */
  get ncp(): Ncp | undefined {
    return this.#ncp;
  }

  powerOn(): void {
    if (!this.power.on) this.power.restore();
    this.#bootLater();
  }

  /** Pulls the plug: between two operations, or with one planned by power.plan(). */
  powerOff(): void {
    this.power.cut();
  }

  /** A reset without a loss of power. */
  restart(): void {
    this.#endLife();
    this.#bootLater();
  }

  /** Runs something as a task of the device, when its processor is free. */
  run(task: (ncp: Ncp) => void): void {
    this.#cpu?.run(() => {
      if (this.#ncp) task(this.#ncp);
    });
  }

  #bootLater(): void {
    const cpu = new SimCpu(this.#options.clock);
    this.#cpu = cpu;
    this.#options.clock.set(() => cpu.run(() => this.#boot(cpu)), BOOT_MS);
  }

  #boot(cpu: SimCpu): void {
    const { clock, uart, network, overrides = {}, onNews } = this.#options;
    this.boots++;
    const life = new Life({ storage: this.storage, power: this.power, cpu });
    const onBodyRead = (count: number) => {
      this.downloadedBytes += count;
    };
    const socket = { network, cpu, life, onBodyRead };
    const { Digest = SimDigest, wrapSerial = (io) => io, wrapStorage = (ports) => ports, ...rest } = overrides;
    const { keyValue, root } = wrapStorage({ keyValue: new SimKeyValue(life), root: mountFiles(life) });
    const ncp = new Ncp({
      clock: new DeviceClock(clock, cpu),
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
      system: { restart: () => this.restart() },
      random: () => this.#random.next(),
      // Code that catches what a dead port throws may go on for a while, but nobody hears of it.
      onNews: (news) => cpu.alive && onNews?.(news),
      ...rest,
    });
    if (cpu.alive) this.#ncp = ncp;
  }

  #endLife(): void {
    this.longestTaskMs = Math.max(this.longestTaskMs, this.#cpu?.longestTaskMs ?? 0);
    this.#cpu?.kill();
    this.#cpu = undefined;
    this.#ncp = undefined;
    this.#options.uart.close();
    this.#options.network.dropConnections();
  }
}
