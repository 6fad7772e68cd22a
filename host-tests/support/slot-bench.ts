/** A device whose files are few and whose app slots are larger: for suites about images in the passive slot. */

import { assert } from "chai";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { mountFiles } from "../../host/sim/files.js";
import { SimFlash } from "../../host/sim/flash.js";
import type { Life } from "../../host/sim/life.js";
import { SimSlots } from "../../host/sim/slots.js";
import type { Partition, SimStorage } from "../../host/sim/storage.js";
import type { ImageStore } from "../../src/store/image-store.js";
import type { SlotPorts } from "../../src/store/passive-slot.js";
import { SimBench } from "../ports/sim-bench.js";
import { makeContent, openStore, sameBytes } from "./image-bench.js";

export const SECTOR_BYTES = 4096;
export const SLOT_BYTES = 24 * SECTOR_BYTES;
/** Takes images of 8148 bytes. */
const FILES_BYTES = 16 * SECTOR_BYTES;

/** Ferry runs from the first slot. */
export const SLOT_TABLE: readonly Partition[] = Object.freeze([
  { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x4000 },
  { label: "otadata", type: "data", subtype: "ota", offset: 0xd000, size: 0x2000 },
  { label: "ota_0", type: "app", subtype: "ota_0", offset: 0x1_0000, size: SLOT_BYTES },
  { label: "ota_1", type: "app", subtype: "ota_1", offset: 0x3_0000, size: SLOT_BYTES },
  { label: "storage", type: "data", subtype: "littlefs", offset: 0x5_0000, size: FILES_BYTES },
]);

/** A slot with an app in it, and no byte erased behind that. */
export function makeAppSlot(index: number, sizeBytes = SLOT_BYTES): Uint8Array {
  const slot = makeContent(sizeBytes, 100 + index);
  slot.set(makeFerryImage({ version: `0.1.${index}`, bytes: 8192, seed: index }));
  return slot;
}

/** Puts an app into each slot: no sector of them is erased from the start. */
export function fillSlots(storage: SimStorage): void {
  for (const [index, { offset, size }] of storage.slots().entries()) {
    storage.chip.preset(makeAppSlot(index, size), offset);
  }
}

/** The app that runs, with the one before it in the other slot. */
export function makeSlotBench(partitions: readonly Partition[] = SLOT_TABLE): SimBench {
  const bench = new SimBench({ partitions });
  fillSlots(bench.storage);
  return bench;
}

export function slotPorts(life: Life): SlotPorts {
  return { flash: new SimFlash(life), slots: new SimSlots(life) };
}

export function openSlotStore(life: Life, ports: SlotPorts = slotPorts(life)): ImageStore {
  return openStore(life, mountFiles(life), ports);
}

/** Ferry's own app is what it was, and nobody misused the flash. */
export function assertFerryUnharmed({ storage, life: { running } }: SimBench): void {
  const index = storage.slots().findIndex(({ label }) => label === running);
  assert.isTrue(sameBytes(storage.peek(running), makeAppSlot(index)), "the running app is damaged");
  assert.deepEqual(storage.chip.misuses, []);
}

/** Keys of Ferry's records. */
export function keysOf(bench: SimBench): string[] {
  return [...(bench.storage.keyValues.domains.get("ferry")?.keys() ?? [])];
}
