/**
 * Ferry, put together: builds the parts from one options record and connects them. No part knows another's folder;
 * here, and in the rooms of wiring/, their needs meet.
 */

import { type Crc32, crc32 as crc32InTypeScript } from "./base/crc.js";
import { messageOf } from "./base/failure.js";
import { Downloader } from "./download/downloader.js";
import type { Offer } from "./image/offer.js";
import { KeptBaud } from "./mcu/kept-baud.js";
import { McuLink } from "./mcu/link.js";
import { Presence } from "./mcu/presence.js";
import { McuRoom, SAFE_VALUE_BYTES } from "./mcu/room.js";
import { MCU_CALLS } from "./mcu/service.js";
import { McuUpdateCalls } from "./mcu/update-calls.js";
import { Panel } from "./panel/panel.js";
import type { KeyValueDomain } from "./ports.js";
import { NcpEvent, NcpState } from "./rpc/protocol.js";
import { ImageStore, type StagedImage } from "./store/image-store.js";
import { RecordSlot } from "./store/record-slot.js";
import { resetCauseOf } from "./update/self-recovery.js";
import type { SelfUpdater } from "./update/self-updater.js";
import { Updater } from "./update/updater.js";
import type { Verdict } from "./update/verdict.js";
import { Adoption } from "./wiring/adoption.js";
import { serveOnline } from "./wiring/mcu-calls.js";
import { McuCalls } from "./wiring/mcu-domain.js";
import { McuIdentity, type Template } from "./wiring/mcu-identity.js";
import { EVENT_BY_GESTURE, EVENT_BY_WALL_CLOCK, indicationOf, STATE_BY_PHASE } from "./wiring/mcu-words.js";
import { Online } from "./wiring/online.js";
import { FERRY_VERSION, type NcpCounters, type NcpNews, type NcpOptions } from "./wiring/options.js";
import { Restarts } from "./wiring/restarts.js";
import { makeSelfUpdater } from "./wiring/self-update.js";
import { UpdateDesk } from "./wiring/update-desk.js";

export { ADOPTION_GRACE_MS, ADOPTION_MS } from "./wiring/adoption.js";
export { FERRY_VERSION, type NcpCounters, type NcpNews, type NcpOptions } from "./wiring/options.js";
export { REBOOT_NOTICE_MS } from "./wiring/restarts.js";

const KEY_VALUE_DOMAIN = "ferry";

export class Ncp {
  readonly #options: NcpOptions;
  readonly #link: McuLink;
  readonly #room: McuRoom;
  readonly #presence: Presence;
  readonly #images: ImageStore;
  readonly #updater: Updater<StagedImage>;
  readonly #selfUpdater: SelfUpdater<StagedImage> | undefined;
  readonly #online: Online | undefined;
  readonly #panel: Panel | undefined;
  readonly #mcu: McuIdentity;
  readonly #desk: UpdateDesk;
  readonly #onFault = (detail: string) => this.#tell({ kind: "fault", detail });
  readonly #adoption: Adoption;
  readonly #restarts: Restarts;
  #initialized = false;

