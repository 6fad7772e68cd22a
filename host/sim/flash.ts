/**
 * The flash port (embedded:storage/flash): raw partitions of the chip.
 *
 * Fault model: each write() and each erased block is one durable operation that a power cut may precede, tear or
 * follow. Programming flash that is not erased, and touching what belongs to the running program, to the boot loader,
 * to LittleFS or to NVS, throws FlashMisuse: the IDF aborts or data is lost there.
 */

import type { Flash, FlashPartition } from "../../src/ports.js";
import { bytesOf, type Life, throwClosed } from "./life.js";
import { eraseSector, program } from "./medium.js";
import { readMs, SECTOR_BYTES } from "./nor.js";
import { FILES_PARTITION, KEY_VALUE_PARTITION, type Partition } from "./storage.js";

export class SimFlash implements Flash {
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  /** Without a mode the SDK opens for reading and writing. */
  open({ path, mode = "r+" }: { path: string; mode?: "r" | "r+" }): SimFlashPartition {
    this.#life.assertAlive();
    const partition = this.#find(path);
    if (!partition) throw new Error("can't find partition");
    if (mode !== "r" && mode !== "r+") throw new Error("invalid mode");
    return new SimFlashPartition(this.#life, partition, mode === "r+");
  }

  /** The labels of all partitions, also of those that open() does not reach. */
  [Symbol.iterator](): Iterator<string> {
    this.#life.assertAlive();
    return this.#life.storage.partitions.map(({ label }) => label)[Symbol.iterator]();
  }

  #find(path: string): Partition | undefined {
    const { storage, running } = this.#life;
    if (path === "running") return storage.partition(running);
    if (path === "nextota") return storage.slotAfter(running);
    return storage.partitions.find(({ label, type }) => label === path && type === "data");
  }
}

export class SimFlashPartition implements FlashPartition {
  readonly #life: Life;
  readonly #partition: Partition;
  readonly #writable: boolean;
  #open = true;

  constructor(life: Life, partition: Partition, writable: boolean) {
    this.#life = life;
    this.#partition = partition;
    this.#writable = writable;
  }

  /** What the update port takes from a partition object. */
  target(): { partition: Partition; writable: boolean } {
    this.#use();
    return { partition: this.#partition, writable: this.#writable };
  }

  read(buffer: Uint8Array, offset: number): number {
    this.#use();
    const bytes = bytesOf(buffer);
    if (!this.#holds(offset, bytes.length)) throw new Error("read failed");
    this.#life.spend(readMs(bytes.length));
    this.#life.storage.chip.read(bytes, this.#partition.offset + offset);
    return bytes.length;
  }

  write(buffer: Uint8Array, offset: number): void {
    this.#useForWriting();
    const bytes = bytesOf(buffer);
    if (!this.#holds(offset, bytes.length)) throw new Error("write failed");
    this.#assertOwn("writing");
    program(this.#life, "flash program", bytes, this.#partition.offset + offset);
  }

  eraseBlock(first: number, end = first + 1): void {
    this.#useForWriting();
    const isRange = Number.isInteger(first) && Number.isInteger(end) && end >= first;
    if (!isRange || !this.#holds(first * SECTOR_BYTES, (end - first) * SECTOR_BYTES)) throw new Error("erase failed");
    this.#assertOwn("erasing");
    const { offset } = this.#partition;
    for (let block = first; block < end; block++) eraseSector(this.#life, "flash erase", offset + block * SECTOR_BYTES);
  }

  status(): { size: number; blockLength: number; blocks: number } {
    this.#use();
    const { size } = this.#partition;
    return { size, blockLength: SECTOR_BYTES, blocks: size / SECTOR_BYTES };
  }

  close(): void {
    this.#life.assertAlive();
    this.#open = false;
  }

  #use(): void {
    this.#life.assertAlive();
    if (!this.#open) throwClosed();
  }

  #useForWriting(): void {
    this.#use();
    if (!this.#writable) throw new Error("read-only");
  }

  #holds(offset: number, length: number): boolean {
    return Number.isInteger(offset) && offset >= 0 && offset + length <= this.#partition.size;
  }

  #assertOwn(doing: string): void {
    const { label } = this.#partition;
    const owner = new Map([
      [this.#life.running, "the running program"],
      [this.#life.storage.otadataPartition?.label, "the boot loader"],
      [FILES_PARTITION, "LittleFS"],
      [KEY_VALUE_PARTITION, "NVS"],
    ]).get(label);
    if (owner) this.#life.storage.chip.misuse(`${doing} partition ${label}, which belongs to ${owner}`);
  }
}
