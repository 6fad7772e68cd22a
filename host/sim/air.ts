/**
 * What is on the air around a simulated device: access points, each with its ways of turning a station away, and the
 * network behind them.
 *
 * The network's link is up exactly while the device's station is associated and has its addresses (see wifi.ts). Every
 * fault is counted where it strikes.
 */

import type { VirtualClock } from "./clock.js";
import type { Network, Portal } from "./network.js";

/** An access point; everything may be changed at any time. */
export interface Hotspot {
  ssid: string;
  bssid: string;
  channel: number;
  rssiDbm: number;
  /** `undefined`: open. */
  password: string | undefined;
  hidden: boolean;
  /** Refuses so many stations before it takes one, as some do after a start, though the password is right. */
  refusals: number;
  /** Refuses everybody, with this reason: 5 when it is full. */
  refusalReason: number | undefined;
  /** Answers no station, and the driver waits for ever. */
  silent: boolean;
  associationMs: number;
  /** From association to an address; `undefined`: there is no DHCP. */
  dhcpMs: number | undefined;
  /** The first three numbers of its addresses; it is the first of them, a station the hundredth. */
  subnet: string;
  /** A captive portal between its stations and the network. */
  portal: Portal | undefined;
}

const HOME: Omit<Hotspot, "bssid"> = Object.freeze({
  ssid: "home",
  channel: 6,
  rssiDbm: -60,
  password: "correct horse",
  hidden: false,
  refusals: 0,
  refusalReason: undefined,
  silent: false,
  associationMs: 200,
  dhcpMs: 1_500,
  subnet: "192.168.1",
  portal: undefined,
});

/** Weaker ones are not received. */
export const AUDIBLE_DBM_MIN = -94;

/** What was done, and which faults have struck. */
export interface AirCounts {
  failedStarts: number;
  scans: number;
  hungScans: number;
  attempts: number;
  notFound: number;
  /** An open network that was given a password, or the other way round. */
  wrongSecurity: number;
  wrongPasswords: number;
  refused: number;
  unanswered: number;
  associations: number;
  withoutAddress: number;
  addresses: number;
  lost: number;
  /** Ends that the driver told of after a new attempt had begun. */
  staleEnds: number;
}

/** The device's side, of one life. */
export interface Station {
  readonly hotspot: Hotspot | undefined;
  /** Its own access point. */
  readonly onAir: { readonly ssid: string; readonly channel: number } | undefined;
  lose(reason: number): void;
  /** The life is over. */
  fallSilent(): void;
}

export class Air {
  readonly clock: VirtualClock;
  readonly counts: AirCounts = {
    failedStarts: 0,
    scans: 0,
    hungScans: 0,
    attempts: 0,
    notFound: 0,
    wrongSecurity: 0,
    wrongPasswords: 0,
    refused: 0,
    unanswered: 0,
    associations: 0,
    withoutAddress: 0,
    addresses: 0,
    lost: 0,
    staleEnds: 0,
  };
  /** `false`: the device does not learn why it was turned away, as with the SDK alone. */
  tellsReasons = true;
  /** The next so many scans never end. */
  scansToHang = 0;
  /** The next so many objects of the station's class are not made: the driver finds no memory, say. */
  startsToFail = 0;
  readonly #network: Network | undefined;
  readonly #hotspots = new Set<Hotspot>();
  #station: Station | undefined;

  /** Without a network, only the radio is simulated. */
  constructor(clock: VirtualClock, network?: Network) {
    this.clock = clock;
    this.#network = network;
    this.connect(undefined);
  }

  /** What is not said is as at home: WPA2, channel 6, -60 dBm, an address within seconds. */
  add(differences: Partial<Hotspot> = {}): Hotspot {
    const bssid = `02:00:00:00:00:${(this.#hotspots.size + 1).toString(16).padStart(2, "0")}`;
    const hotspot = { bssid, ...HOME, ...differences };
    this.#hotspots.add(hotspot);
    return hotspot;
  }

  /** Switches an access point off. A station that is joined misses its beacons. */
  remove(hotspot: Hotspot): void {
    this.#hotspots.delete(hotspot);
    if (this.#station?.hotspot === hotspot) this.#station.lose(200);
  }

  /** An access point throws its station out: deauthenticated, because it leaves (3), unless told otherwise. */
  drop(hotspot: Hotspot, reason = 3): void {
    if (this.#station?.hotspot === hotspot) this.#station.lose(reason);
  }

  /** What the device has joined. */
  get joined(): Hotspot | undefined {
    return this.#station?.hotspot;
  }

  /** What phones see of the device. */
  get onAir(): Station["onAir"] {
    return this.#station?.onAir;
  }

  /** Those in reach, the strongest first. */
  audible(): Hotspot[] {
    return [...this.#hotspots]
      .filter(({ rssiDbm }) => rssiDbm >= AUDIBLE_DBM_MIN)
      .sort((a, b) => b.rssiDbm - a.rssiDbm);
  }

  /** The radio of a new life, in place of the one before. */
  enter(station: Station): void {
    this.#station?.fallSilent();
    this.#station = station;
  }

  /** The network that the station's packets get to, through this access point. */
  connect(hotspot: Hotspot | undefined): void {
    if (!this.#network) return;
    this.#network.portal = hotspot?.portal;
    this.#network.linkUp = hotspot !== undefined;
  }
}
