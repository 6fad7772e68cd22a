/** The radio's users, and who of them may have it: a room of ncp.ts. */

import { fromHex } from "../base/hex.js";
import type { LifecycleNet } from "../lifecycle/lifecycle.js";
import { FactoryTests } from "../network/factory-tests.js";
import { readMac } from "../network/mac.js";
import type { AccessPointClass, WifiClass } from "../network/ports.js";
import { Station } from "../network/station.js";
import type { Clock, Io, SocketClass } from "../ports.js";
import type { Network } from "../settings/networks.js";

/** Any server of the default cloud will do: the test is of the way there. */
const TEST_PORT = 443;

export interface WifiPorts {
  readonly station: Io<WifiClass>;
  readonly accessPoint: Io<AccessPointClass>;
  /** TCP without TLS, for the factory's test of the way to the cloud. */
  readonly socket: Io<SocketClass>;
}

export interface WifiOptions extends WifiPorts {
  clock: Clock;
  /** The last used first. */
  networks(): readonly Network[];
  onJoined(ssid: string): void;
  defaultHost(): string;
  mayTest(): boolean;
  hotspotName(): string | undefined;
}

export class Wifi {
  readonly net: LifecycleNet;
  readonly tests: FactoryTests;
  readonly #station: Io<WifiClass>;
  #mac: string | undefined;

  constructor(options: WifiOptions) {
    const { clock, station: wifi, accessPoint, socket, networks, onJoined } = options;
    this.#station = wifi;
    this.#mac = readMac(wifi);
    const station = new Station({ clock, wifi, networks: () => networks(), onJoined: (ssid) => onJoined(ssid) });
    this.tests = new FactoryTests({
      clock,
      wifi,
      accessPoint,
      socket,
      server: () => ({ host: options.defaultHost(), port: TEST_PORT }),
      isAllowed: () => options.mayTest(),
      borrowRadio: () => () => {}, // config has no access point of its own to take off the air
      accessPointName: () => options.hotspotName() ?? "Ferry",
    });
    this.net = {
      start: (events) => {
        this.tests.stop();
        station.start(events);
      },
      stop: () => station.stop(),
    };
  }

  /** "0A:1B:2C:3D:4E:5F"; `undefined` while the radio does not start: it is tried again when somebody asks. */
  get mac(): string | undefined {
    this.#mac ??= readMac(this.#station);
    return this.#mac;
  }

  /** The address in six bytes. */
  get macBytes(): Uint8Array | undefined {
    const { mac } = this;
    return mac === undefined ? undefined : fromHex(mac.replaceAll(":", ""));
  }
}
