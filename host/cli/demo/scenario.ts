/**
 * The demo's story, the same on Node and on XS: a simulated ESP32 with Ferry, its Primary MCU on a UART, a cloud that it
 * logs in to, an offer from there, and what comes of it. Where the image comes from is the network's affair; who turns
 * the clock is the caller's. The cloud is simulated on both, for a real one would hold the clock to real time.
 *
 * A planned power cut strikes after a durable operation, counted from the offer. Power returns by itself, and from
 * then on nobody helps: MCU and Ferry have to find each other and go on.
 */

import { fromHex } from "../../../src/base/hex.js";
import type { Offer } from "../../../src/image/offer.js";
import type { Clock, DigestClass } from "../../../src/ports.js";
import type { Verdict } from "../../../src/update/verdict.js";
import type { FileServerBehavior, Oddities } from "../../peers/file-response.js";
import { healthyMcu } from "../../peers/mcu-behavior.js";
import { mcuLineOf } from "../../peers/mcu-line.js";
import { MqttBroker } from "../../peers/mqtt-broker.js";
import { NativeCloudServer } from "../../peers/native-cloud-server.js";
import { PrimaryMcu } from "../../peers/primary-mcu.js";
import { CLOUD_HOST, HOME, REPORT_EVENT, TOKEN } from "../../peers/product-bench.js";
import { ShippingCloud } from "../../peers/shipping-cloud.js";
import { Air } from "../../sim/air.js";
import type { VirtualClock } from "../../sim/clock.js";
import { CLOUD_MAKERS, type CloudProtocol } from "../../sim/connectivity.js";
import { SimDevice } from "../../sim/device.js";
import { type Destination, type DeviceNetwork, Network } from "../../sim/network.js";
import { type Partition, SimStorage } from "../../sim/storage.js";
import type { StreamHandlers, TcpEndpoint } from "../../sim/tcp-stream.js";
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
  readonly cloud: CloudProtocol;
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
  readonly logins: number;
  /** What the cloud was told of the update. */
  readonly told: readonly string[];
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
  readonly #cloud: ShippingCloud;
  /** Durable operations before the offer; `undefined` until then. */
  #operationsAtOffer: number | undefined;
  #cuts = 0;

  constructor(options: ScenarioOptions) {
    this.#options = options;
    const { plan, network, Digest } = options;
    const { clock } = network;
    const server = makeCloudServer(clock, plan.cloud);
    const cloudNetwork = new Network(clock);
    cloudNetwork.listen(CLOUD_HOST, CLOUD_MAKERS[plan.cloud].port, server.accept);
    this.#cloud = new ShippingCloud(clock, server);
    this.#cloud.shipment = plan.offer;
    this.#cloud.onLog = (text) => this.#tell({ source: "cloud", atMs: clock.now(), text });
    const air = new Air(clock, cloudNetwork);
    air.add(HOME);
    this.#uart = new UartLine(clock);
    this.#mcu = new PrimaryMcu({
      clock,
      line: mcuLineOf(this.#uart.b),
      behavior: {
        prefetch: true,
        provisions: { ...HOME, host: "", port: 0, token: TOKEN },
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
      network: new RoutedNetwork(network, cloudNetwork),
      online: {
        air,
        makeCloud: CLOUD_MAKERS[plan.cloud].make,
        defaultHost: CLOUD_HOST,
        report: { event: REPORT_EVENT },
      },
      uart: this.#uart.a,
      storage: new SimStorage({ partitions: plan.partitions, chipBytes: plan.flashBytes }),
      ...(Digest ? { overrides: { Digest } } : {}),
      onNews: (news) => {
        this.#meter.onNews(news);
        this.#tell({ source: "ferry", atMs: clock.now(), news: plainNews(news) });
        if (this.#cloud.offersMade > 0) this.#onOffered();
      },
      onPowerCut: (operation) => this.#onPowerCut(operation),
    });
  }

  /** Switches everything on; the rest follows as the clock runs. */
  start(): void {
    this.#device.powerOn();
    this.#mcu.powerOn();
  }

  /** There is a verdict, and the cloud knows: also one that Ferry stored just before its power failed. */
  get isOver(): boolean {
    return this.#operationsAtOffer !== undefined && this.verdict !== undefined && this.#told.some(isVerdictReport);
  }

  get outcome(): DemoOutcome {
    const verdict = this.verdict;
    if (!verdict) throw new Error("the demo is not over yet");
    return {
      verdict,
      mcuVersion: this.#mcu.running.firmware.version,
      downloadedBytes: this.#device.downloadedBytes,
      transfer: this.#meter.report,
      cuts: this.#cuts,
      operations: this.#operationsSinceOffer,
      virtualMs: this.#options.network.clock.now(),
      logins: this.#cloud.logins.length,
      told: this.#told,
    };
  }

  /** The image that the MCU runs. */
  get received(): Uint8Array {
    return this.#mcu.running.image;
  }

  get #operationsSinceOffer(): number {
    return this.#device.power.operations - (this.#operationsAtOffer ?? 0);
  }

  /** Of an image that never said whose it is, Ferry's own updater knows. */
  get verdict(): Verdict | undefined {
    const { ncp } = this.#device;
    return ncp?.verdict ?? ncp?.selfVerdict;
  }

  get #told(): readonly string[] {
    return this.#cloud.timeline.map(({ text }) => text);
  }

  /** Counts from the first offer's first news on: before anything of it is durable. */
  #onOffered(): void {
    if (this.#operationsAtOffer !== undefined) return;
    const { power } = this.#device;
    const { cutAfter } = this.#options.plan;
    this.#operationsAtOffer = power.operations;
    if (cutAfter !== undefined) power.plan({ operation: power.operations + cutAfter, kind: "after" });
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

/** Steps are told as well, and come before. */
function isVerdictReport(text: string): boolean {
  return /: (succeeded$|failed, |rolled-back, )/.test(text);
}

function makeCloudServer(clock: Clock, protocol: CloudProtocol): NativeCloudServer | MqttBroker {
  const behavior = { tokens: [TOKEN] };
  return protocol === "native" ? new NativeCloudServer(clock, behavior) : new MqttBroker(clock, behavior);
}

/** The cloud is simulated, whatever the rest of the world is. */
class RoutedNetwork implements DeviceNetwork {
  readonly clock: VirtualClock;
  readonly #world: DeviceNetwork;
  readonly #cloud: Network;

  constructor(world: DeviceNetwork, cloud: Network) {
    this.clock = world.clock;
    this.#world = world;
    this.#cloud = cloud;
  }

  connect(destination: Destination, handlers: StreamHandlers): TcpEndpoint {
    return (destination.host === CLOUD_HOST ? this.#cloud : this.#world).connect(destination, handlers);
  }

  dropConnections(): void {
    this.#cloud.dropConnections();
    this.#world.dropConnections();
  }
}
