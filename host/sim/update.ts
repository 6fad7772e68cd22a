/**
 * The update port (embedded:update, mode "a"): esp_ota_begin, _write, _end and _set_boot_partition.
 *
 * Fault model: each erased sector, each programmed write and the switch of the boot slot is one durable operation.
 * The switch is atomic: the bootloader's record lies in two sectors that are written in turn.
 */

import type { FlashPartition, Update, Updater } from "../../src/ports.js";
import { ESP_IMAGE_MAGIC } from "./esp-image.js";
import { eraseSector, SimFlashPartition } from "./flash.js";
import { bytesOf, type Life, throwClosed } from "./life.js";
import { PAGE_PROGRAM_MS, programMs, readMs, SECTOR_BYTES, SECTOR_ERASE_MS } from "./nor.js";
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
    if (!isSlot(target.partition) || target.partition.label === this.#life.running) throw new Error("begin failed");
    return new SimUpdate(this.#life, target.partition);
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

    const { chip, random } = this.#life.storage;
    const address = this.#slot.offset + this.#bytesWritten;
    this.#life.spend(programMs(address, bytes.length));
    this.#life.perform("update program", () => chip.program(bytes, address), chip.programTears(bytes, address, random));
    this.#bytesWritten = end;
  }

  complete(): void {
    this.#use();
    this.#state = "complete";
    const { storage } = this.#life;
    if (this.#bytesWritten === 0) throw new Error("end failed");
    this.#life.spend(readMs(this.#bytesWritten));
    if (storage.validateImage(storage.peek(this.#slot.label))) throw new Error("end failed");
    this.#life.spend(SECTOR_ERASE_MS + PAGE_PROGRAM_MS);
    this.#life.perform("update complete", () => storage.selectBootSlot(this.#slot.label));
  }

  close(): void {
    this.#life.assertAlive();
    this.#state = "closed";
  }

  #eraseUpTo(end: number): void {
    const erased = Math.ceil(this.#bytesWritten / SECTOR_BYTES);
    for (let block = erased; block < Math.ceil(end / SECTOR_BYTES); block++) {
      eraseSector(this.#life, "update erase", this.#slot, block);
    }
  }

  #use(): void {
    this.#life.assertAlive();
    if (this.#state === "closed") throwClosed();
    if (this.#state === "complete") throw new Error("already complete");
  }
}
