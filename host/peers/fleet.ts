/**
 * Many products on one clock and one network: each a device that runs Ferry, with its Primary MCU, its Wi-Fi and its
 * token. What they log in to, and where their images come from, is the network's affair: simulated or real.
 */

import type { Offer } from "../../src/image/offer.js";
import { Air } from "../sim/air.js";
import type { VirtualClock } from "../sim/clock.js";
import { CLOUD_MAKERS, type CloudProtocol } from "../sim/connectivity.js";
import { type DeviceOverrides, SimDevice } from "../sim/device.js";
import type { Destination, DeviceNetwork } from "../sim/network.js";
import type { StreamHandlers, TcpEndpoint } from "../sim/tcp-stream.js";
import { UartLine } from "../sim/uart.js";
import { mcuLineOf } from "./mcu-line.js";
import { PrimaryMcu } from "./primary-mcu.js";
import { HOME, REPORT_EVENT } from "./product-bench.js";

export interface FleetOptions {
  readonly network: DeviceNetwork;
  readonly size: number;
  readonly protocol: CloudProtocol;
  /** Where they log in, over TLS; by default at the protocol's own port. */
  readonly cloud: { readonly host: string; readonly port?: number };
  readonly overrides?: DeviceOverrides;
}

export class Fleet {
  readonly products: readonly Product[];

  constructor(options: FleetOptions) {
    this.products = Array.from({ length: options.size }, (_, index) => new Product(options, index + 1));
  }

  get tokens(): readonly string[] {
    return this.products.map(({ token }) => token);
  }

  updated({ version }: Offer): number {
    return this.products.filter(({ mcu }) => mcu.running.firmware.version === version).length;
  }

  get installs(): number {
    return this.products.reduce((sum, { mcu }) => sum + mcu.record.update.installs, 0);
  }
}

/** The token of the product with that number. */
export function tokenOf(number: number): string {
  return `product${String(number).padStart(25, "0")}`;
}

class Product {
  readonly token: string;
  readonly device: SimDevice;
  readonly mcu: PrimaryMcu;

  constructor({ network, protocol, cloud, overrides }: FleetOptions, number: number) {
    const { clock } = network;
    const { host, port = 0 } = cloud;
    this.token = tokenOf(number);
    const air = new Air(clock);
    air.add(HOME);
    const { make } = CLOUD_MAKERS[protocol];
    const uart = new UartLine(clock, { seed: number });
    this.device = new SimDevice({
      clock,
      uart: uart.a,
      network: new OwnShare(network),
      seed: number,
      online: {
        air,
        makeCloud: make,
        defaultHost: host,
        report: { event: REPORT_EVENT },
      },
      ...(overrides ? { overrides } : {}),
    });
    this.mcu = new PrimaryMcu({
      clock,
      line: mcuLineOf(uart.b),
      behavior: { prefetch: true, provisions: { ...HOME, host: "", port, token: this.token } },
    });
  }

  powerOn(): void {
    this.device.powerOn();
    this.mcu.powerOn();
  }
}

/** One device's connections among those of all: a restart drops its own. */
class OwnShare implements DeviceNetwork {
  readonly clock: VirtualClock;
  readonly #whole: DeviceNetwork;
  #own: TcpEndpoint[] = [];

  constructor(whole: DeviceNetwork) {
    this.clock = whole.clock;
    this.#whole = whole;
  }

  connect(destination: Destination, handlers: StreamHandlers): TcpEndpoint {
    const endpoint = this.#whole.connect(destination, handlers);
    this.#own.push(endpoint);
    return endpoint;
  }

  dropConnections(): void {
    for (const endpoint of this.#own) endpoint.close();
    this.#own = [];
  }
}
