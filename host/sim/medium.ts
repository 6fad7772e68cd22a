/**
 * Durable operations on the chip, for whoever performs them: a life of the device, or the boot loader before it.
 *
 * Fault model: each erased sector and each programmed range is one operation that a power cut may precede, tear or
 * follow (see power.ts), and charges its time.
 */

import { programMs, SECTOR_BYTES, SECTOR_ERASE_MS } from "./nor.js";
import type { Tears } from "./power.js";
import type { SimStorage } from "./storage.js";

export interface Medium {
  readonly storage: SimStorage;
  /** Charges time. */
  spend(durationMs: number): void;
  /** See Power.perform. */
  perform<T>(name: string, whole: () => T, tears?: Tears): T;
}

/** Erases the sector at this address as a durable operation of this name. */
export function eraseSector(medium: Medium, name: string, address: number): void {
  const { chip, random } = medium.storage;
  const sector = address / SECTOR_BYTES;
  medium.spend(SECTOR_ERASE_MS);
  const tear = () => chip.tearErase(sector, random);
  medium.perform(name, () => chip.erase(sector), { torn: tear, "erase-torn": tear });
}

/** Programs bytes as a durable operation of this name. Throws FlashMisuse where that would have to set a bit. */
export function program(medium: Medium, name: string, bytes: Uint8Array, address: number): void {
  const { chip, random } = medium.storage;
  chip.assertProgrammable(bytes, address);
  medium.spend(programMs(address, bytes.length));
  medium.perform(name, () => chip.program(bytes, address), chip.programTears(bytes, address, random));
}
