/** What the MCU may ask of any Ferry, with a cloud or without: a room of ncp.ts. */

import type { Failure } from "../base/failure.js";
import type { McuLink } from "../mcu/link.js";
import type { McuRoom } from "../mcu/room.js";
import type { McuDomain } from "../mcu/service.js";
import type { Panel } from "../panel/panel.js";
import type { StagedImage } from "../store/image-store.js";
import type { Updater } from "../update/updater.js";
import type { McuFirmware, McuIdentity, Template } from "./mcu-identity.js";

export interface McuDomainParts {
  readonly version: string;
  readonly ncp: { readonly state: number };
  readonly link: McuLink;
  readonly room: McuRoom;
  readonly mcu: McuIdentity;
  readonly updater: Updater<StagedImage>;
  readonly panel: Panel | undefined;
  /** The MCU wants a fresh NCP. */
  restart(): void;
  onInitialized(template: Template): void;
}

export class McuCalls implements McuDomain {
  readonly #parts: McuDomainParts;

  constructor(parts: McuDomainParts) {
    this.#parts = parts;
  }

  get ncpVersion(): string {
    return this.#parts.version;
  }

  get state(): number {
    return this.#parts.ncp.state;
  }

  get digests(): McuDomain["digests"] {
    return this.#parts.updater.digests;
  }

  serves(uid: number): boolean {
    return this.#parts.link.session.serves(uid);
  }

  reboot(): void {
    this.#parts.link.afterDrain(() => this.#parts.restart());
  }

  supportsBaud(baud: number): boolean {
    return this.#parts.link.supportsBaud(baud);
  }

  changeBaud(baud: number): void {
    this.#parts.room.onComingUp();
    this.#parts.link.changeBaud(baud);
  }

  setFirmwareInfo(firmware: McuFirmware): void {
    const { type, version, build } = firmware;
    this.#parts.room.onComingUp();
    this.#parts.mcu.firmware = firmware;
    this.#parts.updater.onFirmwareInfo({ type, version, build });
  }

  /** What was owed to it or awaited from it, and how much it could take in: another firmware may be there now. */
  forgetMcu(): void {
    this.#parts.link.session.forgetPeer();
    this.#parts.room.onInitialize();
    this.#parts.panel?.endMcuLife();
  }

  onInitialized(template: Template): void {
    this.#parts.onInitialized(template);
  }

  startUpdate(chunkBytes: number, valid: boolean, answer: (ok: boolean) => void): void {
    if (valid) this.#parts.room.onChunkAsked(chunkBytes);
    this.#parts.updater.onStart(chunkBytes, valid, answer);
  }

  prefetchUpdate(answer: (failed: Failure | undefined) => void): void {
    this.#parts.updater.onPrefetch(answer);
  }

  suspendUpdate(seconds: number): void {
    this.#parts.updater.onSuspend(seconds);
  }
}
