/**
 * How often an image is downloaded as a whole: Blynk's file server hands one out three times in 24 hours, and then
 * refuses. What goes on where an earlier download ended does not count; what begins at byte 0 does, at the moment when
 * its first bytes are announced, and durably so before one of them is taken.
 *
 * There is no clock on the wall, so time is time that Ferry is up, which never runs ahead of it. Once the bound is
 * reached, the next download waits until WINDOW_MS have passed since the last one began; only then are all forgotten.
 * So no 24 hours ever see more than the bound, and no image waits longer than that. In a record of its own, because an
 * image and its record may be evicted, or lost with the file system:
 *
 *   entry, the oldest first | u32 content | u8 downloads | u32 seconds since the last |
 *
 * Fault model: power cut anywhere (time since the last write is lost, so the wait becomes longer; an answer whose head
 * did not arrive is not counted), record absent or damaged (nothing is remembered; a cut damages one slot of two). Contents beyond ENTRIES_MAX: the
 * one whose last download is longest ago is forgotten.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Crc32 } from "../base/crc.js";
import { encodeUtf8 } from "../base/utf8.js";
import { nameOfShipment, type Offer } from "../image/offer.js";
import type { Clock } from "../ports.js";

/** As Blynk's file server has it, for each device and shipment. */
export const WHOLE_DOWNLOADS_MAX = 3;
export const WINDOW_MS = 24 * 3_600_000;
/** While a download waits, so often the time becomes durable: 288 small records for a whole wait. */
export const KEEP_TIME_MS = 5 * 60_000;

const ENTRIES_MAX = 8;
const ENTRY_BYTES = 9;

export interface BudgetRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  /** Durable when it returns; throws when the store does. */
  write(body: Uint8Array): void;
}

export interface DownloadBudgetOptions {
  clock: Clock;
  crc32: Crc32;
  record: BudgetRecord;
  /** Another bound than WHOLE_DOWNLOADS_MAX, for other servers. */
  wholeDownloadsMax?: number;
}

interface Entry {
  readonly content: number;
  readonly downloads: number;
  /** By this life's clock: before its begin for what an earlier life did. */
  readonly lastMs: number;
}

export class DownloadBudget {
  readonly #options: DownloadBudgetOptions;
  /** The oldest first. */
  #entries: readonly Entry[];

  /** Takes up what the last life counted. */
  constructor(options: DownloadBudgetOptions) {
    this.#options = options;
    this.#entries = this.#recall();
  }

  get downloadsMax(): number {
    return this.#options.wholeDownloadsMax ?? WHOLE_DOWNLOADS_MAX;
  }

  /** How long until this content may be downloaded as a whole again; 0 for now. */
  waitMs(offer: Offer): number {
    const entry = this.#live().find(({ content }) => content === this.#contentOf(offer));
    return entry && entry.downloads >= this.downloadsMax ? entry.lastMs + WINDOW_MS - this.#options.clock.now() : 0;
  }

  /** A whole download of this content begins. Durable when it returns; throws, and counts nothing, when the store does. */
  spend(offer: Offer): void {
    const content = this.#contentOf(offer);
    const live = this.#live();
    const downloads = 1 + (live.find((entry) => entry.content === content)?.downloads ?? 0);
    const others = live.filter((entry) => entry.content !== content);
    const entry = { content, downloads: Math.min(0xff, downloads), lastMs: this.#options.clock.now() };
    this.#save([...others, entry].slice(-ENTRIES_MAX));
  }

  /** Makes the time that has passed durable: a power cut costs none of it. */
  keepTime(): void {
    this.#save(this.#live());
  }

  /** What still counts. */
  #live(): Entry[] {
    const nowMs = this.#options.clock.now();
    return this.#entries.filter(({ lastMs }) => nowMs - lastMs < WINDOW_MS);
  }

  #save(entries: readonly Entry[]): void {
    const nowMs = this.#options.clock.now();
    const writer = new ByteWriter(ENTRIES_MAX * ENTRY_BYTES);
    for (const { content, downloads, lastMs } of entries) {
      writer.u32(content);
      writer.u8(downloads);
      writer.u32(Math.floor((nowMs - lastMs) / 1000));
    }
    this.#options.record.write(writer.copy());
    this.#entries = entries;
  }

  #recall(): Entry[] {
    const { clock, record } = this.#options;
    const stored = record.read();
    if (stored.kind !== "valid") return [];
    const reader = new ByteReader(stored.body);
    const entries: Entry[] = [];
    while (reader.remaining >= ENTRY_BYTES && entries.length < ENTRIES_MAX) {
      const content = reader.u32();
      const downloads = reader.u8();
      entries.push({ content, downloads, lastMs: clock.now() - 1000 * reader.u32() });
    }
    return entries;
  }

  /** Its digest where the offer has one, else what no new token and no new path can change (image/offer.ts). */
  #contentOf(offer: Offer): number {
    const digest = offer.sha256 ?? offer.md5;
    return this.#options.crc32(encodeUtf8(digest?.toLowerCase() ?? nameOfShipment(offer)));
  }
}
