/**
 * What the `nvs` partition holds in every life: domains of blobs, and the NVS of the ESP-IDF's way of counting space
 * and wear over them.
 *
 * Model: 32-byte entries, 126 to a page of 4096 bytes, one page always kept free for moving things. A blob takes an
 * index entry, a header entry and its data; a new version is written before the old one is dropped. Entries are
 * programmed in turn through all pages, and each page that is begun again costs an erase; the copying of live
 * entries meanwhile is not counted.
 */

import { programMs, SECTOR_ERASE_MS, type Wear } from "./nor.js";

const ENTRY_BYTES = 32;
const ENTRIES_PER_PAGE = 126;
/** A domain takes one entry for its name. */
export const DOMAIN_ENTRIES = 1;
const BLOB_OVERHEAD_ENTRIES = 2;

/** What the partition holds, in every life. */
export class NvsImage {
  readonly domains = new Map<string, Map<string, Uint8Array>>();
  readonly #wear: Wear;
  readonly #sectors: { first: number; count: number };
  #entriesProgrammed = 0;

  constructor(wear: Wear, sectors: { first: number; count: number }) {
    this.#wear = wear;
    this.#sectors = sectors;
  }

  get entriesTotal(): number {
    return (this.#sectors.count - 1) * ENTRIES_PER_PAGE;
  }

  entriesUsed(): number {
    let used = 0;
    for (const domain of this.domains.values()) {
      used += DOMAIN_ENTRIES;
      for (const value of domain.values()) used += blobEntries(value.length);
    }
    return used;
  }

  assertSpace(entries: number): void {
    if (this.entriesUsed() + entries > this.entriesTotal) throw new Error("ESP_ERR_NVS_NOT_ENOUGH_SPACE");
  }

  /** Counts the wear of programming so many entries, and returns how long it takes. */
  program(entries: number): number {
    let durationMs = programMs(0, entries * ENTRY_BYTES);
    this.#wear.bytesProgrammed += entries * ENTRY_BYTES;
    const pageOf = (entry: number) => Math.floor(entry / ENTRIES_PER_PAGE);
    const pageBefore = pageOf(this.#entriesProgrammed);
    this.#entriesProgrammed += entries;
    for (let page = pageBefore + 1; page <= pageOf(this.#entriesProgrammed); page++) {
      if (page < this.#sectors.count) continue;
      const sector = this.#sectors.first + (page % this.#sectors.count);
      this.#wear.sectorErases[sector] = (this.#wear.sectorErases[sector] ?? 0) + 1;
      durationMs += SECTOR_ERASE_MS;
    }
    return durationMs;
  }
}

/** Entries that a value of this length takes. */
export function blobEntries(length: number): number {
  return BLOB_OVERHEAD_ENTRIES + Math.ceil(length / ENTRY_BYTES);
}
