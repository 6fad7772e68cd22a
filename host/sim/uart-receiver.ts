/**
 * The receiving half of a simulated UART: a FIFO, and the ESP32's receive interrupt in front of it.
 *
 * Bytes on their way are known as runs with exact times and are taken in only when somebody looks, so the clock ticks
 * once per interrupt. The interrupt comes once after arm(): when the FIFO reaches its threshold, or when the line has
 * been idle for some symbol times; what was announced and not read does not announce itself again.
 *
 * Lost and counted: bytes beyond the FIFO, bytes for a closed receiver, bytes of an unplugged line. A sender at
 * another baud arrives garbled.
 */

import type { TimerHandle } from "../../src/ports.js";
import type { VirtualClock } from "./clock.js";
import type { Random } from "./random.js";
import { arrivedBy, BITS_PER_BYTE, baudsMatch, garble, runEndMs, startedBefore, type WireRun } from "./uart-wire.js";

export interface ReceiverOptions {
  readonly fifoBytes: number;
  /** Waiting bytes that raise the interrupt. */
  readonly fullThreshold: number;
  /** Symbol times of silence after a byte that raise the interrupt. */
  readonly idleSymbols: number;
}

/** What became of the bytes on the line. */
export interface ReceiverCounts {
  /** They reached the FIFO, those with framing errors among them; all others were lost. */
  readonly bytes: number;
  readonly overruns: number;
  /** Sent at another baud. */
  readonly framingErrors: number;
  /** Came while the receiver was closed. */
  readonly unheard: number;
  readonly unplugged: number;
}

/** Bytes taken out of the FIFO by a processor ahead of the world: their room is free only at `atMs`. */
interface Release {
  readonly atMs: number;
  readonly count: number;
}

