/**
 * The portable C wire on Node, over any ECMA-419 Serial: what src/native/wire-xs.c is on the chip.
 *
 *   Serial --> interrupt: the line --> the wire's task: the core --> the engine
 *
 * There each of the three has its own time. `WireHost` says how that is here: by default all of it happens at once, so
 * that the suites which hold the twin hold the C as well; a test or a bench may keep the engine or the task busy meanwhile.
 */

import type { Wire, WireClass, WireCounters, WireOptions } from "../../src/frame/wire.js";
import type { Clock, Serial, TimerHandle } from "../../src/ports.js";
import { addon, WIRE_HEARD, WIRE_IDLE, WIRE_NOISE, WireStatus } from "./addon.js";
import { readCounters, readDecoderCounters } from "./codec.js";

export interface WireHost {
  /** Time and timers of the wire's task; those of the engine by default. */
  readonly clock?: Clock;
  /** Task or engine have something for the interrupt. */
  kick(transmit: () => void): void;
  /** The interrupt has something for the wire's task. */
  wake(serve: () => void): void;
  /** Brings the task's news to the engine. */
  post(deliver: () => void): void;
}

export interface CoreWireCounters extends WireCounters {
  inboxDrops: number;
  /** By the interrupt, in the engine's name. */
  pingsAnswered: number;
}

const FIFO_BYTES = 128;
const AT_ONCE: WireHost = Object.freeze({
  kick: (transmit: () => void) => transmit(),
  wake: (serve: () => void) => serve(),
  post: (deliver: () => void) => deliver(),
});
/** What the task reads from the line at a time. */
const RECEIVED_BYTES = 256;
const PAYLOAD_BYTES_MAX = 1536;
const BITS_PER_BYTE = 10;
const DRAIN_MARGIN_MS = 2;
/** The engine is asked for a sign of life so often. */
const HEARTBEAT_MS = 1000;
const NO_CUE = new Uint8Array(0);
/** In the order of the C structure. */
const COUNTER_NAMES = Object.freeze([
  "framesSent",
  "framesCued",
  "bytesSent",
  "bytesReceived",
  "baudChanges",
  "inboxDrops",
] as const);

export class CoreWire implements Wire {
  readonly #options: WireOptions;
  readonly #host: WireHost;
  readonly #clock: Clock;
  readonly #core;
  readonly #line = addon.makeLine();
  readonly #fifo = new Uint8Array(FIFO_BYTES);
  readonly #received = new Uint8Array(RECEIVED_BYTES);
  readonly #payload = new Uint8Array(PAYLOAD_BYTES_MAX);
  #serial: Serial | undefined;
  #baud: number;
  #writable = 0;
  /** Of the frame on its way: bytes that the line has and had not sent when last asked. */
  #handedOver = 0;
  #pingsHeard = 0;
  #isServing = false;
  /** The engine's last sign of life. */
  #seenMs = 0;
  #posted = false;
  #delivering = false;
  #closed = false;
  #heartbeat: TimerHandle;
  readonly #drainWaiters: (() => void)[] = [];
  #drainTimer: TimerHandle;

  constructor(options: WireOptions, host: WireHost = AT_ONCE) {
    this.#options = options;
    this.#host = host;
    this.#clock = host.clock ?? options.clock;
    this.#baud = options.baud;
    this.#core = addon.makeWire(this.#now());
    this.#open();
    this.#askEngine();
  }

  get idle(): boolean {
    return this.#serial !== undefined && addon.isIdle(this.#core) !== 0;
  }

  get baud(): number {
    return this.#baud;
  }

