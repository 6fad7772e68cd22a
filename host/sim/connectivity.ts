/**
 * How a simulated device gets online, in one of its lives: a radio in the air around it, sockets over the network behind
 * that, and a cloud to log in to. As main.ts puts them together for the chip.
 */

import type { CloudTransport } from "../../src/cloud/cloud.js";
import { NativeCloud } from "../../src/cloud/native/native-cloud.js";
import type { Clock } from "../../src/ports.js";
import type { ConnectivityOptions } from "../../src/wiring/online.js";
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

export function connectivityOf({ air, makeCloud = makeNativeCloud, ...rest }: SimOnline, parts: LifeParts) {
  const { cpu, life, socket } = parts;
  const radio = new SimRadio({ air, cpu, life });
  const connectivity: ConnectivityOptions = {
    wifi: {
      station: { io: makeWifiClass(radio) },
      accessPoint: { io: makeAccessPointClass(radio) },
      socket: { io: makeSocketClass(socket) },
    },
    cloud: makeCloud(parts),
    cloudTellsTime: true,
    ...rest,
  };
  return connectivity;
}

function makeNativeCloud({ clock, socket }: LifeParts): CloudTransport {
  return new NativeCloud({ clock, tls: { io: makeSocketClass(socket, { secure: true }) } });
}