export class UartReceiver {
  readonly #counts: { -readonly [Name in keyof ReceiverCounts]: number } = {
    bytes: 0,
    overruns: 0,
    framingErrors: 0,
    unheard: 0,
    unplugged: 0,
  };

  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #idleSymbols: number;
  readonly #fullThreshold: number;

  readonly #fifo: Uint8Array;
  #head = 0;
  #waiting = 0;
  readonly #releases: Release[] = [];
  /** The sum of the releases. */
  #held = 0;

  #baud: number | undefined;
  #plugged = true;
  /** Bytes whose start bit came before are not understood: opened or plugged in too late. */
  #openedMs = 0;
  #pluggedMs = 0;

  /** What is on its way here, in order of time, and how much of the first run has arrived. */
  #incoming: WireRun[] = [];
  #taken = 0;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;

  #onReceive: (() => void) | undefined;
  /** Something came, or was left by a read, since the last interrupt. */
  #news = false;
  #armedMs: number | undefined;
  #timer: TimerHandle;

  constructor(clock: VirtualClock, options: ReceiverOptions, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#fifo = new Uint8Array(options.fifoBytes);
    this.#fullThreshold = Math.min(options.fullThreshold, options.fifoBytes);
    this.#idleSymbols = options.idleSymbols;
  }

  open(baud: number, onReceive: (() => void) | undefined, atMs: number): void {
    this.#settle();
    this.#baud = baud;
    this.#openedMs = atMs;
    this.#onReceive = onReceive;
    this.arm(atMs);
  }

  close(): void {
    this.#settle();
    this.#baud = undefined;
    this.#onReceive = undefined;
    this.#waiting = 0;
    this.#releases.length = 0;
    this.#held = 0;
    this.#news = false;
    this.#armedMs = undefined;
    this.#clock.clear(this.#timer);
  }

  /** The byte on the wire at the moment of a change is lost either way. */
  set plugged(plugged: boolean) {
    this.#settle();
    this.#plugged = plugged;
    this.#pluggedMs = this.#clock.now();
  }

  get counts(): ReceiverCounts {
    this.#settle();
    return this.#counts;
  }

  waiting(): number {
    this.#settle();
    return this.#waiting;
  }

  /** As waiting(), and what waits now does not raise the interrupt any more. */
  announce(): number {
    this.#settle();
    this.#news = false;
    return this.#waiting;
  }

  /** Moves up to `into.length` bytes and arms the interrupt; returns the count, `undefined` when none wait. */
  read(into: Uint8Array, atMs: number): number | undefined {
    this.#settle();
    if (this.#waiting === 0) return undefined;
    const count = Math.min(into.length, this.#waiting);
    const unwrapped = Math.min(count, this.#fifo.length - this.#head);
    into.set(this.#fifo.subarray(this.#head, this.#head + unwrapped));
    into.set(this.#fifo.subarray(0, count - unwrapped), unwrapped);
    this.#head = (this.#head + count) % this.#fifo.length;
    this.#waiting -= count;
    if (atMs > this.#clock.now()) {
      this.#releases.push({ atMs, count });
      this.#held += count;
    }
    this.#news = this.#waiting > 0;
    this.arm(atMs);
    return count;
  }

  /** Lets the next interrupt come, not before `atMs`. */
  arm(atMs: number): void {
    if (!this.#onReceive) return;
    this.#armedMs = atMs;
    this.#schedule();
  }

  /** Something is on its way, later than everything before it. */
  expect(runs: readonly WireRun[]): void {
    this.#settle();
    for (const run of runs) this.#incoming.push(run);
    this.#schedule();
  }

  /** The sender fell silent: what would have started at that moment or later does not come. */
  expectNothingFrom(atMs: number): void {
    this.#settle();
    const coming: WireRun[] = [];
    for (const run of this.#incoming) {
      const count = startedBefore(run, atMs);
      if (count > 0) coming.push(count < run.bytes.length ? { ...run, bytes: run.bytes.subarray(0, count) } : run);
    }
    this.#incoming = coming;
    this.#schedule();
  }

  /** Takes in everything that has arrived by now. */
  #settle(): void {
    const nowMs = this.#clock.now();
    for (let run = this.#incoming[0]; run; run = this.#incoming[0]) {
      const arrived = arrivedBy(run, nowMs);
      if (arrived > this.#taken) {
        this.#arrive(run, this.#taken, arrived);
        this.#taken = arrived;
        this.#lastArrivalMs = run.startMs + arrived * run.byteMs;
      }
      if (arrived < run.bytes.length) return;
      this.#incoming.shift();
      this.#taken = 0;
    }
  }

  /** Bytes [first, end) of the run have arrived at the pin. */
  #arrive(run: WireRun, first: number, end: number): void {
    const startedFrom = (atMs: number, from: number) => Math.max(from, Math.min(end, startedBefore(run, atMs)));
    const plugged = this.#plugged ? startedFrom(this.#pluggedMs, first) : end;
    this.#counts.unplugged += plugged - first;
    const heard = this.#baud === undefined ? end : startedFrom(this.#openedMs, plugged);
    this.#counts.unheard += heard - plugged;
    if (heard === end || this.#baud === undefined) return;
    if (baudsMatch(run.baud, this.#baud)) {
      this.#storeInTime(run, heard, end);
      return;
    }
    this.#counts.framingErrors += end - heard;
    this.#store(garble(run.bytes.subarray(heard, end), run.baud, this.#baud, this.#random));
  }

  /** Stores bytes [first, end) of the run, while room comes free at its own times. */
  #storeInTime(run: WireRun, first: number, end: number): void {
    let next = first;
    while (next < end) {
      const release = this.#releases[0];
      const until = release ? Math.min(end, arrivedBy(run, release.atMs)) : end;
      if (until > next) {
        this.#store(run.bytes.subarray(next, until));
        next = until;
      } else if (release) {
        this.#releases.shift();
        this.#held -= release.count;
      }
    }
  }

  #store(bytes: Uint8Array): void {
    const room = this.#fifo.length - this.#waiting - this.#held;
    const count = Math.min(bytes.length, room);
    const tail = (this.#head + this.#waiting) % this.#fifo.length;
    const unwrapped = Math.min(count, this.#fifo.length - tail);
    this.#fifo.set(bytes.subarray(0, unwrapped), tail);
    this.#fifo.set(bytes.subarray(unwrapped, count), 0);
    this.#waiting += count;
    this.#counts.bytes += count;
    this.#counts.overruns += bytes.length - count;
    if (bytes.length > 0) this.#news = true;
  }

  #schedule(): void {
    this.#clock.clear(this.#timer);
    const dueMs = this.#dueMs();
    if (dueMs !== undefined) this.#timer = this.#clock.setAt(() => this.#fire(), dueMs);
  }

  #fire(): void {
    this.#settle();
    const dueMs = this.#dueMs();
    if (dueMs === undefined || dueMs > this.#clock.now()) {
      this.#schedule();
      return;
    }
    this.#armedMs = undefined;
    this.#news = false;
    this.#onReceive?.();
  }

  /** When the interrupt is due as far as anybody knows now; losses on the way put it off. */
  #dueMs(): number | undefined {
    const armedMs = this.#armedMs;
    if (armedMs === undefined || this.#baud === undefined) return undefined;
    const idleMs = (this.#idleSymbols * BITS_PER_BYTE * 1000) / this.#baud;
    let count = this.#waiting;
    let news = this.#news && count > 0;
    if (news && count >= this.#fullThreshold) return armedMs;
    let idleDueMs = Math.max(this.#lastArrivalMs, armedMs) + idleMs;
    let taken = this.#taken;
    for (const run of this.#incoming) {
      if (news && run.startMs + taken * run.byteMs >= idleDueMs) return idleDueMs;
      const needed = Math.max(1, this.#fullThreshold - count);
      if (needed <= run.bytes.length - taken) return Math.max(armedMs, run.startMs + (taken + needed) * run.byteMs);
      count += run.bytes.length - taken;
      news = true;
      idleDueMs = Math.max(runEndMs(run), armedMs) + idleMs;
      taken = 0;
    }
    return news ? idleDueMs : undefined;
  }
}
