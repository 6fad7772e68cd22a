/**
 * The update port (embedded:update, mode "a"): esp_ota_begin, _write, _end and _set_boot_partition.
 *
 * Fault model: each erased sector and each programmed write is one durable operation, of the slot ("update") and of
 * the boot loader's record ("otadata"). From the begin of an update to its completion the running app has the only
 * record: that of the other slot goes first, so that nobody can roll back into what is being overwritten.
 */

import type { FlashPartition, Update, Updater } from "../../src/ports.js";
import { ESP_IMAGE_MAGIC } from "./esp-image.js";
import { SimFlashPartition } from "./flash.js";
import { bytesOf, type Life, throwClosed } from "./life.js";
import { eraseSector, program } from "./medium.js";
import { readMs, SECTOR_BYTES } from "./nor.js";
import {
  activeIndex,
  chooseSlot,
  eraseRecord,
  isBlank,
  OtaState,
  other,
  readOtadata,
  slotOf,
  writeRecord,
} from "./otadata.js";
import { isSlot, type Partition } from "./storage.js";

export class SimUpdater implements Updater {
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  /** The partition object may be closed afterwards. */
  open({ partition, mode = "a" }: { partition: FlashPartition; mode?: "a" }): SimUpdate {
    this.#life.assertAlive();
    if (!(partition instanceof SimFlashPartition)) throw new SyntaxError("C: xsGetHostChunk: invalid host data");
    const target = partition.target();
    if (!target.writable) throw new Error("read-only partition");
    if (mode !== "a") throw new RangeError("invalid mode");
    this.#begin(target.partition);
    return new SimUpdate(this.#life, target.partition);
  }

  #begin(slot: Partition): void {
    const { storage, running } = this.#life;
    if (!isSlot(slot) || slot.label === running) throw new Error("begin failed");
    const isPending = storage.stateOf(storage.partition(running)) === OtaState.PENDING_VERIFY;
    if (isPending) throw new Error("begin failed");
    const otadata = readOtadata(storage);
    const active = otadata && activeIndex(otadata);
    if (!otadata || active === undefined) return;
    const slots = storage.slots();
    const last = otadata[other(active)];
    if (!isBlank(last) && slots[slotOf(last, slots.length)]?.label !== running) {
      eraseRecord(this.#life, "otadata", other(active));
    }
  }
}

export class SimUpdate implements Update {
  readonly #life: Life;
  readonly #slot: Partition;
  #bytesWritten = 0;
  #state: "writing" | "complete" | "closed" = "writing";

  constructor(life: Life, slot: Partition) {
    this.#life = life;
    this.#slot = slot;
  }

  write(buffer: Uint8Array): void {
    this.#use();
    const bytes = bytesOf(buffer);
    if (bytes.length === 0) return;
    const end = this.#bytesWritten + bytes.length;
    if (end > this.#slot.size) throw new Error("write failed");
    // The IDF erases first and looks at the magic byte then.
    this.#eraseUpTo(end);
    if (this.#bytesWritten === 0 && bytes[0] !== ESP_IMAGE_MAGIC) throw new Error("write failed");

    program(this.#life, "update program", bytes, this.#slot.offset + this.#bytesWritten);
    this.#bytesWritten = end;
  }

  complete(): void {
    this.#use();
    this.#state = "complete";
    const { storage } = this.#life;
    if (this.#bytesWritten === 0) throw new Error("end failed");
    this.#life.spend(readMs(this.#slot.size)); // the whole image, whoever has written it; at most so much
    if (storage.problemOfApp(this.#slot)) throw new Error("end failed");
    const otadata = readOtadata(storage);
    if (!otadata) throw new Error("can't change boot partition");
    const slots = storage.slots();
    const slot = slots.findIndex(({ label }) => label === this.#slot.label);
    writeRecord(this.#life, "otadata", chooseSlot(otadata, slot, slots.length));
  }

  close(): void {
    this.#life.assertAlive();
    this.#state = "closed";
  }

  #eraseUpTo(end: number): void {
    const erased = Math.ceil(this.#bytesWritten / SECTOR_BYTES);
    for (let block = erased; block < Math.ceil(end / SECTOR_BYTES); block++) {
      eraseSector(this.#life, "update erase", this.#slot.offset + block * SECTOR_BYTES);
    }
  }

  #use(): void {
    this.#life.assertAlive();
    if (this.#state === "closed") throwClosed();
    if (this.#state === "complete") throw new Error("already complete");
  }
}
