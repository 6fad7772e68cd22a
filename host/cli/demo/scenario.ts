/**
 * The demo's story, the same on Node and on XS: a simulated ESP32 with Ferry, its Primary MCU on a UART, an offer, and
 * what comes of it. Where the image comes from is the network's affair; who turns the clock is the caller's.
 *
 * A planned power cut strikes after a durable operation, counted from the offer. Power returns by itself, and from
 * then on nobody helps: MCU and Ferry have to find each other and go on.
 */

import { fromHex } from "../../../src/base/hex.js";
import type { Offer } from "../../../src/image/offer.js";
import type { DigestClass } from "../../../src/ports.js";
import type { Verdict } from "../../../src/update/verdict.js";
import type { FileServerBehavior, Oddities } from "../../peers/file-response.js";
import { healthyMcu } from "../../peers/mcu-behavior.js";
import { mcuLineOf } from "../../peers/mcu-line.js";
import { PrimaryMcu } from "../../peers/primary-mcu.js";
import { SimDevice } from "../../sim/device.js";
import type { DeviceNetwork } from "../../sim/network.js";
import { type Partition, SimStorage } from "../../sim/storage.js";
import { UartLine } from "../../sim/uart.js";
import { type DemoEvent, plainNews } from "./events.js";
import { TransferMeter, type TransferReport } from "./transfer-meter.js";

/** From a power cut to the next boot. */
export const POWER_RETURNS_AFTER_MS = 1_000;
/** Ferry waits for its MCU for a day at most, so by then there is a verdict. */
export const VERDICT_LIMIT_MS = 2 * 24 * 3_600_000;

/** Plain data, for it goes into the XS engine as JSON. */
export interface DemoPlan {
  readonly offer: Offer;
  /** The MCU's UART, once it has found Ferry. */
  readonly baud: number;
  readonly chunkBytes: number;
  /** Power fails after so many durable operations. */
  readonly cutAfter?: number;
  /** What the server's requests meet, one after the other. */
  readonly turns?: readonly Oddities[];
  readonly partitions: readonly Partition[];
  readonly flashBytes: number;
}

export interface ScenarioOptions {
  readonly plan: DemoPlan;
  readonly network: DeviceNetwork;
  readonly Digest?: DigestClass;
  readonly onEvent: (event: DemoEvent) => void;
}

export interface DemoOutcome {
  readonly verdict: Verdict;
  /** What the MCU says that it runs. */
  readonly mcuVersion: string;
  /** Bytes of HTTP bodies that reached Ferry. */
  readonly downloadedBytes: number;
  readonly transfer: TransferReport;
  /** Power cuts that have struck. */
  readonly cuts: number;
  /** Durable operations since the offer. */
  readonly operations: number;
  readonly virtualMs: number;
}

/** What the demo's servers do: they have the offered image, with the digests that Blynk's server sends. */
export function serverBehavior(path: string, bytes: Uint8Array, { offer, turns }: DemoPlan): FileServerBehavior {
  const { sha256, md5 } = offer;
  const digests = { sha256: fromHex(sha256 ?? ""), md5: fromHex(md5 ?? "") };
  const file = {
    bytes,
    ...(sha256 ? { tag: sha256.slice(0, 16) } : {}),
    ...(digests.sha256 ? { sha256: digests.sha256 } : {}),
    ...(digests.md5 ? { md5: digests.md5 } : {}),
  };
  return { files: { [path]: file }, ...(turns ? { turns } : {}) };
}

export class DemoScenario {
  readonly #options: ScenarioOptions;
  readonly #uart: UartLine;
  readonly #mcu: PrimaryMcu;
  readonly #device: SimDevice;
  readonly #meter: TransferMeter;
  /** Durable operations before the offer; `undefined` until then. */
  #operationsAtOffer: number | undefined;
  #cuts = 0;

  constructor(options: ScenarioOptions) {
    this.#options = options;
    const { plan, network, Digest } = options;
    const { clock } = network;
    this.#uart = new UartLine(clock);
    this.#mcu = new PrimaryMcu({
      clock,
      line: mcuLineOf(this.#uart.b),
      behavior: {
        prefetch: true,
        targetBaud: plan.baud,
        chunkBytes: plan.chunkBytes,
        slotBytes: Math.max(healthyMcu.slotBytes, plan.offer.sizeBytes),
        untaggedFirmware: { ...healthyMcu.untaggedFirmware, version: "untagged", build: "" },
      },
      onLog: (text) => this.#tell({ source: "mcu", atMs: clock.now(), text }),
    });
    this.#meter = new TransferMeter(plan.offer.sizeBytes, plan.chunkBytes, this.#uart.a, clock);
    this.#device = new SimDevice({
      clock,
      network,
      uart: this.#uart.a,
      storage: new SimStorage({ partitions: plan.partitions, chipBytes: plan.flashBytes }),
      ...(Digest ? { overrides: { Digest } } : {}),
      onNews: (news) => {
        this.#meter.onNews(news);
        this.#tell({ source: "ferry", atMs: clock.now(), news: plainNews(news) });
        if (news.kind === "initialized") this.#offer();
      },
      onPowerCut: (operation) => this.#onPowerCut(operation),
    });
  }

  /** Switches everything on; the rest follows as the clock runs. */
  start(): void {
    this.#device.powerOn();
    this.#mcu.powerOn();
  }

  /** There is a verdict: also one that Ferry stored just before its power failed, and knows again now. */
  get isOver(): boolean {
    return this.#operationsAtOffer !== undefined && this.#device.ncp?.verdict !== undefined;
  }

  get outcome(): DemoOutcome {
    const verdict = this.#device.ncp?.verdict;
    if (!verdict) throw new Error("the demo is not over yet");
    return {
      verdict,
      mcuVersion: this.#mcu.running.firmware.version,
      downloadedBytes: this.#device.downloadedBytes,
      transfer: this.#meter.report,
      cuts: this.#cuts,
      operations: this.#operationsSinceOffer,
      virtualMs: this.#options.network.clock.now(),
    };
  }

  /** The image that the MCU runs. */
  get received(): Uint8Array {
    return this.#mcu.running.image;
  }

  get #operationsSinceOffer(): number {
    return this.#device.power.operations - (this.#operationsAtOffer ?? 0);
  }

  /** Once, when the MCU has come up for the first time. */
  #offer(): void {
    if (this.#operationsAtOffer !== undefined) return;
    const { power } = this.#device;
    const { offer, cutAfter } = this.#options.plan;
    this.#operationsAtOffer = power.operations;
    if (cutAfter !== undefined) power.plan({ operation: power.operations + cutAfter, kind: "after" });
    this.#device.run((ncp) => {
      const problem = ncp.offer(offer);
      if (problem !== undefined) throw new Error(problem);
    });
  }

  #onPowerCut(operation: string): void {
    const { clock } = this.#options.network;
    const number = this.#operationsSinceOffer;
    this.#cuts++;
    this.#tell({ source: "power", atMs: clock.now(), cutAt: { number, operation: operation.replace(/ #\d+$/, "") } });
    clock.set(() => {
      this.#tell({ source: "power", atMs: clock.now() });
      this.#device.powerOn();
    }, POWER_RETURNS_AFTER_MS);
  }

  #tell(event: DemoEvent): void {
    this.#options.onEvent(event);
  }
}
