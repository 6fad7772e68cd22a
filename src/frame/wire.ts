/**
 * Frames over an ECMA-419 Serial: the TypeScript twin of the native wire.
 *
 * Invariants: one frame is on its way at a time and is never mixed with another; no write is larger than the free
 * part of the transmit FIFO; no empty frame leaves; a lead-in precedes the first frame after boot, a change of baud or
 * a frame cut short, because it frees a parser that is stuck in half a frame (Blynk's does not resync on BEGIN).
 * Two buffers: the next frame can be encoded while the last one is on its way, or being chewed by the MCU. It may have a
 * cue: the one payload at whose arrival it leaves, before anybody has thought about that payload. So the line stands
 * still between two frames only as long as the wire itself needs, however long the engine takes.
 */

import type { Clock, Io, Serial, SerialClass, TimerHandle } from "../ports.js";
import { type DecoderCounters, FrameDecoder } from "./decoder.js";
import { encodeFrame } from "./encoder.js";
import { END, FRAME_BYTES_MAX, LEAD_IN_BYTES } from "./layout.js";

/** The longest payload that can be a cue: short, for it is kept, and compared with what arrives. */
export const CUE_BYTES_MAX = 8;

/** The hardware FIFO of the ESP32, either way. */
const FIFO_BYTES = 128;
const BITS_PER_BYTE = 10;
/** Added to the computed drain time: clocks count whole milliseconds, and bauds are off by up to a percent. */
const DRAIN_MARGIN_MS = 2;

export interface WireCounters extends DecoderCounters {
  framesSent: number;
  /** Of these: prepared frames that left at their cue. */
  framesCued: number;
  bytesSent: number;
  bytesReceived: number;
  baudChanges: number;
}

export interface WireOptions {
  clock: Clock;
  serial: Io<SerialClass>;
  baud: number;
  /** A verified payload: bytes [0, length), valid during the call. */
  onPayload(payload: Uint8Array, length: number): void;
  /** Bytes arrived that are no part of any good frame. */
  onNoise(): void;
  /** The last frame has been handed to the UART: the next may come. */
  onIdle(): void;
  /** The MCU has pinged, and the wire has answered by itself, as the native one does. */
  onPingAnswered(): void;
}

/** What Ferry needs of a wire: this class, or the native one on the device. */
export interface Wire {
  readonly idle: boolean;
  readonly baud: number;
  readonly counters: WireCounters;
  send(payload: Uint8Array, length: number): void;
  /** Encodes a frame ahead of time and replaces one prepared before. `cue`: at most CUE_BYTES_MAX bytes. */
  prepare(payload: Uint8Array, length: number, cue?: Uint8Array): void;
  /**
   * Sends what was prepared, unless its cue has: true either way. False when another frame is on its way. From then on
   * no cue counts.
   */
  sendPrepared(): boolean;
  /**
   * What is prepared waits for sendPrepared() alone. False: too late, it has left at its cue; the payload that was the
   * cue has been handed over, or is about to be.
   */
  dropCue(): boolean;
  /**
   * Switches once everything sent so far has left, and soon: an MCU talks at the new baud 20 ms after it heard the
   * answer at the old one, and a Zephyr host tries each baud only once. Until then the wire is not idle.
   */
  setBaud(baud: number, onSwitched: () => void): void;
  /** Calls back once everything sent so far has left the UART. Until then the wire is not idle. */
  afterDrain(callback: () => void): void;
  /** Final: nothing is called back any more. */
  close(): void;
}

export type WireClass = new (options: WireOptions) => Wire;

const NO_CUE = new Uint8Array(0);

interface FrameBuffer {
  readonly bytes: Uint8Array;
  /** The lead-in, then the frame. */
  end: number;
}

