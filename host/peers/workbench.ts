/**
 * Everything on one desk and one clock: a device that runs Ferry, its Primary MCU on a UART, and a file server on the
 * network. Tests, bench and demo start here.
 */

import { toHex } from "../../src/base/hex.js";
import type { Offer } from "../../src/image/offer.js";
import type { NcpNews } from "../../src/ncp.js";
import type { Verdict } from "../../src/update/verdict.js";
import { VirtualClock } from "../sim/clock.js";
import type { SimOnline } from "../sim/connectivity.js";
import { type BuildBehavior, type DeviceOverrides, type RunningApp, SimDevice } from "../sim/device.js";
import { SimDigest } from "../sim/digest.js";
import type { SimPins } from "../sim/gpio.js";
import { Network, type NetworkConditions } from "../sim/network.js";
import type { SimStorage } from "../sim/storage.js";
import { type UartEndOptions, UartLine } from "../sim/uart.js";
import type { FileServerBehavior } from "./file-response.js";
import { FileServer } from "./file-server.js";
import { makeFirmware, type TaggedFirmware } from "./firmware.js";
import type { McuBehavior } from "./mcu-behavior.js";
import { mcuLineOf } from "./mcu-line.js";
import { PrimaryMcu } from "./primary-mcu.js";

export const SERVER_HOST = "files.example";
export const FIRMWARE_PATH = "/firmware.bin";

/** The firmware that is offered unless a test says otherwise. */
export const NEW_FIRMWARE: TaggedFirmware = Object.freeze({
  type: "TMPL0123456789",
  version: "2.0.0",
  build: "Nov 21 2026 12:00:00",
});

export interface WorkbenchOptions {
  readonly mcu?: Partial<McuBehavior>;
  readonly server?: Partial<FileServerBehavior>;
  readonly network?: Partial<NetworkConditions>;
  readonly storage?: SimStorage;
  readonly overrides?: DeviceOverrides;
  /** What a build of Ferry does differently; see SimDevice. */
  readonly build?: (app: RunningApp) => BuildBehavior;
  readonly image?: Uint8Array;
  readonly imageBytes?: number;
  readonly seed?: number;
  /** The MCU's own UART; by default like the ESP32's. */
  readonly mcuUart?: UartEndOptions;
  /** The device's; by default the ESP32's as the SDK sets it up. */
  readonly deviceUart?: UartEndOptions;
  /** Gives the device a button and a light, and a radio, with a cloud to log in to. */
  readonly pins?: SimPins;
  readonly online?: (network: Network, clock: VirtualClock) => SimOnline;
  readonly onNews?: (news: NcpNews) => void;
  readonly onPowerCut?: () => void;
  /** Powers the device on again so long after a cut; never when absent. */
  readonly powerReturnsAfterMs?: number;
}

export class Workbench {
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly uart: UartLine;
  readonly device: SimDevice;
  readonly mcu: PrimaryMcu;
  readonly server: FileServer;
  /** The image that is served and offered. */
  readonly image: Uint8Array;
  readonly news: NcpNews[] = [];
  /** Power cuts that have struck. */
  readonly cuts: string[] = [];

  constructor(options: WorkbenchOptions = {}) {
    const { clock } = this;
    this.image = options.image ?? makeFirmware(options.imageBytes ?? 20_082, NEW_FIRMWARE, options.seed);
    this.network = new Network(clock, options.network);
    this.server = new FileServer(clock, { files: { [FIRMWARE_PATH]: { bytes: this.image } }, ...options.server });
    this.network.listen(SERVER_HOST, 80, this.server.accept);
    this.uart = new UartLine(clock, { a: options.deviceUart ?? {}, b: options.mcuUart ?? {}, seed: options.seed ?? 1 });
    this.mcu = new PrimaryMcu({
      clock,
      line: mcuLineOf(this.uart.b),
      behavior: options.mcu ?? {},
      resetNcp: (heldMs) => this.device.restart(heldMs),
    });
    this.device = new SimDevice({
      clock,
      uart: this.uart.a,
      network: this.network,
      ...(options.storage ? { storage: options.storage } : {}),
      ...(options.overrides ? { overrides: options.overrides } : {}),
      ...(options.build ? { build: options.build } : {}),
      ...(options.pins ? { pins: options.pins } : {}),
      ...(options.online ? { online: options.online(this.network, clock) } : {}),
      seed: options.seed ?? 1,
      onNews: (news) => {
        this.news.push(news);
        options.onNews?.(news);
      },
      onPowerCut: (operation) => {
        this.cuts.push(operation);
        options.onPowerCut?.();
        const returnsAfterMs = options.powerReturnsAfterMs;
        if (returnsAfterMs !== undefined) clock.set(() => this.device.powerOn(), returnsAfterMs);
      },
    });
  }

  powerOn(): void {
    this.device.powerOn();
    this.mcu.powerOn();
  }

  /** Powers both on and waits until the MCU has initialized. */
  start(limitMs = 30_000): void {
    this.powerOn();
    this.clock.runUntil(() => this.last("initialized") !== undefined, limitMs, "the MCU's initialize");
  }

  /** An offer of the served image, with what the cloud would know of it. */
  makeOffer(changes: Partial<Offer> = {}): Offer {
    const { type, version, build } = NEW_FIRMWARE;
    return {
      url: `http://${SERVER_HOST}${FIRMWARE_PATH}`,
      sizeBytes: this.image.length,
      type,
      version,
      build,
      ...changes,
    };
  }

  /** Offers the served image; throws when Ferry refuses the offer itself. */
  offer(changes: Partial<Offer> = {}): void {
    let problem: string | undefined;
    let heard = false;
    this.device.run((ncp) => {
      problem = ncp.offer(this.makeOffer(changes));
      heard = true;
    });
    this.clock.runUntil(() => heard, 1_000, "the offer's hearing");
    if (problem !== undefined) throw new Error(problem);
  }

  /** Runs until the next verdict. */
  awaitVerdict(limitMs = 3_600_000): Verdict {
    const before = this.count("verdict");
    this.clock.runUntil(() => this.count("verdict") > before, limitMs, "a verdict");
    return (this.last("verdict") as NcpNews & { kind: "verdict" }).verdict;
  }

  runUntil(condition: () => boolean, limitMs = 600_000, what?: string): void {
    this.clock.runUntil(condition, limitMs, what);
  }

  last<K extends NcpNews["kind"]>(kind: K): (NcpNews & { kind: K }) | undefined {
    return this.news.findLast((news): news is NcpNews & { kind: K } => news.kind === kind);
  }

  count(kind: NcpNews["kind"]): number {
    return this.news.filter((news) => news.kind === kind).length;
  }

  /** Of the served image, as an offer carries it. */
  sha256OfImage(): string {
    const digest = new SimDigest("SHA256");
    digest.write(this.image);
    return toHex(new Uint8Array(digest.close()));
  }

  /** Whether the MCU runs exactly the offered bytes: the oracle outside the device. */
  get mcuRunsNewImage(): boolean {
    const { image } = this.mcu.running;
    return image.length === this.image.length && image.every((byte, index) => byte === this.image[index]);
  }
}
