/**
 * Two UARTs joined by a line, in virtual time: exact to the bit, and cheap, for the clock ticks once per interrupt
 * and not once per byte.
 *
 * Each end has FIFOs and one-shot interrupts as the ESP32's UART has them (receive: uart-receiver.ts; transmit: when
 * the FIFO is almost empty). A processor that has charged work is ahead of the world (cpu.ts) and passes its own time
 * as `atMs`: its writes leave then, and its reads make room then, but no read sees bytes that the world has not sent
 * yet.
 *
 * Faults: bauds may differ, either direction may be disturbed (uart-wire.ts), the cable may be pulled, an end may
 * close (a reset) with bytes unsent. All of them are counted.
 */

import type { TimerHandle } from "../../src/ports.js";
import type { VirtualClock } from "./clock.js";
import { Random } from "./random.js";
import { type ReceiverCounts, UartReceiver } from "./uart-receiver.js";
import { byteMsAt, runEndMs, unstartedBefore, WireFaults, type WireRun } from "./uart-wire.js";

/** The defaults are the ESP32's FIFOs as the SDK's serial.c sets them up. */
export interface UartEndOptions {
  readonly txFifoBytes?: number;
  readonly rxFifoBytes?: number;
  /** Waiting bytes that raise the receive interrupt. */
  readonly rxFullThreshold?: number;
  /** Symbol times of silence after a byte that raise the receive interrupt. */
  readonly rxIdleSymbols?: number;
  /** Fewer unsent bytes than this raise the transmit interrupt. */
  readonly txLowBytes?: number;
}

const ESP32_UART: Required<UartEndOptions> = Object.freeze({
  txFifoBytes: 128,
  rxFifoBytes: 128,
  rxFullThreshold: 96,
  rxIdleSymbols: 4,
  txLowBytes: 10,
});

/** Interrupts: each comes once, from the clock and never from inside a call, until armed again. */
export interface UartHandlers {
  /** Armed by open(), read() and armReceive(). */
  readonly onReceive?: (() => void) | undefined;
  /** Armed by open() and write(). */
  readonly onTransmitLow?: (() => void) | undefined;
}

/** A write as it goes on the wire, before faults. An end that closes cuts its last runs short (`sent.unsent`). */
export interface ObservedRun extends WireRun {
  readonly from: UartEnd;
}

/** The line; `a` is the device's end and `b` the peer's, by habit only. The seed decides every random fault. */
export class UartLine {
  readonly a: UartEnd;
  readonly b: UartEnd;
  #plugged = true;
  readonly #observers: ((run: ObservedRun) => void)[] = [];

  constructor(clock: VirtualClock, options: { a?: UartEndOptions; b?: UartEndOptions; seed?: number } = {}) {
    const random = new Random(options.seed ?? 1);
    this.a = new UartEnd(clock, this, { ...ESP32_UART, ...options.a }, random.below(2 ** 32));
    this.b = new UartEnd(clock, this, { ...ESP32_UART, ...options.b }, random.below(2 ** 32));
  }

  get plugged(): boolean {
    return this.#plugged;
  }

