/**
 * A whole product on one clock: a workbench whose device is at home in a Wi-Fi and has a cloud that ships firmware. Its
 * MCU tells it network and token, as in products that are set up at the factory. Or its vendor has a server that it
 * polls, beside the cloud or without any.
 */

import type { Offer } from "../../src/image/offer.js";
import type { PollOptions } from "../../src/wiring/vendor-poll.js";
import { Air, type Hotspot } from "../sim/air.js";
import { asciiBytes } from "../sim/ascii.js";
import { CLOUD_MAKERS, type CloudProtocol } from "../sim/connectivity.js";
import { FileServer } from "./file-server.js";
import { MqttBroker } from "./mqtt-broker.js";
import { NativeCloudServer } from "./native-cloud-server.js";
import { ShippingCloud } from "./shipping-cloud.js";
import { Workbench, type WorkbenchOptions } from "./workbench.js";

export const CLOUD_HOST = "cloud.example";
/** Where the cloud sends devices that it does not want here. */
export const REGION_HOST = "region.cloud.example";
export const TOKEN = "0123456789abcdefghijklmnopqrstuv";
export const HOME = Object.freeze({ ssid: "home", password: "correct horse" });
export const REPORT_EVENT = "ota";

export const VENDOR_HOST = "updates.example";
export const POLL_PATH = "/pump/latest.json";
export const POLL: PollOptions = Object.freeze({ url: `https://${VENDOR_HOST}${POLL_PATH}`, intervalMs: 3_600_000 });

export interface ProductBenchOptions extends Omit<WorkbenchOptions, "online"> {
  readonly poll?: PollOptions;
  /** False: the product has a network of its own and no token, and its MCU tells it nothing. */
  readonly hasCloud?: boolean;
}

export class ProductBench extends Workbench {
  readonly air: Air;
  readonly home: Hotspot;
  readonly cloud: ShippingCloud;
  /** The same cloud's other house. */
  readonly region: ShippingCloud;
  /** Has no file before publish(). */
  readonly vendor: FileServer;
  readonly #hosts: readonly { readonly host: string; readonly take: () => () => void }[];
  #closings: (() => void)[] = [];

  constructor(protocol: CloudProtocol, { poll, hasCloud = true, ...options }: ProductBenchOptions = {}) {
    const made: { air?: Air } = {};
    const provisions = hasCloud ? { ...HOME, host: "", port: 0, token: TOKEN } : undefined;
    super({
      ...options,
      mcu: { ...options.mcu, provisions },
      online: (network, clock) => {
        made.air = new Air(clock, network);
        return {
          air: made.air,
          makeCloud: CLOUD_MAKERS[protocol].make,
          defaultHost: CLOUD_HOST,
          report: { event: REPORT_EVENT },
          ...(poll ? { poll } : {}),
          ...(hasCloud ? {} : { firstNetwork: { ssid: HOME.ssid, psk: HOME.password } }),
        };
      },
    });
    if (!made.air) throw new Error("bench: the device was not asked how it gets online");
    this.air = made.air;
    this.home = this.air.add(HOME);
    const behavior = { tokens: [TOKEN] };
    const { clock, network } = this;
    const makeServer = () =>
      protocol === "native" ? new NativeCloudServer(clock, behavior) : new MqttBroker(clock, behavior);
    const { port } = CLOUD_MAKERS[protocol];
    this.vendor = new FileServer(clock, { files: {} });
    network.listen(VENDOR_HOST, 443, this.vendor.accept);
    const [server, other] = [makeServer(), makeServer()];
    this.cloud = new ShippingCloud(clock, server);
    this.region = new ShippingCloud(clock, other);
    this.#hosts = [
      { host: CLOUD_HOST, take: () => network.listen(CLOUD_HOST, port, server.accept) },
      { host: REGION_HOST, take: () => network.listen(REGION_HOST, port, other.accept) },
    ];
    this.openCloud();
  }

  get clouds(): readonly ShippingCloud[] {
    return [this.cloud, this.region];
  }

  get isOnline(): boolean {
    return this.clouds.some(({ online }) => online > 0);
  }

  openCloud(): void {
    if (this.#closings.length === 0) this.#closings = this.#hosts.map(({ take }) => take());
  }

  /** Nobody is there any more, not even under its name. */
  closeCloud(): void {
    for (const close of this.#closings) close();
    this.#closings = [];
    for (const cloud of this.clouds) cloud.hangUp();
  }

  /** Ships the served image: a cloud says what it knows of it, and no digest. */
  ship(): void {
    for (const cloud of this.clouds) cloud.shipment = this.makeOffer();
  }

  /** The vendor's file offers the served image, by its digest, or says what the text says. */
  publish(what: Partial<Offer> | string = {}): void {
    const text = typeof what === "string" ? what : JSON.stringify(this.#fileOf(what));
    const file = { bytes: asciiBytes(text), tag: `${text.length}-${this.clock.now()}` };
    this.vendor.behavior = { ...this.vendor.behavior, files: { [POLL_PATH]: file } };
  }

  #fileOf(changes: Partial<Offer>): object {
    const { url, sizeBytes, type, version, build, sha256, target } = {
      ...this.makeOffer(),
      sha256: this.sha256OfImage(),
      ...changes,
    };
    return { url, size: sizeBytes, type, ver: version, build, sha256, target };
  }
}
