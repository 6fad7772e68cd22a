/**
 * Ferry, put together: builds the parts from one options record and connects them. No part knows another's folder;
 * here their needs meet.
 */

import { type Crc32, crc32 as crc32InTypeScript } from "./base/crc.js";
import { messageOf } from "./base/failure.js";
import type { HttpPorts } from "./download/download-job.js";
import { Downloader } from "./download/downloader.js";
import type { WireClass, WireCounters } from "./frame/wire.js";
import type { Offer } from "./image/offer.js";
import { McuLink } from "./mcu/link.js";
import { Presence } from "./mcu/presence.js";
import { serveMcu } from "./mcu/service.js";
import { McuUpdateCalls } from "./mcu/update-calls.js";
import type { Clock, DigestClass, Directory, Io, KeyValue, SerialClass, System, TimerHandle } from "./ports.js";
import type { OutboxCounters } from "./rpc/outbox.js";
import { NcpState } from "./rpc/protocol.js";
import type { SessionCounters } from "./rpc/session.js";
import { ImageStore, type StagedImage } from "./store/image-store.js";
import type { SlotPorts } from "./store/passive-slot.js";
import { RecordSlot } from "./store/record-slot.js";
import { type UpdateNews, Updater } from "./update/updater.js";
import type { Verdict } from "./update/verdict.js";

export const FERRY_VERSION = "0.1.0";

const KEY_VALUE_DOMAIN = "ferry";

/**
 * An MCU that talks and does not initialize for so long has not noticed that Ferry restarted (Blynk's low-level example
 * and Zephyr hosts at the initial baud never do): it is offered what is pending. Arduino hosts need up to a minute.
 */
export const ADOPTION_MS = 90_000;

export interface NcpOptions {
  clock: Clock;
  serial: Io<SerialClass>;
  /** Another wire than the TypeScript one over `serial`. */
  Wire?: WireClass;
  initialBaud?: number;
  keyValue: KeyValue;
  /** `slot`: the way to the app slots, so that the passive one can take images that are too large for the files. */
  storage: { root: Directory; capacityBytes: number; slot?: SlotPorts };
  network: HttpPorts;
  Digest: DigestClass;
  /** Another CRC-32 than the one in TypeScript. */
  crc32?: Crc32;
  system: System;
  /** In [0, 1). */
  random(): number;
  onNews?(news: NcpNews): void;
}

/** What happens, as it happens. */
export type NcpNews =
  | UpdateNews
  | { readonly kind: "baud"; readonly baud: number }
  | { readonly kind: "initialized"; readonly template: string; readonly firmware: string }
  | { readonly kind: "mcu-lost" };

/** Everything that Ferry counts: users paste it into issues. */
export interface NcpCounters {
  readonly wire: WireCounters;
  readonly session: SessionCounters;
  readonly outbox: OutboxCounters;
}

export class Ncp {
  readonly #options: NcpOptions;
  readonly #link: McuLink;
  readonly #presence: Presence;
  readonly #images: ImageStore;
  readonly #updater: Updater<StagedImage>;
  #state: number = NcpState.NOT_INITIALIZED;
  #firmware = "";
  #adoptionTimer: TimerHandle;

