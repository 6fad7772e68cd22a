/**
 * How a simulated device gets online, in one of its lives: a radio in the air around it, sockets over the network behind
 * that, and a cloud to log in to. As main.ts puts them together for the chip.
 */

import type { CloudTransport } from "../../src/cloud/cloud.js";
import { makeMqttClientClass } from "../../src/cloud/mqtt/client.js";
import { MQTTS_PORT } from "../../src/cloud/mqtt/downlink.js";
import { MqttCloud } from "../../src/cloud/mqtt/mqtt-cloud.js";
import { NativeCloud, TLS_PORTS } from "../../src/cloud/native/native-cloud.js";
import type { Clock } from "../../src/ports.js";
import type { ConnectivityOptions } from "../../src/wiring/connectivity.js";
import type { Air } from "./air.js";
import type { SimCpu } from "./cpu.js";
import type { SocketBinding } from "./device-socket.js";
import type { Life } from "./life.js";
import { SimRadio } from "./radio.js";
import { makeSocketClass } from "./socket.js";
import { makeAccessPointClass, makeWifiClass } from "./wifi.js";

/** What one life has to build its way online from. */
export interface LifeParts {
  readonly clock: Clock;
  readonly cpu: SimCpu;
  readonly life: Life;
  readonly socket: SocketBinding;
}

export interface SimOnline extends Omit<Partial<ConnectivityOptions>, "wifi" | "cloud"> {
  readonly air: Air;
  /** By default Blynk's native protocol over TLS. */
  readonly makeCloud?: (parts: LifeParts) => CloudTransport;
}

export function connectivityOf({ air, makeCloud = CLOUD_MAKERS.native.make, ...rest }: SimOnline, parts: LifeParts) {
  const { cpu, life, socket } = parts;
  const radio = new SimRadio({ air, cpu, life });
  const connectivity: ConnectivityOptions = {
    wifi: {
      station: { io: makeWifiClass(radio) },
      accessPoint: { io: makeAccessPointClass(radio) },
      socket: { io: makeSocketClass(socket) },
    },
    cloud: makeCloud(parts),
    ...rest,
  };
  return connectivity;
}

export type CloudProtocol = "native" | "mqtt";

export interface CloudMakerOptions {
  /** Also without TLS, as a product may allow: for servers on one's own desk. */
  readonly allowPlain?: boolean;
}

/** What a device speaks to its cloud, and at which port over TLS. */
export const CLOUD_MAKERS: Readonly<
  Record<
    CloudProtocol,
    { readonly port: number; readonly make: (parts: LifeParts, options?: CloudMakerOptions) => CloudTransport }
  >
> = Object.freeze({
  native: { port: TLS_PORTS[0] as number, make: makeNativeCloud },
  mqtt: { port: MQTTS_PORT, make: makeMqttCloud },
});

function makeNativeCloud({ clock, socket }: LifeParts, { allowPlain = false }: CloudMakerOptions = {}): CloudTransport {
  const tls = { io: makeSocketClass(socket, { secure: true }) };
  return new NativeCloud({ clock, tls, ...(allowPlain ? { plain: { io: makeSocketClass(socket) } } : {}) });
}

function makeMqttCloud({ clock, socket }: LifeParts, { allowPlain = false }: CloudMakerOptions = {}): CloudTransport {
  const over = (secure: boolean) => ({
    io: makeMqttClientClass({ clock, socket: { io: makeSocketClass(socket, { secure }) } }),
  });
  return new MqttCloud({ clock, tls: over(true), ...(allowPlain ? { plain: over(false) } : {}) });
}
