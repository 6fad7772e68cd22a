/**
 * The native wire: frames over the chip's UART, made and checked in C (wire-core.c, wire-xs.c). Same shape and promises
 * as the TypeScript one in frame/wire.ts, with kilobytes of receive buffer, a change of baud without closing the port,
 * and pings answered by the UART's interrupt, whatever else the chip is doing (wire-line.h). Here is only what the engine
 * decides: who waits for what.
 */

import { PAYLOAD_BYTES_MAX } from "../frame/layout.js";
import type { Wire, WireClass, WireCounters, WireOptions } from "../frame/wire.js";

/** On the ESP32: the UART's number and its pins. Absent pins for RTS or CTS: no flow control that way. */
export interface NativeUartOptions {
  readonly port: number;
  readonly transmit: number;
  readonly receive: number;
  readonly rts?: number;
  readonly cts?: number;
  /** What may arrive while nobody listens; 4096 unless said otherwise. */
  readonly receiveRingBytes?: number;
}

/** On a PC: a terminal device, of a serial port or a pseudo-terminal. */
export interface NativeDeviceOptions {
  readonly device: string;
}

/** Pings that were answered, and their answers, are in none of the others. */
export interface NativeWireCounters extends WireCounters {
  /** Payloads that found no room: none, or there is a fault in the wire. */
  inboxDrops: number;
  /** By the wire, in the engine's name. */
  pingsAnswered: number;
  /** Times that the UART lost bytes, because nobody fetched them. */
  overruns: number;
  /** Bytes without a stop bit: another baud, or a break. */
  framingErrors: number;
}

/** In the order of the C structures. */
const COUNTER_NAMES: readonly (keyof NativeWireCounters)[] = Object.freeze([
  "frames",
  "noiseBytes",
  "crcErrors",
  "escapeErrors",
  "oversizeFrames",
  "restarts",
  "emptyFrames",
  "framesSent",
  "framesCued",
  "bytesSent",
  "bytesReceived",
  "baudChanges",
  "inboxDrops",
  "pingsAnswered",
  "overruns",
  "framingErrors",
]);

/** What the C tells besides payloads, as bits (wire-core.h, wire-xs.c). */
const NOISE = 1;
const IDLE = 2;
const HEARD = 4;
const DRAINED = 8;

interface PortOptions {
  readonly baud: number;
  /** Payloads are handed over in here. */
  readonly payload: Uint8Array;
  onPayload(payload: Uint8Array, length: number): void;
  onNews(news: number): void;
}

/** The calls of wire-xs.c: each is that C function itself. */
class NativePort extends Native("xs_ferry_wire_destructor") {
  constructor(options: PortOptions) {
    super();
    native("xs_ferry_wire_constructor").call(this, options);
  }
  get idle(): boolean {
    return native("xs_ferry_wire_get_idle").call(this);
  }
  send(payload: Uint8Array, length: number): void {
    native("xs_ferry_wire_send").call(this, payload, length);
  }
  prepare(payload: Uint8Array, length: number, cue?: Uint8Array): void {
    native("xs_ferry_wire_prepare").call(this, payload, length, cue);
  }
  sendPrepared(): boolean {
    return native("xs_ferry_wire_sendPrepared").call(this);
  }
  dropCue(): boolean {
    return native("xs_ferry_wire_dropCue").call(this);
  }
  hold(isHeld: boolean): void {
    native("xs_ferry_wire_hold").call(this, isHeld);
  }
  switchBaud(baud: number): boolean {
    return native("xs_ferry_wire_switchBaud").call(this, baud);
  }
  readCounters(into: ArrayBuffer): void {
    native("xs_ferry_wire_readCounters").call(this, into);
  }
  close(): void {
    native("xs_ferry_wire_close").call(this);
  }
}

/** The class to give to Ncp. Throws where it is constructed when the port cannot be had. */
export function makeNativeWire(port: NativeUartOptions | NativeDeviceOptions): WireClass {
  return class NativeWire extends NativePort implements Wire {
    #baud: number;
    #closed = false;
    /** Wait until all that was sent has left; nothing else is sent meanwhile. */
    readonly #drainWaiters: (() => void)[] = [];

    constructor(options: WireOptions) {
      const { baud } = options;
      const payload = new Uint8Array(PAYLOAD_BYTES_MAX);
      const onNews = (news: number) => {
        if (news & NOISE) options.onNoise();
        if (news & HEARD && !this.#closed) options.onPingAnswered();
        if (news & DRAINED) this.#onDrained();
        if (news & IDLE && !this.#closed) options.onIdle();
      };
      super({ ...port, baud, payload, onPayload: options.onPayload, onNews });
      this.#baud = baud;
    }

    get baud(): number {
      return this.#baud;
    }

    get counters(): NativeWireCounters {
      const values = new Uint32Array(COUNTER_NAMES.length);
      this.readCounters(values.buffer);
      return Object.fromEntries(
        COUNTER_NAMES.map((name, index) => [name, values[index]]),
      ) as unknown as NativeWireCounters;
    }

    /** A rate that the UART cannot make is not heard of again: the link goes back from a rate that does not prove itself. */
    setBaud(baud: number, onSwitched: () => void): void {
      this.afterDrain(() => {
        if (this.switchBaud(baud)) this.#baud = baud;
        onSwitched();
      });
    }

    afterDrain(callback: () => void): void {
      if (this.#closed) return;
      this.#drainWaiters.push(callback);
      if (this.#drainWaiters.length === 1) this.hold(true);
    }

    override close(): void {
      this.#closed = true;
      this.#drainWaiters.length = 0;
      super.close();
    }

    /** Whoever comes meanwhile waits no longer than the others: everything has left. */
    #onDrained(): void {
      for (let next = this.#drainWaiters[0]; next; next = this.#drainWaiters[0]) {
        next();
        this.#drainWaiters.shift();
      }
      if (!this.#closed) this.hold(false);
    }
  };
}
