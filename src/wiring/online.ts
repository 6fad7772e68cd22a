/**
 * What makes Ferry a device of a cloud: a room of ncp.ts, where settings, lifecycle, clock, network and cloud meet.
 *
 * Data flows one way through it: from the MCU's calls into settings, lifecycle and uplink; from network and cloud into
 * what the MCU is told.
 */

import type { Crc32 } from "../base/crc.js";
import type { FailureCode } from "../base/failure-code.js";
import type { CloudAccess, CloudIdentity, CloudTransport } from "../cloud/cloud.js";
import { Uplink } from "../cloud/uplink.js";
import type { HttpPorts } from "../download/fetcher.js";
import type { Offer } from "../image/offer.js";
import { Lifecycle, type LifecycleSetup } from "../lifecycle/lifecycle.js";
import type { Phase } from "../lifecycle/lifecycle-state.js";
import type { Clock } from "../ports.js";
import { DEFAULT_VENDOR, deviceSuffix, hotspotName } from "../provision/hotspot-name.js";
import { problemOf } from "../settings/fields.js";
import type { Network } from "../settings/networks.js";
import { Settings } from "../settings/settings.js";
import type { DurableRecord } from "../settings/stored-value.js";
import { LOCATION_FIELDS } from "../settings/values.js";
import { WallClock, type WallClockEvent } from "../time/wall-clock.js";
import { CloudLink } from "./cloud-link.js";
import type { ConnectivityOptions } from "./connectivity.js";
import type { NcpNews } from "./options.js";
import { PinChanges, type PinChangesOptions } from "./pin-changes.js";
import { PortalWatch } from "./portal-watch.js";
import { type OfferDesk, StandingOffers } from "./standing-offers.js";
import { UpdateNarrator, type UpdatesInView } from "./update-narrator.js";
import { UpdateReport } from "./update-report.js";
import { VendorPoll } from "./vendor-poll.js";
import { Wifi, type WifiPorts } from "./wifi.js";

/** Where Blynk's devices log in unless somebody said otherwise. */
export const DEFAULT_HOST = "blynk.cloud";

export interface OnlineOptions {
  clock: Clock;
  crc32: Crc32;
  random(): number;
  /** Opens the two-slot record of that name. */
  record(name: string): DurableRecord;
  connectivity: ConnectivityOptions;
  /** For the poll. */
  network: HttpPorts;
  /** What the MCU has named of itself. */
  identity(): CloudIdentity;
  templateName(): string | undefined;
  pins: PinChangesOptions;
  /** Tells the MCU the state. */
  announce(): void;
  onWallClock(event: WallClockEvent): void;
  onProvisioned(): void;
  offers: OfferDesk;
  updates: UpdatesInView;
  /** A new build of Ferry has to show that it can be updated again. */
  isProving(): boolean;
  /** It can: the cloud, or in its place the vendor's server, has answered. */
  onCloudAccepted(): void;
  /** The cloud asks for a restart. */
  onRebootAsked(): void;
  onPhase(phase: Phase, lastError: FailureCode | undefined): void;
  onNews(news: NcpNews): void;
}

const NO_SETUP: LifecycleSetup = Object.freeze({ open() {}, close() {} });

export class Online {
  readonly settings: Settings;
  readonly lifecycle: Lifecycle;
  readonly wallClock: WallClock;
  readonly uplink: Uplink;
  readonly pins: PinChanges;
  /** Where offers go that come by themselves. */
  readonly offers: StandingOffers;
  readonly wifi: Wifi;
  /** Absent where no server is polled. */
  readonly poll: VendorPoll | undefined;
  readonly #options: OnlineOptions;
  readonly #report: UpdateReport;
  readonly #narrator: UpdateNarrator;

