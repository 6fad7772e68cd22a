/**
 * The portable C wire on Node, over any ECMA-419 Serial: what src/native/wire-xs.c is on the chip.
 *
 * There the C runs on a thread of its own and the engine hears of its news when it has time. `WireHost` says how that is
 * here: by default the engine hears at once, so that the suites which hold the twin hold the C as well; a test or a
 * bench may keep the engine busy meanwhile.
 */

import type { Wire, WireClass, WireCounters, WireOptions } from "../../src/frame/wire.js";
import type { Clock, Serial, TimerHandle } from "../../src/ports.js";
import { addon, WIRE_IDLE, WIRE_NEVER, WIRE_NOISE, WireStatus } from "./addon.js";
import { readCounters, readDecoderCounters } from "./codec.js";

export interface WireHost {
  /** Time and timers of the wire's own thread; those of the engine by default. */
  readonly clock?: Clock;
  /** Brings the wire's news to the engine. */
  post(deliver: () => void): void;
  /** Room in the UART for what is to be sent. */
  readonly transmitBytes: number;
}

export interface CoreWireCounters extends WireCounters {
  /** By the wire, for an engine in a long step. */
  pingsAnswered: number;
  inboxDrops: number;
}

const FIFO_BYTES = 128;
const AT_ONCE: WireHost = Object.freeze({ post: (deliver: () => void) => deliver(), transmitBytes: FIFO_BYTES });
const PAYLOAD_BYTES_MAX = 1536;
const BITS_PER_BYTE = 10;
const DRAIN_MARGIN_MS = 2;
const NO_CUE = new Uint8Array(0);
/** In the order of the C structure. */
const COUNTER_NAMES = Object.freeze([
  "framesSent",
  "framesCued",
  "bytesSent",
  "bytesReceived",
  "baudChanges",
  "pingsAnswered",
  "inboxDrops",
] as const);

export class CoreWire implements Wire {
  readonly #options: WireOptions;
  readonly #host: WireHost;
  readonly #clock: Clock;
  readonly #core;
  readonly #received = new Uint8Array(FIFO_BYTES);
  readonly #outgoing: Uint8Array;
  readonly #payload = new Uint8Array(PAYLOAD_BYTES_MAX);
  #serial: Serial | undefined;
  #baud: number;
  #writable = 0;
  #posted = false;
  #delivering = false;
  #closed = false;
  #serviceTimer: TimerHandle;
  readonly #drainWaiters: (() => void)[] = [];
  #drainTimer: TimerHandle;

  constructor(options: WireOptions, host: WireHost = AT_ONCE) {
    this.#options = options;
    this.#host = host;
    this.#clock = host.clock ?? options.clock;
    this.#outgoing = new Uint8Array(host.transmitBytes);
    this.#baud = options.baud;
    this.#core = addon.makeWire(this.#now());
    this.#open();
  }

  get idle(): boolean {
    return this.#serial !== undefined && addon.isIdle(this.#core) !== 0;
  }

  get baud(): number {
    return this.#baud;
  }