  get counters(): CoreWireCounters {
    let own: Record<(typeof COUNTER_NAMES)[number], number> | undefined;
    const decoder = readDecoderCounters((decoderInto) => {
      own = readCounters(COUNTER_NAMES, (into) => addon.wireCounters(this.#core, decoderInto, into));
    });
    return Object.assign(decoder, own as NonNullable<typeof own>, { pingsAnswered: addon.linePings(this.#line) });
  }

  send(payload: Uint8Array, length: number): void {
    if (this.#closed) throw new Error("wire: it is closed");
    const status = addon.sendFrame(this.#core, payload, length);
    if (status === WireStatus.BUSY) throw new Error("wire: a frame is on its way");
    assertSize(status, length);
    this.#afterCall();
  }

  prepare(payload: Uint8Array, length: number, cue = NO_CUE): void {
    assertSize(addon.prepareFrame(this.#core, payload, length, cue), length);
  }

  sendPrepared(): boolean {
    const isSent = addon.sendPrepared(this.#core) === WireStatus.OK;
    this.#afterCall();
    return isSent;
  }

  dropCue(): boolean {
    return addon.dropCue(this.#core) !== 0;
  }

  setBaud(baud: number, onSwitched: () => void): void {
    this.afterDrain(() => {
      this.#serial?.close();
      this.#baud = baud;
      addon.lineReset(this.#line);
      addon.restart(this.#core);
      this.#handedOver = 0;
      this.#open();
      onSwitched();
    });
  }

  afterDrain(callback: () => void): void {
    if (this.#closed) return;
    if (this.#drainWaiters.push(callback) > 1) return;
    addon.hold(this.#core, 1);
    this.#afterCall();
    this.#awaitDrain();
  }

  close(): void {
    this.#closed = true;
    this.#clock.clear(this.#drainTimer);
    this.#clock.clear(this.#heartbeat);
    this.#serial?.close();
    this.#serial = undefined;
  }

  /** What the UART may still hold is known from the free space last announced; one more byte is on the line. */
  #awaitDrain(): void {
    const unsentBytes = addon.pendingCount(this.#core) + FIFO_BYTES - this.#writable + 1;
    const drainMs = (unsentBytes * BITS_PER_BYTE * 1000) / this.#baud + DRAIN_MARGIN_MS;
    const { bytesSent } = this.counters;
    this.#drainTimer = this.#clock.set(() => {
      const hasMore = addon.pendingCount(this.#core) > 0 || addon.lineHasNext(this.#line) > 0;
      if (!hasMore && this.counters.bytesSent === bytesSent) this.#host.post(() => this.#onDrained());
      else this.#awaitDrain();
    }, drainMs);
  }

  /** Whoever asks from inside a callback waits no longer than the others: everything has left. */
  #onDrained(): void {
    for (let next = this.#drainWaiters[0]; next && !this.#closed; next = this.#drainWaiters[0]) {
      next();
      this.#drainWaiters.shift();
    }
    if (this.#closed) return;
    addon.hold(this.#core, 0);
    this.#afterCall();
  }

  // ---- the interrupt ----------------------------------------------------------------------------------------

  #open(): void {
    this.#writable = 0;
    const { io, ...options } = this.#options.serial;
    this.#serial = new io({
      ...options,
      baud: this.#baud,
      onReadable: () => {
        this.#receive();
        this.#host.wake(() => this.#serve());
      },
      onWritable: (count) => {
        this.#writable = count;
        this.#transmit();
      },
    });
  }

  /** What the line has no room for stays in the FIFO. */
  #receive(): void {
    const byte = this.#fifo.subarray(0, 1);
    while (addon.lineHasRoom(this.#line) && this.#serial?.read(byte)) addon.lineTake(this.#line, byte, 1);
    this.#transmit(); // a ping may have come
  }

  /** The task is told when the frame is gone. */
  #transmit(): void {
    const unsent = addon.lineUnsent(this.#line);
    const count = addon.lineNext(this.#line, this.#fifo.subarray(0, this.#writable));
    if (count === 0 || !this.#serial) return;
    this.#writable -= count;
    this.#serial.write(this.#fifo.subarray(0, count));
    if (unsent > 0 && addon.lineUnsent(this.#line) === 0) this.#host.wake(() => this.#serve());
  }

  // ---- the wire's task --------------------------------------------------------------------------------------

  #serve(): void {
    if (this.#closed || this.#isServing) return;
    this.#isServing = true;
    this.#readLine();
    const pings = addon.linePings(this.#line);
    if (pings !== this.#pingsHeard) addon.hearPings(this.#core);
    this.#pingsHeard = pings;
    this.#handOver();
    this.#isServing = false;
    this.#tellEngine();
  }

  #readLine(): void {
    for (;;) {
      const room = Math.min(addon.receivable(this.#core), this.#received.length);
      const count = room > 0 ? addon.lineRead(this.#line, this.#received.subarray(0, room)) : 0;
      if (count === 0) return;
      addon.receive(this.#core, this.#received, count);
      this.#receive(); // there is room again for what is in the FIFO
    }
  }

  /** Notes what the line has sent, and gives it the next frame when that was all. Either side's. */
  #handOver(): void {
    for (;;) {
      const unsent = addon.lineUnsent(this.#line);
      addon.sent(this.#core, this.#handedOver - unsent);
      this.#handedOver = unsent;
      addon.lineOpen(this.#line, addon.answersPings(this.#core, this.#now()));
      if (unsent > 0 || !this.#serial) return;
      this.#handedOver = addon.lineSend(this.#line, this.#core);
      if (this.#handedOver === 0) return;
      this.#host.kick(() => this.#transmit());
    }
  }

  #tellEngine(): void {
    if (this.#posted || this.#delivering || !addon.hasNews(this.#core)) return;
    this.#post();
  }

  #post(): void {
    this.#posted = true;
    this.#host.post(() => {
      this.#posted = false;
      this.#delivering = true;
      this.#see();
      while (!this.#closed && this.#deliver());
      this.#delivering = false;
      this.#host.wake(() => this.#serve());
    });
  }

  #askEngine(): void {
    this.#heartbeat = this.#clock.set(() => {
      if (!this.#posted && this.#clock.now() - this.#seenMs >= HEARTBEAT_MS) this.#post();
      this.#serve();
      this.#askEngine();
    }, HEARTBEAT_MS);
  }

  // ---- the engine -------------------------------------------------------------------------------------------

  #see(): void {
    this.#seenMs = this.#clock.now();
    addon.see(this.#core, this.#now());
  }

  #afterCall(): void {
    this.#see();
    this.#handOver();
    this.#tellEngine();
  }

  /** Payloads first. False when there was no news. */
  #deliver(): boolean {
    const length = addon.take(this.#core, this.#payload, this.#now());
    if (length > 0) {
      this.#options.onPayload(this.#payload, length);
      return true;
    }
    const events = addon.takeEvents(this.#core);
    if (events & WIRE_NOISE) this.#options.onNoise();
    if (events & WIRE_HEARD && !this.#closed) this.#options.onPingAnswered();
    if (events & WIRE_IDLE && !this.#closed) this.#options.onIdle();
    return events !== 0;
  }

  #now(): number {
    return Math.trunc(this.#clock.now()) >>> 0;
  }
}

/** The class to give to Ncp or McuLink. */
export function makeCoreWire(host: WireHost): WireClass {
  return class extends CoreWire {
    constructor(options: WireOptions) {
      super(options, host);
    }
  };
}

function assertSize(status: number, length: number): void {
  if (status === WireStatus.SIZE) throw new RangeError(`wire: no frame can be made of ${length} bytes, or of its cue`);
}
