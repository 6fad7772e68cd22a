/** The radio's users, and who of them may have it: a room of ncp.ts. */

import { fromHex } from "../base/hex.js";
import type { LifecycleNet, LinkEvents } from "../lifecycle/lifecycle.js";
import { FactoryTests, type FactoryTestsOptions } from "../network/factory-tests.js";
import { readMac } from "../network/mac.js";
import type { AccessPointClass, WifiClass } from "../network/ports.js";
import { Station } from "../network/station.js";
import type { Clock, Io, SocketClass } from "../ports.js";
import type { Network } from "../settings/networks.js";

export interface WifiPorts {
  readonly station: Io<WifiClass>;
  readonly accessPoint: Io<AccessPointClass>;
  /** TCP without TLS, for the factory's test of the way to the cloud. */
  readonly socket: Io<SocketClass>;
}

export interface WifiOptions extends WifiPorts, Pick<FactoryTestsOptions, "server" | "isAllowed" | "accessPointName"> {
  clock: Clock;
  /** The last used first. */
  networks(): readonly Network[];
  onJoined(ssid: string): void;
}

export class Wifi implements LifecycleNet {
  readonly tests: FactoryTests;
  readonly #radio: Io<WifiClass>;
  readonly #station: Station;
  #mac: string | undefined;

  constructor(options: WifiOptions) {
    const { clock, station: wifi, accessPoint, socket, networks, onJoined } = options;
    const { server, isAllowed, accessPointName } = options;
    this.#radio = wifi;
    this.#mac = readMac(wifi);
    this.#station = new Station({ clock, wifi, networks, onJoined });
    const rules = { server, isAllowed, accessPointName, borrowRadio };
    this.tests = new FactoryTests({ clock, wifi, accessPoint, socket, ...rules });
  }

  start(events: LinkEvents): void {
    this.tests.stop();
    this.#station.start(events);
  }

  stop(): void {
    this.#station.stop();
  }

  /** "0A:1B:2C:3D:4E:5F"; `undefined` while the radio does not start: it is tried again when somebody asks. */
  get mac(): string | undefined {
    this.#mac ??= readMac(this.#radio);
    return this.#mac;
  }

  /** The address in six bytes. */
  get macBytes(): Uint8Array | undefined {
    const { mac } = this;
    return mac === undefined ? undefined : fromHex(mac.replaceAll(":", ""));
  }
}

/** Config has no access point of its own to take off the air. */
function borrowRadio(): () => void {
  return giveRadioBack;
}

function giveRadioBack(): void {}