  /** Pulls or plugs in the cable. The byte on the wire at that moment is lost either way. */
  set plugged(plugged: boolean) {
    if (plugged === this.#plugged) return;
    this.#plugged = plugged;
    for (const end of [this.a, this.b]) end.receiver.plugged = plugged;
  }

  /** Shows every write of both ends to the observer, for traces and wire checkers. */
  observe(observer: (run: ObservedRun) => void): void {
    this.#observers.push(observer);
  }

  /** For the ends: the run goes out, and this is what arrives of it. */
  carry(run: ObservedRun, arriving: readonly WireRun[]): void {
    for (const observer of this.#observers) observer(run);
    this.receiverOf(run.from).expect(arriving);
  }

  /** The receiver that hears this end. */
  receiverOf(sender: UartEnd): UartReceiver {
    return sender === this.a ? this.b.receiver : this.a.receiver;
  }
}

export class UartEnd {
  /** Disturbances of what this end sends. */
  readonly faults: WireFaults;
  /** `busyMs` is the time that this end's wire carried bits; `unsent` bytes were in the FIFO when it closed. */
  readonly sent = {
    bytes: 0,
    busyMs: 0,
    unsent: 0,
    firstBitMs: undefined as number | undefined,
    lastBitMs: undefined as number | undefined,
  };
  /** For the line; everybody else reads through this end. */
  readonly receiver: UartReceiver;

  readonly #clock: VirtualClock;
  readonly #line: UartLine;
  readonly #txFifoBytes: number;
  readonly #txLowBytes: number;
  #baud: number | undefined;
  #handlers: UartHandlers = {};
  /** When everything written so far will be out. */
  #txEndMs = 0;
  #lastWriteMs = 0;
  #bytesSinceOpen = 0;
  #timer: TimerHandle;

  /** Made by the line. */
  constructor(clock: VirtualClock, line: UartLine, options: Required<UartEndOptions>, seed: number) {
    const random = new Random(seed);
    const { rxFifoBytes: fifoBytes, rxFullThreshold: fullThreshold, rxIdleSymbols: idleSymbols } = options;
    this.#clock = clock;
    this.#line = line;
    this.#txFifoBytes = options.txFifoBytes;
    this.#txLowBytes = options.txLowBytes;
    this.faults = new WireFaults(new Random(random.below(2 ** 32)));
    this.receiver = new UartReceiver(clock, { fifoBytes, fullThreshold, idleSymbols }, random);
  }

  get isOpen(): boolean {
    return this.#baud !== undefined;
  }

  /** `undefined` while closed. */
  get baud(): number | undefined {
    return this.#baud;
  }

  /** What became of the bytes that were sent to this end. */
  get received(): ReceiverCounts {
    return this.receiver.counts;
  }

  /** Throws when it is open already, or the baud is none. */
  open(baud: number, handlers: UartHandlers = {}, atMs = this.#clock.now()): void {
    if (this.isOpen) throw new Error("uart: port in use");
    if (!(baud > 0)) throw new RangeError(`uart: invalid baud ${baud}`);
    this.#baud = baud;
    this.#handlers = handlers;
    this.#bytesSinceOpen = 0;
    this.receiver.open(baud, handlers.onReceive, atMs);
    this.#armTransmitLow(baud, atMs);
  }

  /** Also what a reset does: both FIFOs lose their bytes; only the byte on the wire still goes out. Idempotent. */
  close(atMs = this.#clock.now()): void {
    if (this.#baud === undefined) return;
    this.#cutTransmission(this.#baud, atMs);
    this.receiver.close();
    this.#clock.clear(this.#timer);
    this.#baud = undefined;
    this.#handlers = {};
  }

  /** Reconfigures as the chip does: close and open, with the same handlers. */
  setBaud(baud: number, atMs = this.#clock.now()): void {
    const handlers = this.#handlers;
    this.close(atMs);
    this.open(baud, handlers, atMs);
  }

  /** How many received bytes wait. */
  waiting(): number {
    return this.receiver.waiting();
  }

  /** As waiting(), and what waits now does not raise the interrupt any more, unless a read leaves some of it. */
  announce(): number {
    return this.receiver.announce();
  }

  /** Moves up to `into.length` waiting bytes; returns the count, `undefined` when none wait. Throws when closed. */
  read(into: Uint8Array, atMs = this.#clock.now()): number | undefined {
    this.#assertOpen();
    return this.receiver.read(into, atMs);
  }

  /** Lets the next receive interrupt come, not before `atMs`. */
  armReceive(atMs = this.#clock.now()): void {
    this.receiver.arm(atMs);
  }

  /** Free bytes of the transmit FIFO. The byte on the wire has left it. */
  free(atMs = this.#clock.now()): number {
    return this.#txFifoBytes - (this.#baud === undefined ? 0 : this.#unsent(this.#baud, atMs));
  }

  /** When all that was written is out, stop bit included. */
  get drainedMs(): number {
    return this.#txEndMs;
  }

  /** Takes all or nothing: throws "output full" when longer than the free part of the FIFO. */
  write(bytes: Uint8Array, atMs = this.#clock.now()): void {
    const baud = this.#assertOpen();
    if (bytes.length > this.free(atMs)) throw new Error("output full");
    if (bytes.length > 0) {
      const run = this.#occupyWire(bytes, baud, atMs);
      this.#lastWriteMs = atMs;
      this.#bytesSinceOpen += bytes.length;
      this.sent.bytes += bytes.length;
      this.sent.busyMs += bytes.length * run.byteMs;
      this.sent.firstBitMs ??= run.startMs;
      this.sent.lastBitMs = this.#txEndMs;
      this.#line.carry(run, this.faults.apply(run));
    }
    this.#armTransmitLow(baud, atMs);
  }

  /** Puts bytes on the wire that were never written: a glitch, a boot loader's chatter. Works on a closed end too. */
  injectNoise(bytes: Uint8Array, baud: number): void {
    this.faults.counts.inserted += bytes.length;
    const run = this.#occupyWire(bytes, baud, this.#clock.now());
    this.#line.carry(run, [run]);
  }

  #occupyWire(bytes: Uint8Array, baud: number, atMs: number): ObservedRun {
    const startMs = Math.max(atMs, this.#txEndMs);
    const run = { from: this, bytes: bytes.slice(), startMs, byteMs: byteMsAt(baud), baud };
    this.#txEndMs = runEndMs(run);
    return run;
  }

  #unsent(baud: number, atMs: number): number {
    // The wire may still be busy with something older and slower than what is in the FIFO.
    const unstarted = unstartedBefore(this.#txEndMs, byteMsAt(baud), Math.max(atMs, this.#lastWriteMs));
    return Math.min(unstarted, this.#bytesSinceOpen);
  }

  #armTransmitLow(baud: number, atMs: number): void {
    if (!this.#handlers.onTransmitLow) return;
    const lowMs = this.#txEndMs - this.#txLowBytes * byteMsAt(baud);
    this.#clock.clear(this.#timer);
    this.#timer = this.#clock.setAt(() => this.#handlers.onTransmitLow?.(), Math.max(atMs, lowMs));
  }

  #cutTransmission(baud: number, atMs: number): void {
    const count = this.#unsent(baud, atMs);
    if (count === 0) return;
    const lostMs = count * byteMsAt(baud);
    this.#txEndMs -= lostMs;
    this.sent.bytes -= count;
    this.sent.busyMs -= lostMs;
    this.sent.unsent += count;
    this.sent.lastBitMs = this.#txEndMs;
    this.#line.receiverOf(this).expectNothingFrom(this.#txEndMs);
  }

  #assertOpen(): number {
    if (this.#baud === undefined) throw new Error("uart: closed");
    return this.#baud;
  }
}
