/** How the emulated board gets online: its access point, and what it speaks behind that. */

import { INTERVAL_MS_MIN } from "../../src/cloud/update-poll.js";
import type { Air } from "../sim/air.js";
import { CLOUD_MAKERS, type CloudProtocol, type SimOnline } from "../sim/connectivity.js";

/** The access point around the emulated board. */
export interface HomeNetwork {
  readonly ssid: string;
  /** `undefined`: open. */
  readonly password: string | undefined;
}

export interface WayOnlineOptions {
  /** Behind it is this computer's network. Firmware on offer is downloaded without it as well. */
  readonly wifi: HomeNetwork;
  /** What it speaks to its cloud. MQTT goes without TLS at port 1883, where brokers on a desk are. */
  readonly cloud: CloudProtocol;
  /** The URL of a vendor's file, asked for each minute. The network is the product's own then, and it needs no cloud. */
  readonly poll?: string;
}

export function wayOnline(air: Air, { wifi, cloud, poll: url }: WayOnlineOptions): SimOnline {
  const { ssid, password: psk } = wifi;
  const poll = { url: url ?? "", intervalMs: INTERVAL_MS_MIN };
  const firstNetwork = psk === undefined ? { ssid } : { ssid, psk };
  return {
    air,
    makeCloud: (parts) => CLOUD_MAKERS[cloud].make(parts, { allowPlain: cloud === "mqtt" }),
    ...(url === undefined ? {} : { poll, firstNetwork }),
  };
}