  constructor(options: OnlineOptions) {
    this.#options = options;
    const { clock, connectivity, record, updates } = options;
    const onFault = (detail: string) => this.#onFault(detail);
    this.settings = new Settings({
      record,
      random: () => options.random(),
      isTokenOptional: connectivity.poll !== undefined,
      onFault,
    });
    this.#storeFirst(connectivity.firstNetwork);
    this.wallClock = new WallClock({
      clock,
      location: this.settings.location,
      onEvent: (event) => options.onWallClock(event),
      ...(connectivity.rtc ? { rtc: connectivity.rtc } : {}),
    });
    this.uplink = new Uplink({
      clock,
      transport: connectivity.cloud,
      tellsTime: () => connectivity.cloud.keepsTimes,
      wallTimeMs: () => this.wallClock.unixMs,
    });
    this.pins = new PinChanges(options.pins);
    const cloud = this.#makeCloudLink(connectivity.cloud);
    this.#report = new UpdateReport({
      clock,
      transport: connectivity.cloud,
      uplink: this.uplink,
      target: connectivity.report ?? {},
      record: record("report"),
      onFault,
    });
    this.#narrator = new UpdateNarrator(this.#report, updates);
    this.offers = new StandingOffers({
      clock,
      crc32: options.crc32,
      record: record("offers"),
      desk: options.offers,
      updates,
      onNotTaken: (offer, reason) => this.onNotTaken(offer, reason),
      onFault,
    });
    connectivity.date?.listen((unixMs) => this.wallClock.setNetworkTime(unixMs));
    this.wifi = this.#makeWifi(connectivity.wifi);
    const hasCloud = () => this.settings.cloud !== undefined;
    const { poll } = connectivity;
    this.poll = poll && new VendorPoll({ ...options, poll, hasCloud, offers: this.offers });
    this.lifecycle = this.#makeLifecycle(cloud);
  }

  onMcuInitialized(): void {
    this.uplink.onMcuRestarted();
    this.pins.keepLast();
    this.lifecycle.onMcuInitialized();
    this.wallClock.onMcuReady();
  }

  /** What the updates of the MCU and of Ferry itself tell. */
  onNews(news: NcpNews): void {
    this.offers.onNews(news);
    this.#narrator.onNews(news);
  }

  /** An offer that came by itself is left alone. */
  onNotTaken(offer: Offer, reason: string): void {
    this.#options.onNews({ kind: "not-taken", offer, reason });
    this.#narrator.onNotTaken(offer, reason);
  }

  /** Verdicts that an earlier life had no time to note and to report. */
  recallVerdicts(): void {
    const { mcu, own } = this.#options.updates;
    for (const { offer, verdict } of [mcu, own]) if (offer && verdict) this.offers.recall(offer, verdict);
    this.#narrator.recallVerdicts();
  }

  /** `staysOnline`: an update may have cost it its life, and the cloud has the next one. */
  onMcuLost({ staysOnline }: { staysOnline: boolean }): void {
    this.wifi.tests.stop();
    this.pins.clear();
    if (!staysOnline) this.lifecycle.onMcuLost();
    this.wallClock.onMcuLost();
  }

  /** `undefined` before the MCU has named its template, and while the radio has not told what makes the name unique. */
  get hotspotName(): string | undefined {
    const templateName = this.#options.templateName();
    const address = this.wifi.macBytes;
    if (templateName === undefined || !address) return undefined;
    const vendor = this.settings.vendor.prefix ?? DEFAULT_VENDOR;
    const suffix = deviceSuffix(address, this.#options.crc32);
    return hotspotName({ vendor, templateName, suffix });
  }

  /** Where factory tests and logins go without settings that say otherwise. */
  get defaultHost(): string {
    return this.settings.vendor.server ?? this.#options.connectivity.defaultHost ?? DEFAULT_HOST;
  }

  /** False when it cannot be stored. MCUs repeat it whenever they start: only another host than before is news. */
  setVendorServer(host: string): boolean {
    const before = this.#access()?.host;
    const problem = this.settings.saveVendorServer(host);
    if (problem === undefined && this.#access()?.host !== before) this.lifecycle.onPlaceChanged();
    return problem === undefined;
  }

  /** Everything but the images; the restart that has to follow makes a new device of it. */
  factoryReset(): void {
    this.settings.notePlannedBoot();
    this.lifecycle.close(); // else the cloud goes on telling what is being forgotten
    this.settings.factoryReset();
  }

  /** As after a start. */
  restart(): void {
    this.#storeFirst(this.#options.connectivity.firstNetwork);
    this.lifecycle.restart();
    this.uplink.forget();
    this.wallClock.setLocation(this.settings.location);
  }

  close(): void {
    this.lifecycle.close();
    this.poll?.close();
    this.wifi.tests.stop();
    this.wallClock.close();
    this.offers.close();
    this.#report.close();
    this.uplink.close();
  }

  #storeFirst(network: Network | undefined): void {
    if (!network || this.settings.networks.length > 0) return;
    const problem = this.settings.saveNetwork(network);
    if (problem) this.#onFault(`the product's own network was not stored: ${problem}`);
  }

  #makeWifi(ports: WifiPorts): Wifi {
    const { settings } = this;
    return new Wifi({
      ...ports,
      clock: this.#options.clock,
      networks: () => settings.networks,
      onJoined: (ssid) => settings.noteNetworkUsed(ssid),
      defaultHost: () => this.defaultHost,
      // Only a device at the factory: a customer's must not lose its network to a test.
      mayTest: () => this.lifecycle.initialized && !this.lifecycle.configured,
      hotspotName: () => this.hotspotName,
    });
  }

  #makeLifecycle(cloud: CloudLink): Lifecycle {
    const { clock, random, connectivity, announce, onProvisioned, onPhase } = this.#options;
    const { settings, wallClock } = this;
    return new Lifecycle({
      clock,
      random: () => random(),
      net: this.poll ? this.poll.alongWith(this.wifi.net) : this.wifi.net,
      cloud: new PortalWatch({
        clock,
        socket: connectivity.wifi.socket,
        cloud,
        host: () => this.#access()?.host,
      }),
      setup: connectivity.setup ?? NO_SETUP,
      settings: {
        get configured() {
          return settings.configured;
        },
        get revision() {
          return settings.revision;
        },
        get skips() {
          return settings.skips;
        },
        storeSkips: (skips) => settings.storeSkips(skips),
        commit: () => settings.commit(),
        dropCandidate: () => settings.dropCandidate(),
        eraseConfig: () => {
          settings.eraseConfig();
          this.#storeFirst(connectivity.firstNetwork);
          wallClock.setLocation(undefined);
        },
      },
      announce: () => announce(),
      onProvisioned: () => onProvisioned(),
      onPhase: (phase, lastError) => onPhase(phase, lastError),
    });
  }

  #makeCloudLink(transport: CloudTransport): CloudLink {
    const { clock, identity, onCloudAccepted, onRebootAsked } = this.#options;
    return new CloudLink({
      clock,
      transport,
      uplink: this.uplink,
      access: () => this.#access(),
      isOptional: this.#options.connectivity.poll !== undefined,
      identity: () => identity(),
      onAccepted: () => onCloudAccepted(),
      news: {
        onPin: (vpin, value) => this.pins.add(vpin, value),
        onOffer: (offer) => this.offers.take(offer),
        onTime: ({ timeMs, zoneName, posixTz }) => {
          if (timeMs !== undefined) this.wallClock.setCloudTime(timeMs);
          if (zoneName !== undefined || posixTz !== undefined) this.#learnLocation({ olsonId: zoneName, posixTz });
        },
        onLocation: (latitude, longitude) => this.#learnLocation({ latitude, longitude }),
        onMetadata: () => {}, // for Edgent's own settings; no call of the protocol takes it to the MCU
        onReboot: () => onRebootAsked(),
        onReconfigure: () => this.lifecycle.startConfig(),
      },
    });
  }

  #access(): CloudAccess | undefined {
    const { cloud } = this.settings;
    return cloud && { ...cloud, host: cloud.host ?? this.defaultHost };
  }

  /**
   * Kept before it is used: the MCU may ask for it in the next life. The cloud tells it in parts, and one that has no
   * room must not cost the others.
   */
  #learnLocation(part: {
    latitude?: string;
    longitude?: string;
    olsonId?: string | undefined;
    posixTz?: string | undefined;
  }): void {
    const known = this.wallClock.readLocation();
    const location = {
      latitude: part.latitude ?? known.latitude,
      longitude: part.longitude ?? known.longitude,
      olsonId: part.olsonId ?? known.olsonId,
      posixTz: part.posixTz ?? known.posixTz,
    };
    const flaw = problemOf(LOCATION_FIELDS, location);
    if (flaw) return this.#onFault(`the cloud's location is not used: ${flaw}`);
    const problem = this.settings.saveLocation(location);
    if (problem) this.#onFault(`the location was not stored: ${problem}`);
    const wrong = this.wallClock.setLocation(location);
    if (wrong) this.#onFault(`the cloud's time zone ${wrong}`);
  }

  #onFault(detail: string): void {
    this.#options.onNews({ kind: "fault", detail });
  }
}