export class SerialWire implements Wire {
  readonly #options: WireOptions;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #received = new Uint8Array(FIFO_BYTES + 1); // one more for the decoder
  #serial: Serial | undefined;
  #baud: number;
  #writable = 0;
  #current = makeBuffer();
  #prepared = makeBuffer();
  readonly #cue = new Uint8Array(CUE_BYTES_MAX);
  /** 0 when there is none. */
  #cueLength = 0;
  /** The prepared frame has left at its cue, and nobody has asked for it yet. */
  #preparedHasLeft = false;
  /** The next byte of #current to write; equal to its end when nothing is on its way. */
  #position = 0;
  #needsLeadIn = true;
  /** Wait until all that was sent has left; nothing else is sent meanwhile. */
  readonly #drainWaiters: (() => void)[] = [];
  #draining = false;
  #drainTimer: TimerHandle;
  /** When the line has sent all that was handed over, if nothing has held it up. */
  #sentAtMs = 0;
  readonly counters: WireCounters;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#baud = options.baud;
    this.#decoder = new FrameDecoder((payload, length) => {
      if (length === this.#cueLength) this.#takeCue(payload);
      options.onPayload(payload, length);
    }, options.onNoise);
    this.counters = Object.assign(this.#decoder.counters, {
      framesSent: 0,
      framesCued: 0,
      bytesSent: 0,
      bytesReceived: 0,
      baudChanges: 0,
    });
    this.#open();
  }

  get idle(): boolean {
    return this.#position === this.#current.end && !this.#draining && this.#serial !== undefined;
  }

  get baud(): number {
    return this.#baud;
  }

  send(payload: Uint8Array, length: number): void {
    this.#assertIdle();
    encodeInto(this.#current, payload, length);
    this.#begin();
  }

  prepare(payload: Uint8Array, length: number, cue = NO_CUE): void {
    this.#cue.set(cue); // throws when it is too long
    this.#cueLength = cue.length;
    this.#preparedHasLeft = false;
    encodeInto(this.#prepared, payload, length);
  }

  sendPrepared(): boolean {
    this.#cueLength = 0;
    if (this.#preparedHasLeft) this.#preparedHasLeft = false;
    else if (this.idle) this.#beginPrepared();
    else return false;
    return true;
  }

  dropCue(): boolean {
    this.#cueLength = 0;
    return !this.#preparedHasLeft;
  }

  setBaud(baud: number, onSwitched: () => void): void {
    this.afterDrain(() => {
      this.#close();
      this.#baud = baud;
      this.counters.baudChanges++;
      this.#open();
      onSwitched();
    });
  }

  afterDrain(callback: () => void): void {
    if (!this.#serial) return;
    this.#drainWaiters.push(callback);
    if (this.#draining) return;
    this.#draining = true;
    this.#awaitDrain();
  }

  close(): void {
    this.#clock.clear(this.#drainTimer);
    this.#drainWaiters.length = 0;
    this.#decoder.close();
    this.#close();
  }

  /**
   * What the FIFO may still hold is known from the free space last announced, which may be long ago, and from the time
   * since the last byte; one more byte is on the line.
   */
  #awaitDrain(): void {
    const restBytes = this.#current.end - this.#position;
    const fifoMs = this.#lineMs(restBytes + FIFO_BYTES - this.#writable + LEAD_IN_BYTES);
    const lineMs = Math.max(0, this.#sentAtMs - this.#clock.now()) + this.#lineMs(restBytes + LEAD_IN_BYTES);
    const drainMs = Math.min(fifoMs, lineMs) + DRAIN_MARGIN_MS;
    const { bytesSent } = this.counters;
    this.#drainTimer = this.#clock.set(() => {
      // Bytes that a busy processor handed over late need their own time.
      const handedOver = this.#position === this.#current.end && this.counters.bytesSent === bytesSent;
      if (handedOver) this.#onDrained();
      else this.#awaitDrain();
    }, drainMs);
  }

  #onDrained(): void {
    for (let next = this.#drainWaiters.shift(); next; next = this.#drainWaiters.shift()) next();
    this.#draining = false;
    if (this.idle) this.#options.onIdle();
  }

  #lineMs(bytes: number): number {
    return (bytes * BITS_PER_BYTE * 1000) / this.#baud;
  }

  #open(): void {
    this.#needsLeadIn = true;
    this.#writable = 0;
    this.#decoder.reset();
    const { io, ...options } = this.#options.serial;
    this.#serial = new io({
      ...options,
      baud: this.#baud,
      onReadable: () => this.#onReadable(),
      onWritable: (count) => this.#onWritable(count),
    });
  }

  /** A frame that had not left whole is given up. */
  #close(): void {
    this.#position = this.#current.end;
    this.#serial?.close();
    this.#serial = undefined;
  }

  #onReadable(): void {
    const count = this.#serial?.read(this.#received);
    if (!count) return;
    this.#decoder.push(this.#received, count);
    this.counters.bytesReceived += count;
  }

  #onWritable(count: number): void {
    this.#writable = count;
    if (this.#position < this.#current.end) this.#fill();
  }

  #takeCue(payload: Uint8Array): void {
    for (let i = 0; i < this.#cueLength; i++) if (payload[i] !== this.#cue[i]) return;
    if (!this.idle) return;
    this.#cueLength = 0;
    this.#preparedHasLeft = true;
    this.counters.framesCued++;
    this.#beginPrepared();
  }

  #beginPrepared(): void {
    const sent = this.#current;
    this.#current = this.#prepared;
    this.#prepared = sent;
    this.#begin();
  }

  #begin(): void {
    this.#position = this.#needsLeadIn ? 0 : LEAD_IN_BYTES;
    this.#needsLeadIn = false;
    this.#fill();
    this.counters.framesSent++;
  }

  /** Hands over as much of the current frame as the FIFO takes now. */
  #fill(): void {
    const current = this.#current;
    const position = this.#position;
    const rest = current.end - position;
    const count = rest < this.#writable ? rest : this.#writable;
    if (count === 0) return;
    this.#serial?.write(current.bytes.subarray(position, position + count));
    this.#writable -= count;
    this.#sentAtMs = Math.max(this.#sentAtMs, this.#clock.now()) + this.#lineMs(count);
    this.#position = position + count;
    this.counters.bytesSent += count;
    if (this.#position === current.end && !this.#draining) this.#options.onIdle();
  }

  #assertIdle(): void {
    if (!this.idle) throw new Error("wire: a frame is on its way, or the wire is closed");
  }
}

function makeBuffer(): FrameBuffer {
  const bytes = new Uint8Array(LEAD_IN_BYTES + FRAME_BYTES_MAX);
  bytes[LEAD_IN_BYTES - 1] = END;
  return { bytes, end: 0 };
}

function encodeInto(buffer: FrameBuffer, payload: Uint8Array, length: number): void {
  buffer.end = encodeFrame(payload, length, buffer.bytes, LEAD_IN_BYTES);
}
