/**
 * A whole product on one clock: a workbench whose device is at home in a Wi-Fi and has a cloud that ships firmware. Its
 * MCU tells it network and token, as in products that are set up at the factory.
 */

import { Air, type Hotspot } from "../sim/air.js";
import { CLOUD_MAKERS, type CloudProtocol } from "../sim/connectivity.js";
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

export class ProductBench extends Workbench {
  readonly air: Air;
  readonly home: Hotspot;
  readonly cloud: ShippingCloud;
  /** The same cloud's other house. */
  readonly region: ShippingCloud;
  readonly #hosts: readonly { readonly host: string; readonly take: () => () => void }[];
  #closings: (() => void)[] = [];

  constructor(protocol: CloudProtocol, options: Omit<WorkbenchOptions, "online"> = {}) {
    const made: { air?: Air } = {};
    super({
      ...options,
      mcu: { ...options.mcu, provisions: { ...HOME, host: "", port: 0, token: TOKEN } },
      online: (network, clock) => {
        made.air = new Air(clock, network);
        const { make } = CLOUD_MAKERS[protocol];
        return { air: made.air, makeCloud: make, defaultHost: CLOUD_HOST, report: { event: REPORT_EVENT } };
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
}