  /** Starts at once: takes up what the last life left and listens to the MCU. */
  constructor(options: NcpOptions) {
    this.#options = options;
    const { clock, version = FERRY_VERSION } = options;
    const crc32 = options.crc32 ?? crc32InTypeScript;
    const domain = options.keyValue.open({ path: KEY_VALUE_DOMAIN, format: "buffer" });
    const recordOf = (name: string) => new RecordSlot({ domain, name, crc32 });
    const { root: directory, ...sizeAndSlot } = options.storage;
    this.#images = new ImageStore({ directory, ...sizeAndSlot, domain, crc32 });
    this.#mcu = new McuIdentity({ ferryVersion: version, record: recordOf("mcu"), onFault: this.#onFault });
    this.#link = this.#makeLink(domain);
    this.#room = new McuRoom(this.#link.session);
    this.#presence = new Presence({
      clock,
      ping: () => this.#pingMcu(),
      mayBeSilent: () => this.#updater.mcuMayBeSilent,
      onLost: () => this.#onMcuLost(),
    });
    this.#updater = new Updater<StagedImage>({
      clock,
      images: this.#images,
      downloads: new Downloader({ ...options, crc32, record: recordOf("downloads") }),
      calls: new McuUpdateCalls(this.#link.session),
      record: recordOf("update"),
      crc32,
      onActivity: (activity) => this.#selfUpdater?.setActivity(activity),
      objectionTo: (offer, sha256) => this.#online?.offers.objectionTo(offer, sha256),
      onNews: (news) => this.#tell(news),
    });
    const parts = { version, crc32, recordOf, images: this.#images, updater: this.#updater };
    this.#selfUpdater = makeSelfUpdater(options, parts, {
      announce: () => this.#announce(),
      restart: (how) => this.#restarts.byOwnWill(how),
      askMcu: () => this.#pingMcu({ onSilence: () => this.#link.tryOtherBaud() }),
      objectionTo: (offer, sha256) => this.#online?.offers.objectionTo(offer, sha256),
      onNotTaken: (offer, reason) => this.#online?.onNotTaken(offer, reason),
      onNews: (news) => this.#tell(news),
    });
    this.#desk = new UpdateDesk({
      updater: this.#updater,
      selfUpdater: this.#selfUpdater,
      mcu: this.#mcu,
      version,
      ownType: options.selfUpdate?.firmwareType,
      images: this.#images,
      isDoubtful: (offer) => this.#online?.offers.isDoubtful(offer) ?? false,
    });
    this.#panel = this.#makePanel();
    this.#online = this.#makeOnline(crc32, recordOf);
    this.#restarts = this.#makeRestarts();
    this.#serve(version);
    this.#adoption = this.#makeAdoption();
    this.#adoption.begin();
    this.#showState();
    this.#online?.recallVerdicts();
    this.#selfUpdater?.setActivity(this.#updater.activity);
    this.#selfUpdater?.start();
    this.#rescueMcu();
  }

  /**
   * Offers firmware, for the MCU or for Ferry itself: the offer says which, by its target or its type, or else the
   * image does, once it is staged. `force`: also an older version of Ferry, or a build that was rolled back before.
   * Says why not, or nothing when it was taken.
   */
  offer(offer: Offer, { force = false }: { force?: boolean } = {}): string | undefined {
    return this.#desk.take(offer, force);
  }

  /** The cloud has accepted a login: one of the proofs that a new build of Ferry is any good. */
  onCloudAccepted(): void {
    this.#selfUpdater?.onCloudAccepted();
  }

  /** The state that the MCU is told (NcpState). */
  get state(): number {
    if (this.#selfUpdater?.isUpgrading) return NcpState.OTA_UPGRADE;
    if (!this.#initialized) return NcpState.NOT_INITIALIZED;
    return this.#online ? STATE_BY_PHASE[this.#online.lifecycle.phase] : NcpState.IDLE;
  }

  get baud(): number {
    return this.#link.baud;
  }

  /** How the MCU's last update ended, in this life or an earlier one; `undefined` while one is under way. */
  get verdict(): Verdict | undefined {
    return this.#updater.state.verdict;
  }

  /** The same of Ferry's own, and of offers whose image never came as far as to say whose it is. */
  get selfVerdict(): Verdict | undefined {
    return this.#selfUpdater?.state.verdict;
  }

  get counters(): NcpCounters {
    const { session } = this.#link;
    const poll = this.#online?.poll?.counters;
    return { wire: this.#link.counters, session: session.counters, outbox: session.outboxCounters, poll };
  }

  close(): void {
    this.#adoption.end();
    this.#presence.stop();
    this.#online?.close();
    this.#panel?.close();
    this.#updater.close();
    this.#selfUpdater?.close();
    this.#images.close();
    this.#link.close();
  }

  #makeLink(domain: KeyValueDomain): McuLink {
    const { clock, serial, Wire, initialBaud, system } = this.#options;
    return new McuLink({
      clock,
      serial,
      ...(Wire ? { Wire } : {}),
      ...(initialBaud ? { initialBaud } : {}),
      keptBaud: new KeptBaud({ domain, onFault: this.#onFault }),
      isWarmStart: resetCauseOf(system.resetReason?.() ?? "unknown") === "Ferry",
      onBaud: (baud) => this.#tell({ kind: "baud", baud }),
      onHeard: () => this.#onHeard(),
      onIdle: () => this.#online?.pins.pump(),
      onFault: (call, error) => this.#onFault(`${call}: ${messageOf(error)}`),
    });
  }

  #serve(version: string): void {
    const { session } = this.#link;
    const mcuCalls = new McuCalls({
      version,
      ncp: this,
      link: this.#link,
      room: this.#room,
      mcu: this.#mcu,
      updater: this.#updater,
      panel: this.#panel,
      restart: () => this.#restarts.forMcu(),
      onInitialized: (template) => this.#onInitialized(template),
    });
    const online = this.#online;
    if (online) {
      const factoryReset = () => {
        online.factoryReset();
        this.#selfUpdater?.onFactoryReset();
        this.#restarts.byOwnWill();
      };
      serveOnline(session, { online, room: this.#room, panel: this.#panel, ncp: this, factoryReset });
    }
    session.serve(MCU_CALLS, mcuCalls); // last, for pings are among them
  }

  #makeAdoption(): Adoption {
    return new Adoption({
      clock: this.#options.clock,
      mayBeSilent: () => this.#updater.mcuMayBeSilent,
      // Not in a trial, which the restart that follows from a Zephyr host would end.
      tellState: () => {
        const { state } = this;
        if (!this.#selfUpdater?.isProving) this.#link.session.notifyState(state);
      },
      lookForMcu: () => this.#searchMcu(),
      onAdopted: () => this.#onAdopted(),
    });
  }

  #makeRestarts(): Restarts {
    const { clock, system } = this.#options;
    return new Restarts({
      clock,
      system,
      link: this.#link,
      online: this.#online,
      isProving: () => this.#selfUpdater?.isProving ?? false,
      hasMcu: () => this.#initialized,
      mcuMayBeSilent: () => this.#updater.mcuMayBeSilent,
      tellMcu: () => this.#tellEvent(NcpEvent.NCP_REBOOTING),
      beginAnew: () => {
        this.#presence.stop();
        this.#onMcuLost();
        this.#online?.restart();
      },
    });
  }

  #makePanel(): Panel | undefined {
    const { clock, panel } = this.#options;
    if (!panel) return undefined;
    return new Panel({
      ...panel,
      clock,
      onGesture: (gesture) => {
        this.#tellEvent(EVENT_BY_GESTURE[gesture]);
        this.#tell({ kind: "gesture", gesture });
      },
      onResetConfig: () => this.#online?.lifecycle.resetConfig(),
      onRefused: this.#onFault,
    });
  }

  #makeOnline(crc32: Crc32, record: (name: string) => RecordSlot): Online | undefined {
    const { clock, connectivity, random, network } = this.#options;
    if (!connectivity) return undefined;
    const { session } = this.#link;
    return new Online({
      clock,
      crc32,
      random,
      record,
      connectivity,
      network,
      mcu: this.#mcu,
      pins: {
        mayDeliver: () => this.#initialized && session.canNotifySoon && this.#mcuListens,
        valueBytesMax: () => this.#room.valueBytesMax,
        valueBytesNow: () => (this.#updater.mcuAttention === "unsure" ? SAFE_VALUE_BYTES : this.#room.valueBytesMax),
        deliver: (vpin, value) => session.notify("client.blynkVPinChange", { vpin, value }),
      },
      announce: () => this.#announce(),
      onWallClock: (event) => this.#tellEvent(EVENT_BY_WALL_CLOCK[event]),
      onProvisioned: () => this.#tellEvent(NcpEvent.PROVISIONED),
      offers: this.#desk,
      updates: this.#desk,
      isProving: () => this.#selfUpdater?.isProving ?? false,
      onCloudAccepted: () => this.onCloudAccepted(),
      onRebootAsked: () => this.#restarts.ofBoth(),
      onPhase: (_, lastError) => this.#tell({ kind: "state", state: this.state, ...(lastError ? { lastError } : {}) }),
      onNews: (news) => this.#tell(news),
    });
  }

  /** Whether the MCU, or its boot loader, takes in now what is not part of an update. */
  get #mcuListens(): boolean {
    const attention = this.#updater.mcuAttention;
    return attention === "free" || (attention === "unsure" && this.#presence.isListening());
  }

  #onHeard(): void {
    this.#presence.heard();
    this.#online?.pins.pump();
    if (!this.#initialized) this.#adoption.onHeard();
  }

  #onInitialized(template: Template): void {
    this.#mcu.template = template;
    this.#takeMcu("initialized");
    this.#updater.onMcuReady();
    this.#selfUpdater?.onMcuAnswered();
    this.#mcu.keep();
  }

  /** The MCU goes on as if Ferry had never restarted, and so does Ferry. One that nobody knows gets what is pending. */
  #onAdopted(): void {
    if (this.#mcu.recall()) {
      const { type, version, build } = this.#mcu.firmware;
      this.#updater.onFirmwareInfo({ type, version, build });
      this.#takeMcu("mcu-recalled");
    }
    this.#updater.onMcuAdopted();
  }

  #takeMcu(kind: "initialized" | "mcu-recalled"): void {
    this.#adoption.end();
    this.#initialized = true;
    this.#link.settle();
    this.#room.settle();
    this.#presence.watch();
    this.#tell({ kind, template: this.#mcu.template?.id ?? "", firmware: this.#mcu.firmware.version });
    if (this.#online) this.#online.onMcuInitialized();
    else this.#announce();
  }

  /** Where it was before, and where it would begin. In its trial a new build of Ferry asks anyway, and more often. */
  #searchMcu(): void {
    if (!this.#mcu.isKnown || this.#selfUpdater?.isProving) return;
    const onSilence = () => this.#link.tryOtherBaud();
    this.#pingMcu({
      onSilence: () => {
        onSilence();
        this.#pingMcu({ onSilence });
      },
    });
  }

  #pingMcu({ onSilence = () => {} } = {}): void {
    const ping = this.#link.session.invoke("mcu.ping", {}, ({ kind }) => {
      ping.forget();
      if (kind === "timeout") onSilence();
      else this.#selfUpdater?.onMcuAnswered();
    });
  }

  /** Silent, where a restarted MCU looks: no state is announced, for Zephyr hosts re-initialize on it for ever. */
  #onMcuLost(): void {
    this.#initialized = false;
    this.#adoption.begin();
    this.#link.session.forgetPeer();
    this.#room.forget();
    this.#panel?.endMcuLife();
    this.#link.resetBaud();
    this.#online?.onMcuLost({ staysOnline: this.#updater.state.mcuGone === true });
    this.#updater.onMcuLost();
    this.#showState();
    this.#tell({ kind: "mcu-lost" });
  }

  /** An MCU that did not survive its update needs another image, and without Ferry nobody can bring it one. */
  #rescueMcu(): void {
    if (!this.#initialized && this.#updater.state.mcuGone) this.#online?.lifecycle.onMcuGone();
  }

  /** An MCU that has not initialized is left alone: a Zephyr host would begin to, for ever. */
  #announce(): void {
    this.#showState();
    if (this.#initialized) this.#link.session.notifyState(this.state);
  }

  #showState(): void {
    this.#panel?.show(indicationOf(this.state));
  }

  #tellEvent(event: number): void {
    if (this.#initialized) this.#link.session.notify("client.processEvent", { event });
  }

  #tell(news: NcpNews): void {
    this.#online?.onNews(news);
    if (news.kind === "verdict") this.#rescueMcu();
    this.#options.onNews?.(news);
  }
}
