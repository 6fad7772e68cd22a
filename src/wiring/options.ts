/** What Ferry is built from, what it tells as it happens, and what it counts. */

import type { Crc32 } from "../base/crc.js";
import type { FailureCode } from "../base/failure-code.js";
import type { UpdatePollCounters } from "../cloud/update-poll.js";
import type { HttpPorts } from "../download/fetcher.js";
import type { WireClass, WireCounters } from "../frame/wire.js";
import type { Offer } from "../image/offer.js";
import type { Gesture } from "../panel/button-machine.js";
import type { PanelOptions } from "../panel/panel.js";
import type { Clock, DigestClass, Directory, Io, KeyValue, SerialClass, System } from "../ports.js";
import type { OutboxCounters } from "../rpc/outbox.js";
import type { SessionCounters } from "../rpc/session-counters.js";
import type { SlotPorts } from "../store/passive-slot.js";
import type { SelfUpdateNews } from "../update/self-updater.js";
import type { UpdateNews } from "../update/updater.js";
import type { ConnectivityOptions } from "./connectivity.js";
import type { SelfUpdateOptions } from "./self-update.js";

export const FERRY_VERSION = "0.1.0";

/** The ways to the pins, and which of them the board needs for itself. */
export type PanelPorts = Pick<PanelOptions, "digital" | "pwm" | "strip" | "pinMap" | "takenPins" | "freesConsolePins">;

export interface NcpOptions {
  /** Of this build; FERRY_VERSION unless it was given another. */
  version?: string;
  clock: Clock;
  serial: Io<SerialClass>;
  /** Another wire than the TypeScript one over `serial`. */
  Wire?: WireClass;
  initialBaud?: number;
  keyValue: KeyValue;
  /** `slot`: the way to the app slots, so that the passive one can take images that are too large for the files. */
  storage: { root: Directory; capacityBytes: number; slot?: SlotPorts };
  network: HttpPorts;
  /** So often an image is downloaded as a whole within 24 hours; WHOLE_DOWNLOADS_MAX unless the server has another bound. */
  wholeDownloadsMax?: number;
  Digest: DigestClass;
  /** Another CRC-32 than the one in TypeScript. */
  crc32?: Crc32;
  system: System;
  /** The way to a network and a cloud. Absent: somebody else brings offers, and the state is idle. */
  connectivity?: ConnectivityOptions;
  /** Pins for a button and a light. */
  panel?: PanelPorts;
  /** Lets Ferry update itself, where the storage has app slots. */
  selfUpdate?: SelfUpdateOptions;
  /** In [0, 1). */
  random(): number;
  onNews?(news: NcpNews): void;
}

/** What happens, as it happens. */
export type NcpNews =
  | UpdateNews
  | SelfUpdateNews
  | { readonly kind: "baud"; readonly baud: number }
  | { readonly kind: "state"; readonly state: number; readonly lastError?: FailureCode }
  | { readonly kind: "gesture"; readonly gesture: Gesture }
  | { readonly kind: "initialized"; readonly template: string; readonly firmware: string }
  /** An MCU that did not notice Ferry's restart is taken for the one that was there before. */
  | { readonly kind: "mcu-recalled"; readonly template: string; readonly firmware: string }
  | { readonly kind: "mcu-lost" }
  /** An offer that came by itself, and why it is left alone. */
  | { readonly kind: "not-taken"; readonly offer: Offer; readonly reason: string }
  /** The vendor's server was asked for an offer in vain, and why. */
  | { readonly kind: "poll-failed"; readonly problem: string };

/** Everything that Ferry counts: users paste it into issues. */
export interface NcpCounters {
  readonly wire: WireCounters;
  readonly session: SessionCounters;
  readonly outbox: OutboxCounters;
  /** Where a vendor's server is polled. */
  readonly poll?: UpdatePollCounters | undefined;
}
