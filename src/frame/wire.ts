/**
 * Frames over an ECMA-419 Serial: the TypeScript twin of the native wire.
 *
 * Invariants: one frame is on its way at a time and is never mixed with another; no write is larger than the free
 * part of the transmit FIFO; no empty frame leaves; a lone END precedes the first frame after boot, a change of baud
 * or a frame cut short, because it frees a parser that is stuck in half a frame (Blynk's does not resync on BEGIN).
 * Two buffers: the next frame can be encoded while the last one is on its way, or being chewed by the MCU.
 */

import type { Clock, Io, Serial, SerialClass, TimerHandle } from "../ports.js";
import { type DecoderCounters, FrameDecoder } from "./decoder.js";
import { encodeFrame } from "./encoder.js";
import { END, FRAME_BYTES_MAX } from "./layout.js";

/** The hardware FIFO of the ESP32, either way. */
const FIFO_BYTES = 128;
const BITS_PER_BYTE = 10;
/** Added to the computed drain time: the announced free space says nothing of the shift register. */
const DRAIN_MARGIN_MS = 2;

export interface WireCounters extends DecoderCounters {
  framesSent: number;
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
}

/** What Ferry needs of a wire: this class, or the native one on the device. */
export interface Wire {
  readonly idle: boolean;
  readonly baud: number;
  readonly counters: WireCounters;
  send(payload: Uint8Array, length: number): void;
  prepare(payload: Uint8Array, length: number): void;
  sendPrepared(): void;
  /** Switches once everything sent so far has left; until then and during the switch the wire is not idle. */
  setBaud(baud: number, onSwitched: () => void): void;
  /** Calls back once everything sent so far has left the UART. */
  afterDrain(callback: () => void): void;
  close(): void;
}

export type WireClass = new (options: WireOptions) => Wire;

interface FrameBuffer {
  readonly bytes: Uint8Array;
  /** Byte 0 holds the lone END; the frame begins at 1. */
  end: number;
}

export class SerialWire implements Wire {
  readonly #options: WireOptions;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #received = new Uint8Array(FIFO_BYTES);
  #serial: Serial | undefined;
  #baud: number;
  #writable = 0;
  #current = makeBuffer();
  #prepared = makeBuffer();
  /** The next byte of #current to write; equal to its end when nothing is on its way. */
  #position = 0;
  #needsEnd = true;
  #switching = false;
  #drainTimer: TimerHandle;
  readonly counters: WireCounters;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#baud = options.baud;
    this.#decoder = new FrameDecoder(options.onPayload);
    this.counters = Object.assign(this.#decoder.counters, {
      framesSent: 0,
      bytesSent: 0,
      bytesReceived: 0,
      baudChanges: 0,
    });
    this.#open();
  }

  get idle(): boolean {
    return this.#position === this.#current.end && !this.#switching && this.#serial !== undefined;
  }

  get baud(): number {
    return this.#baud;
  }

  send(payload: Uint8Array, length: number): void {
    this.#assertIdle();
    encodeInto(this.#current, payload, length);
    this.#begin();
  }

  prepare(payload: Uint8Array, length: number): void {
    encodeInto(this.#prepared, payload, length);
  }

  sendPrepared(): void {
    this.#assertIdle();
    const sent = this.#current;
    this.#current = this.#prepared;
    this.#prepared = sent;
    this.#begin();
  }

  setBaud(baud: number, onSwitched: () => void): void {
    this.#switching = true;
    this.afterDrain(() => {
      this.#close();
      this.#baud = baud;
      this.counters.baudChanges++;
      this.#open();
      this.#switching = false;
      onSwitched();
      this.#options.onIdle();
    });
  }

  afterDrain(callback: () => void): void {
    this.#clock.clear(this.#drainTimer);
    const unsentBytes = this.#current.end - this.#position + FIFO_BYTES;
    const drainMs = (unsentBytes * BITS_PER_BYTE * 1000) / this.#baud + DRAIN_MARGIN_MS;
    this.#drainTimer = this.#clock.set(callback, drainMs);
  }

  close(): void {
    this.#clock.clear(this.#drainTimer);
    this.#close();
  }

  #open(): void {
    this.#needsEnd = true;
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
    this.counters.bytesReceived += count;
    const damageBefore = this.#decoder.damage;
    this.#decoder.push(this.#received, count);
    if (this.#decoder.damage !== damageBefore) this.#options.onNoise();
  }

  #onWritable(count: number): void {
    this.#writable = count;
    if (this.#position < this.#current.end) this.#fill();
  }

  #begin(): void {
    this.#position = this.#needsEnd ? 0 : 1;
    this.#needsEnd = false;
    this.counters.framesSent++;
    this.#fill();
  }

  /** Hands over as much of the current frame as the FIFO takes now. */
  #fill(): void {
    const { bytes, end } = this.#current;
    const count = Math.min(this.#writable, end - this.#position);
    if (count === 0) return;
    this.#serial?.write(bytes.subarray(this.#position, this.#position + count));
    this.#writable -= count;
    this.#position += count;
    this.counters.bytesSent += count;
    if (this.#position === end && !this.#switching) this.#options.onIdle();
  }

  #assertIdle(): void {
    if (!this.idle) throw new Error("wire: a frame is on its way, or the wire is closed");
  }
}

function makeBuffer(): FrameBuffer {
  const bytes = new Uint8Array(1 + FRAME_BYTES_MAX);
  bytes[0] = END;
  return { bytes, end: 0 };
}

function encodeInto(buffer: FrameBuffer, payload: Uint8Array, length: number): void {
  buffer.end = encodeFrame(payload, length, buffer.bytes, 1);
}
