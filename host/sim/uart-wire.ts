/**
 * What happens to bytes between two UARTs: when each one is on the wire, and what disturbs it there.
 *
 * A run is any number of bytes that follow each other without a gap, so that the time of every byte is exact although
 * nothing is done byte by byte. Disturbances take a run apart only where they strike. All chance comes from the
 * line's seed, and every fault that struck is counted.
 */

import type { Random } from "./random.js";

/** 8N1: start bit, eight data bits, stop bit. */
export const BITS_PER_BYTE = 10;

/** How far apart two bauds may be before bytes break. */
export const BAUD_TOLERANCE = 0.025;

/** A thousandth of a byte's time: far above the rounding of times, far below anything that matters. */
const SLACK_BYTES = 1e-3;

/** Byte `i` has its start bit at `startMs + i * byteMs` and has arrived at `startMs + (i + 1) * byteMs`. */
export interface WireRun {
  readonly bytes: Uint8Array;
  readonly startMs: number;
  readonly byteMs: number;
  /** The sender's. */
  readonly baud: number;
}

/** How long one byte takes on the wire. */
export function byteMsAt(baud: number): number {
  return (BITS_PER_BYTE * 1000) / baud;
}

/** When the last bit of the run is out. */
export function runEndMs(run: WireRun): number {
  return run.startMs + run.bytes.length * run.byteMs;
}

/** How many bytes of the run have arrived whole. */
export function arrivedBy(run: WireRun, atMs: number): number {
  const count = Math.floor((atMs - run.startMs) / run.byteMs + SLACK_BYTES);
  return Math.max(0, Math.min(run.bytes.length, count));
}

/** How many bytes of the run had their start bit before that moment. */
export function startedBefore(run: WireRun, atMs: number): number {
  const count = Math.ceil((atMs - run.startMs) / run.byteMs - SLACK_BYTES);
  return Math.max(0, Math.min(run.bytes.length, count));
}

/** How many of the bytes that end together at `endMs` have not had their start bit yet. */
export function unstartedBefore(endMs: number, byteMs: number, atMs: number): number {
  return Math.max(0, Math.ceil((endMs - atMs) / byteMs - SLACK_BYTES) - 1);
}

/** Whether a receiver at one baud understands a sender at the other. */
export function baudsMatch(sender: number, receiver: number): boolean {
  return Math.abs(sender / receiver - 1) <= BAUD_TOLERANCE;
}

/** What a receiver at another baud makes of the bytes: never the right ones, and fewer when it is the slower. */
export function garble(bytes: Uint8Array, senderBaud: number, receiverBaud: number, random: Random): Uint8Array {
  const keptShare = Math.min(1, receiverBaud / senderBaud);
  const garbled: number[] = [];
  for (const byte of bytes) if (random.chance(keptShare)) garbled.push(byte ^ (1 + random.below(255)));
  return Uint8Array.from(garbled);
}

/** Gets the bytes of one write and the time of their first bit; returns what arrives instead. */
export type WireHook = (bytes: Uint8Array, atMs: number) => Uint8Array;

/** The disturbances of one direction; may be changed at any time, for what is sent from then on. */
export class WireFaults {
  /** Chance per byte that one of its bits flips. */
  flipProbability = 0;
  /** Chance per byte that it vanishes. */
  dropProbability = 0;
  /** Chance per byte that a random one comes before it. */
  insertProbability = 0;
  /** For directed tests; comes before the random faults. */
  hook: WireHook | undefined;
  /** How often each fault struck; `hooked` counts the writes that the hook changed. */
  readonly counts = { flipped: 0, dropped: 0, inserted: 0, hooked: 0 };
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes a run as sent; returns what arrives, in order of time. */
  apply(run: WireRun): readonly WireRun[] {
    const arriving = this.hook ? this.#hooked(run, this.hook) : run;
    const disturbed = this.flipProbability > 0 || this.dropProbability > 0 || this.insertProbability > 0;
    return disturbed ? this.#disturbed(arriving) : arriving.bytes.length > 0 ? [arriving] : [];
  }

  #hooked(run: WireRun, hook: WireHook): WireRun {
    const bytes = hook(run.bytes.slice(), run.startMs);
    if (sameBytes(bytes, run.bytes)) return run;
    this.counts.hooked++;
    // Fewer or more bytes than were sent share the time that was.
    const byteMs = (run.bytes.length * run.byteMs) / Math.max(1, bytes.length);
    return { ...run, bytes: bytes.slice(), byteMs };
  }

  #disturbed(run: WireRun): WireRun[] {
    const runs: WireRun[] = [];
    let kept: number[] = [];
    let keptStartMs = run.startMs;
    const flush = (nextStartMs: number) => {
      if (kept.length > 0) runs.push({ ...run, bytes: Uint8Array.from(kept), startMs: keptStartMs });
      kept = [];
      keptStartMs = nextStartMs;
    };
    for (const [i, byte] of run.bytes.entries()) {
      const slotMs = run.startMs + i * run.byteMs;
      const noise = this.#random.chance(this.insertProbability) ? this.#random.below(256) : undefined;
      const dropped = this.#random.chance(this.dropProbability);
      const flip = this.#random.chance(this.flipProbability) ? 1 << this.#random.below(8) : 0;
      if (noise !== undefined) this.counts.inserted++;
      if (dropped) this.counts.dropped++;
      else if (flip) this.counts.flipped++;
      if (noise === undefined && !dropped) {
        kept.push(byte ^ flip);
        continue;
      }
      flush(slotMs + run.byteMs);
      const bytes = [...(noise === undefined ? [] : [noise]), ...(dropped ? [] : [byte ^ flip])];
      const slot = { startMs: slotMs, byteMs: run.byteMs / Math.max(1, bytes.length) };
      if (bytes.length > 0) runs.push({ ...run, ...slot, bytes: Uint8Array.from(bytes) });
    }
    flush(0);
    return runs;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
