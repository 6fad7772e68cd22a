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
import type { Network } from "../settings/networks.js";
import { Settings } from "../settings/settings.js";
import type { DurableRecord } from "../settings/stored-value.js";
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
import { Whereabouts } from "./whereabouts.js";
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
  mcu: { readonly identity: CloudIdentity; readonly template: { readonly name: string } | undefined };
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

/** Any server of the default cloud will do: the factory's test is of the way there. */
const TEST_PORT = 443;
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
  readonly #onFault = (detail: string) => this.#options.onNews({ kind: "fault", detail });

  constructor(options: OnlineOptions) {
    this.#options = options;
    const { clock, connectivity, record, updates } = options;
    const onFault = this.#onFault;
    this.settings = new Settings({
      record,
      random: options.random,
      isTokenOptional: connectivity.poll !== undefined,
      onFault,
    });
    this.#storeFirst(connectivity.firstNetwork);
    this.wallClock = new WallClock({
      clock,
      location: this.settings.location,
      onEvent: options.onWallClock,
      ...(connectivity.rtc ? { rtc: connectivity.rtc } : {}),
    });
    this.uplink = new Uplink({
      clock,
      transport: connectivity.cloud,
      tellsTime: () => connectivity.cloud.keepsTimes,
      wallTimeMs: () => this.wallClock.unixMs,
    });
    this.pins = new PinChanges(options.pins);
    this.offers = new StandingOffers({
      clock,
      crc32: options.crc32,
      record: record("offers"),
      desk: options.offers,
      updates,
      onNotTaken: (offer, reason) => this.onNotTaken(offer, reason),
      onFault,
    });
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
    const { template } = this.#options.mcu;
    const address = this.wifi.macBytes;
    if (!template || !address) return undefined;
    const vendor = this.settings.vendor.prefix ?? DEFAULT_VENDOR;
    const suffix = deviceSuffix(address, this.#options.crc32);
    return hotspotName({ vendor, templateName: template.name, suffix });
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
      server: () => ({ host: this.defaultHost, port: TEST_PORT }),
      // Only a device at the factory: a customer's must not lose its network to a test.
      isAllowed: () => this.lifecycle.initialized && !this.lifecycle.configured,
      accessPointName: () => this.hotspotName ?? "Ferry",
    });
  }

  #makeLifecycle(cloud: CloudLink): Lifecycle {
    const { clock, random, connectivity, announce, onProvisioned, onPhase } = this.#options;
    return new Lifecycle({
      clock,
      random,
      net: this.poll ? this.poll.alongWith(this.wifi) : this.wifi,
      cloud: new PortalWatch({
        clock,
        socket: connectivity.wifi.socket,
        cloud,
        host: () => this.#access()?.host,
      }),
      setup: connectivity.setup ?? NO_SETUP,
      settings: this.settings,
      onConfigErased: () => {
        this.#storeFirst(connectivity.firstNetwork);
        this.wallClock.setLocation(undefined);
      },
      announce,
      onProvisioned,
      onPhase,
    });
  }

  #makeCloudLink(transport: CloudTransport): CloudLink {
    const { clock, mcu, onCloudAccepted, onRebootAsked } = this.#options;
    const { uplink, pins, offers, settings, wallClock } = this;
    return new CloudLink({
      clock,
      transport,
      uplink,
      access: () => this.#access(),
      isOptional: this.#options.connectivity.poll !== undefined,
      mcu,
      pins,
      offers,
      whereabouts: new Whereabouts({ settings, wallClock, onFault: this.#onFault }),
      onAccepted: onCloudAccepted,
      onReboot: onRebootAsked,
      onReconfigure: () => this.lifecycle.startConfig(),
    });
  }

  #access(): CloudAccess | undefined {
    const { cloud } = this.settings;
    return cloud && { ...cloud, host: cloud.host ?? this.defaultHost };
  }
}