  /** Starts at once: takes up what the last life left and listens to the MCU. */
  constructor(options: NcpOptions) {
    this.#options = options;
    const { clock, Digest, network } = options;
    const crc32 = options.crc32 ?? crc32InTypeScript;
    const domain = options.keyValue.open({ path: KEY_VALUE_DOMAIN, format: "buffer" });
    const { root: directory, ...sizeAndSlot } = options.storage;
    this.#images = new ImageStore({ directory, ...sizeAndSlot, domain, crc32 });
    this.#link = this.#makeLink();
    this.#presence = new Presence({
      clock,
      ping: () => {
        const ping = this.#link.session.invoke("mcu.ping", {}, () => ping.forget());
      },
      mayBeSilent: () => this.#updater.mcuMayBeSilent,
      onLost: () => this.#onMcuLost(),
    });
    this.#updater = new Updater<StagedImage>({
      clock,
      images: this.#images,
      downloads: new Downloader({ clock, network, Digest, crc32, random: options.random }),
      calls: new McuUpdateCalls(this.#link.session),
      record: new RecordSlot({ domain, name: "update", crc32 }),
      crc32,
      onNews: (news) => this.#tell(news),
    });
    this.#serve();
  }

  /** Offers firmware for the MCU. Says why not, or nothing when it was taken. */
  offer(offer: Offer): string | undefined {
    return this.#updater.offer(offer);
  }

  /** The state that the MCU is told (NcpState). */
  get state(): number {
    return this.#state;
  }

  get baud(): number {
    return this.#link.baud;
  }

  /** How the last update ended, in this life or an earlier one; `undefined` while one is under way. */
  get verdict(): Verdict | undefined {
    return this.#updater.state.verdict;
  }

  get counters(): NcpCounters {
    const { session } = this.#link;
    return { wire: this.#link.counters, session: session.counters, outbox: session.outboxCounters };
  }

  close(): void {
    this.#options.clock.clear(this.#adoptionTimer);
    this.#presence.stop();
    this.#updater.close();
    this.#images.close();
    this.#link.close();
  }

  #makeLink(): McuLink {
    const { clock, serial, Wire, initialBaud } = this.#options;
    return new McuLink({
      clock,
      serial,
      ...(Wire ? { Wire } : {}),
      ...(initialBaud ? { initialBaud } : {}),
      onBaud: (baud) => this.#tell({ kind: "baud", baud }),
      onHeard: () => this.#onHeard(),
      onFault: (call, error) => this.#tell({ kind: "fault", detail: `${call}: ${messageOf(error)}` }),
    });
  }

  #serve(): void {
    const updater = this.#updater;
    const link = this.#link;
    const ncp = this;
    serveMcu(link.session, {
      ncpVersion: FERRY_VERSION,
      get state() {
        return ncp.#state;
      },
      get digests() {
        return updater.digests;
      },
      reboot: () => link.afterDrain(() => this.#options.system.restart()),
      supportsBaud: (baud) => link.supportsBaud(baud),
      changeBaud: (baud) => link.changeBaud(baud),
      setFirmwareInfo: (firmware) => {
        this.#firmware = firmware.version;
        updater.onFirmwareInfo({ type: firmware.type, version: firmware.version, build: firmware.build });
      },
      forgetMcu: () => link.session.forgetPeer(),
      onInitialized: (template) => this.#onInitialized(template.id),
      startUpdate: (chunkBytes, valid, answer) => updater.onStart(chunkBytes, valid, answer),
      prefetchUpdate: (answer) => updater.onPrefetch(answer),
      suspendUpdate: (seconds) => updater.onSuspend(seconds),
    });
  }

  #onHeard(): void {
    this.#presence.heard();
    if (this.#state !== NcpState.NOT_INITIALIZED || this.#adoptionTimer !== undefined) return;
    this.#adoptionTimer = this.#options.clock.set(() => this.#updater.onMcuAdopted(), ADOPTION_MS);
  }

  #onInitialized(template: string): void {
    this.#options.clock.clear(this.#adoptionTimer);
    this.#adoptionTimer = undefined;
    this.#setState(NcpState.IDLE);
    this.#presence.watch();
    this.#tell({ kind: "initialized", template, firmware: this.#firmware });
    this.#updater.onMcuReady();
  }

  /** Silent, where a restarted MCU looks: no state is announced, for Zephyr hosts re-initialize on it for ever. */
  #onMcuLost(): void {
    this.#state = NcpState.NOT_INITIALIZED;
    this.#adoptionTimer = undefined; // none runs: the MCU had initialized
    this.#link.session.forgetPeer();
    this.#link.resetBaud();
    this.#updater.onMcuLost();
    this.#tell({ kind: "mcu-lost" });
  }

  /** Announced also when unchanged: an MCU that has just initialized knows nothing. */
  #setState(state: number): void {
    this.#state = state;
    this.#link.session.notify("client.blynkStateChange", { state });
  }

  #tell(news: NcpNews): void {
    this.#options.onNews?.(news);
  }
}