  get counters(): CoreWireCounters {
    let own: Omit<CoreWireCounters, keyof ReturnType<typeof readDecoderCounters>> | undefined;
    const decoder = readDecoderCounters((decoderInto) => {
      own = readCounters(COUNTER_NAMES, (into) => addon.wireCounters(this.#core, decoderInto, into));
    });
    return Object.assign(decoder, own);
  }

  send(payload: Uint8Array, length: number): void {
    if (this.#closed) throw new Error("wire: it is closed");
    const status = addon.sendFrame(this.#core, payload, length);
    if (status === WireStatus.BUSY) throw new Error("wire: a frame is on its way");
    assertSize(status, length);
    this.#fill();
  }

  prepare(payload: Uint8Array, length: number, cue = NO_CUE): void {
    assertSize(addon.prepareFrame(this.#core, payload, length, cue), length);
  }

  sendPrepared(): boolean {
    const isSent = addon.sendPrepared(this.#core) === WireStatus.OK;
    this.#fill();
    return isSent;
  }

  dropCue(): boolean {
    return addon.dropCue(this.#core) !== 0;
  }

  setBaud(baud: number, onSwitched: () => void): void {
    this.afterDrain(() => {
      this.#serial?.close();
      this.#baud = baud;
      addon.restart(this.#core);
      this.#open();
      onSwitched();
    });
  }

  afterDrain(callback: () => void): void {
    if (this.#closed) return;
    if (this.#drainWaiters.push(callback) > 1) return;
    addon.hold(this.#core, 1);
    this.#awaitDrain();
  }

  close(): void {
    this.#closed = true;
    this.#clock.clear(this.#drainTimer);
    this.#clock.clear(this.#serviceTimer);
    this.#serial?.close();
    this.#serial = undefined;
  }

  /** What the UART may still hold is known from the free space last announced; one more byte is on the line. */
  #awaitDrain(): void {
    const unsentBytes = addon.pendingCount(this.#core) + this.#host.transmitBytes - this.#writable + 1;
    const drainMs = (unsentBytes * BITS_PER_BYTE * 1000) / this.#baud + DRAIN_MARGIN_MS;
    const { bytesSent } = this.counters;
    this.#drainTimer = this.#clock.set(() => {
      const handedOver = addon.pendingCount(this.#core) === 0 && this.counters.bytesSent === bytesSent;
      if (handedOver) this.#host.post(() => this.#onDrained());
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
    this.#tellEngine();
  }

  #open(): void {
    this.#writable = 0;
    const { io, ...options } = this.#options.serial;
    this.#serial = new io({
      ...options,
      baud: this.#baud,
      onReadable: () => this.#onReadable(),
      onWritable: (count) => {
        this.#writable = count;
        this.#fill();
      },
    });
  }

  /** What the inbox has no room for stays in the UART until the engine has taken something. */
  #onReadable(): void {
    const room = Math.min(addon.receivable(this.#core), this.#received.length);
    const count = room > 0 ? this.#serial?.read(this.#received.subarray(0, room)) : undefined;
    if (!count) return;
    addon.receive(this.#core, this.#received, count, this.#now());
    this.#fill(); // a cue may have come
    this.#tellEngine();
    this.#service();
  }

  /** Hands over as much as the UART takes now. */
  #fill(): void {
    const count = addon.pending(this.#core, this.#outgoing.subarray(0, this.#writable));
    if (count === 0 || !this.#serial) return;
    this.#serial.write(this.#outgoing.subarray(0, count));
    this.#writable -= count;
    addon.sent(this.#core, count);
    this.#tellEngine();
  }

  #tellEngine(): void {
    if (this.#posted || this.#delivering) return;
    this.#posted = true;
    this.#host.post(() => {
      this.#posted = false;
      this.#delivering = true;
      while (!this.#closed && this.#deliver());
      this.#delivering = false;
      if (!this.#closed) this.#onReadable();
    });
  }

  /** The engine's side: payloads first. False when there was no news. */
  #deliver(): boolean {
    const length = addon.take(this.#core, this.#payload, this.#now());
    if (length > 0) {
      this.#options.onPayload(this.#payload, length);
      return true;
    }
    const events = addon.takeEvents(this.#core);
    if (events & WIRE_NOISE) this.#options.onNoise();
    if (events & WIRE_IDLE && !this.#closed) this.#options.onIdle();
    return events !== 0;
  }

  /** Pings that the engine leaves lying. */
  #service(): void {
    this.#clock.clear(this.#serviceTimer);
    const dueMs = addon.service(this.#core, this.#now());
    this.#fill();
    if (dueMs !== WIRE_NEVER) this.#serviceTimer = this.#clock.set(() => this.#service(), dueMs);
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
