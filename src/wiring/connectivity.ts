/** How a product gets online: types only. */

import type { CloudTransport } from "../cloud/cloud.js";
import type { LifecycleSetup } from "../lifecycle/lifecycle.js";
import type { Network } from "../settings/networks.js";
import type { Rtc } from "../time/wall-clock.js";
import type { ReportTarget } from "./update-report.js";
import type { PollOptions } from "./vendor-poll.js";
import type { WifiPorts } from "./wifi.js";

export interface ConnectivityOptions {
  wifi: WifiPorts;
  /** Stored at a start at which no network is. */
  firstNetwork?: Network;
  cloud: CloudTransport;
  /** A server of the vendor's own that is asked for offers. With it, a device needs no token, and no cloud. */
  poll?: PollOptions;
  /** The ways in which a person can give Ferry its settings; absent: only the MCU can (ferry.setNetwork). */
  setup?: LifecycleSetup;
  defaultHost?: string;
  /** How the cloud hears of updates. */
  report?: ReportTarget;
  rtc?: Rtc;
  /** The date as the network tells it: for devices whose cloud does not. */
  date?: DateSource;
}

export interface DateSource {
  /** Calls back later, never from inside, in milliseconds since 1970. */
  listen(onDate: (unixMs: number) => void): void;
}
