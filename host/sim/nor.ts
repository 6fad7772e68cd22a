/**
 * A NOR flash chip: programming only clears bits, erasing sets a whole sector.
 *
 * Strict on purpose. A real chip silently ANDs when it is programmed without an erase; here that is a FlashMisuse,
 * because it is always a bug of the caller. Every misuse is also kept in `misuses`, so that an oracle sees it when
 * the code under test swallowed the exception.
 *
 * Faults: a torn program leaves a prefix, with or without a half-programmed byte after it, or all bytes of which the
 * last ones are half programmed; a torn erase leaves a sector with some bits set and some not. They draw from the
 * seeded Random given.
 */

import type { Tears } from "./power.js";
import type { Random } from "./random.js";

export const SECTOR_BYTES = 4096;
export const PAGE_BYTES = 256;

/** Typical figures of the 4 MB chips on ESP32 modules; nobody has measured a board for them yet. */
export const SECTOR_ERASE_MS = 45;
export const PAGE_PROGRAM_MS = 0.7;
export const READ_MS_PER_KIB = 0.02;

const ERASED = 0xff;

/** What the chip has gone through: the figures that its lifetime depends on. */
export interface Wear {
  bytesProgrammed: number;
  /** Erases of each sector, by sector number. */
  readonly sectorErases: Uint32Array;
}

/** A use of the flash that destroys or never stored data on a real chip: a bug in the code under test. */
export class FlashMisuse extends Error {
  override readonly name = "FlashMisuse";
}

/** How long programming takes: every page that the range touches costs one page program. */
export function programMs(address: number, length: number): number {
  if (length === 0) return 0;
  const pages = Math.floor((address + length - 1) / PAGE_BYTES) - Math.floor(address / PAGE_BYTES) + 1;
  return pages * PAGE_PROGRAM_MS;
}

export function readMs(length: number): number {
  return (length / 1024) * READ_MS_PER_KIB;
}

export function sectorErasesTotal(wear: Wear): number {
  let total = 0;
  for (const erases of wear.sectorErases) total += erases;
  return total;
}

export class NorChip {
  readonly sizeBytes: number;
  readonly wear: Wear;
  readonly misuses: string[] = [];
  /** Sectors that hold anything but erased bytes. */
  readonly #sectors = new Map<number, Uint8Array>();

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.wear = { bytesProgrammed: 0, sectorErases: new Uint32Array(Math.ceil(sizeBytes / SECTOR_BYTES)) };
  }

  read(into: Uint8Array, address: number): void {
    eachSector(address, into.length, (number, offset, done, count) => {
      const sector = this.#sectors.get(number);
      if (sector) into.set(sector.subarray(offset, offset + count), done);
      else into.fill(ERASED, done, done + count);
    });
  }

  /** Throws FlashMisuse when programming these bytes would have to set a bit. */
  assertProgrammable(bytes: Uint8Array, address: number): void {
    eachSector(address, bytes.length, (number, offset, done, count) => {
      const sector = this.#sectors.get(number);
      if (!sector) return;
      for (let i = 0; i < count; i++) {
        const from = sector[offset + i] as number;
        const to = bytes[done + i] as number;
        if ((from & to) === to) continue;
        const at = hex(address + done + i);
        this.misuse(`programming address ${at} from ${hex(from)} to ${hex(to)}: its sector is not erased`);
      }
    });
  }

  program(bytes: Uint8Array, address: number): void {
    this.assertProgrammable(bytes, address);
    this.preset(bytes, address);
    this.wear.bytesProgrammed += bytes.length;
  }

  /** What a power cut during program() leaves. */
  tearProgram(bytes: Uint8Array, address: number, random: Random): void {
    if (bytes.length === 0) return;
    const whole = random.below(bytes.length);
    const stored = new Uint8Array(1);
    this.read(stored, address + whole);
    const torn = bytes.slice(0, whole + 1);
    torn[whole] = (stored[0] as number) & ((torn[whole] as number) | random.below(256));
    this.program(torn, address);
  }

  /** The ways in which a power cut can tear program(). */
  programTears(bytes: Uint8Array, address: number, random: Random): Tears {
    return {
      torn: () => this.tearProgram(bytes, address, random),
      "torn-prefix": () => this.program(bytes.subarray(0, random.below(bytes.length)), address),
      "torn-bits": () => this.#programHalf(bytes, address, random),
    };
  }

  #programHalf(bytes: Uint8Array, address: number, random: Random): void {
    if (bytes.length === 0) return;
    const stored = new Uint8Array(bytes.length);
    this.read(stored, address);
    const firstHalf = random.below(bytes.length);
    const torn = bytes.map((byte, at) => (at < firstHalf ? byte : (stored[at] as number) & (byte | random.below(256))));
    this.program(torn, address);
  }

  erase(sector: number): void {
    this.#sectors.delete(sector);
    this.wear.sectorErases[sector] = (this.wear.sectorErases[sector] ?? 0) + 1;
  }

  /** What a power cut during erase() leaves. */
  tearErase(sector: number, random: Random): void {
    const halfErased = this.#sectors.get(sector)?.map((stored) => stored | random.below(256));
    this.erase(sector);
    if (halfErased) this.#sectors.set(sector, halfErased);
  }

  /** Replaces the content as a programmer at the bench does: outside all wear, time and rules. */
  preset(bytes: Uint8Array, address: number): void {
    eachSector(address, bytes.length, (number, offset, done, count) => {
      const sector = this.#sectors.get(number) ?? new Uint8Array(SECTOR_BYTES).fill(ERASED);
      sector.set(bytes.subarray(done, done + count), offset);
      this.#sectors.set(number, sector);
    });
  }

  /** Records a bug of the code under test and throws it. */
  misuse(what: string): never {
    const message = `flash misuse: ${what}`;
    this.misuses.push(message);
    throw new FlashMisuse(message);
  }
}

/** Visits a range by the sectors that it touches. */
function eachSector(
  address: number,
  length: number,
  visit: (sector: number, offset: number, done: number, count: number) => void,
): void {
  for (let done = 0; done < length; ) {
    const offset = (address + done) % SECTOR_BYTES;
    const count = Math.min(length - done, SECTOR_BYTES - offset);
    visit(Math.floor((address + done) / SECTOR_BYTES), offset, done, count);
    done += count;
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
