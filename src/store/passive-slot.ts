/**
 * The app slot that Ferry does not run from, as a place for bytes.
 *
 * Invariants: no sector is erased unless the slot is free at that very moment, so that a rollback, or an update of
 * Ferry itself, never loses what it needs; and the running slot is never opened at all.
 */

import type { Flash, FlashPartition, Slots } from "../ports.js";

export const SECTOR_BYTES = 4096;
export const PAGE_BYTES = 256;

export interface SlotPorts {
  readonly flash: Flash;
  readonly slots: Slots;
}

/** Which slot it is: enough to see that another one is meant by now. */
export interface SlotName {
  readonly label: string;
  readonly sizeBytes: number;
}

export class PassiveSlot {
  readonly #ports: SlotPorts;
  #partition: FlashPartition | undefined;

  constructor(ports: SlotPorts) {
    this.#ports = ports;
  }

  /** `undefined` when there is none. */
  get name(): SlotName | undefined {
    const label = this.#ports.slots.passiveLabel();
    return label === undefined ? undefined : { label, sizeBytes: this.#open().status().size };
  }

  get isFree(): boolean {
    return this.#ports.slots.passiveIsFree();
  }

  read(buffer: Uint8Array, offset: number): void {
    this.#open().read(buffer, offset);
  }

  /** The place must be erased, and the sector have been erased by this class. */
  write(buffer: Uint8Array, offset: number): void {
    this.#open().write(buffer, offset);
  }

  /** About 45 ms. Throws when the slot is not free. */
  eraseSector(index: number): void {
    if (!this.isFree)
      throw new Error("the passive app slot is needed by Ferry itself until its own update is confirmed");
    this.#open().eraseBlock(index, index + 1);
  }

  close(): void {
    this.#partition?.close();
    this.#partition = undefined;
  }

  #open(): FlashPartition {
    if (this.#ports.slots.passiveLabel() === undefined) throw new Error("there is no passive app slot");
    this.#partition ??= this.#ports.flash.open({ path: "nextota" });
    return this.#partition;
  }
}
