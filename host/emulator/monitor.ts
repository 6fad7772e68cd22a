/**
 * Listens to both directions of the emulated line: understands the messages, counts them, and writes a trace.
 *
 * A run of bytes is looked at when its last one has arrived, so lines are in the order of time. What the receiver cannot
 * understand, for it listens at another rate, is not understood here either. Bytes that are no frame are told when a
 * pause or something else ends them: programs may write them one by one.
 */

import { crc8 } from "../../src/base/crc.js";
import { FrameDecoder } from "../../src/frame/decoder.js";
import { BEGIN, END, ESCAPE } from "../../src/frame/layout.js";
import type { TimerHandle } from "../../src/ports.js";
import type { Side } from "../../src/rpc/catalogue.js";
import type { VirtualClock } from "../sim/clock.js";
import type { ObservedRun, UartEnd, UartLine } from "../sim/uart.js";
import { baudsMatch, runEndMs } from "../sim/uart-wire.js";
import { bytesText, type Message, MessageReader, messageText } from "./messages.js";

export interface MonitorOptions {
  readonly clock: VirtualClock;
  readonly uart: UartLine;
  /** Gets the lines of the trace. */
  readonly trace?: (line: string) => void;
  readonly onMessage?: (speaker: Side, message: Message) => void;
}

export interface DirectionCounts {
  /** Calls of this side, oneways among them. */
  calls: number;
  /** Frames that were no good, for whatever reason. */
  damagedFrames: number;
  /** Bytes outside of frames. */
  noiseBytes: number;
  /** Bytes that the other side could not understand, or that nobody was there to hear. */
  unheardBytes: number;
}

/** Why frames are no good, by the decoder's counters. */
const DAMAGES = {
  crcErrors: "CRC-8 is wrong",
  escapeErrors: "an escape that nobody writes",
  oversizeFrames: "longer than the protocol allows",
  restarts: "cut short by the next frame",
  emptyFrames: "without payload",
} as const;
/** Of raw bytes that a line of the trace is about, at most so many are kept. */
const RAW_BYTES_MAX = 4096;
/** So long a silence ends a line of stray bytes. */
const STRAY_PAUSE_MS = 5;
const PRINTABLE = /^[\x20-\x7e\r\n]+$/;

export class Monitor {
  readonly counts: Readonly<Record<Side, DirectionCounts>>;

  constructor({ clock, uart, trace, onMessage }: MonitorOptions) {
    const readers = { mcu: new MessageReader("mcu"), ncp: new MessageReader("ncp") };
    readers.mcu.other = readers.ncp;
    readers.ncp.other = readers.mcu;
    const make = (speaker: Side, listener: UartEnd) => {
      const arrow = speaker === "mcu" ? "MCU > Ferry" : "Ferry > MCU";
      return new Direction({
        clock,
        listener,
        reader: readers[speaker],
        tell: (message) => onMessage?.(speaker, message),
        trace: trace && ((text) => trace(`${(clock.now() / 1000).toFixed(4).padStart(11)}  ${arrow}  ${text}`)),
      });
    };
    const directions = { mcu: make("mcu", uart.a), ncp: make("ncp", uart.b) };
    this.counts = { mcu: directions.mcu.counts, ncp: directions.ncp.counts };
    uart.observe((run) => {
      const direction = run.from === uart.a ? directions.ncp : directions.mcu;
      clock.setAt(() => direction.take(run), runEndMs(run));
    });
  }
}

interface DirectionOptions {
  readonly clock: VirtualClock;
  readonly listener: UartEnd;
  readonly reader: MessageReader;
  readonly tell: (message: Message) => void;
  readonly trace: ((text: string) => void) | undefined;
}

class Direction {
  readonly counts: DirectionCounts = { calls: 0, damagedFrames: 0, noiseBytes: 0, unheardBytes: 0 };
  readonly #options: DirectionOptions;
  readonly #decoder: FrameDecoder;
  readonly #byte = new Uint8Array(1);
  /** What has come since the last frame. */
  #raw: number[] = [];
  /** Bytes that are no part of any frame, and why. */
  #stray: number[] = [];
  #strayReason = "";
  #strayTimer: TimerHandle;

  constructor(options: DirectionOptions) {
    this.#options = options;
    this.#decoder = new FrameDecoder((payload, length) => this.#onPayload(payload.slice(0, length)));
  }

  take({ bytes, baud }: ObservedRun): void {
    const { baud: listenerBaud } = this.#options.listener;
    const isHeard = listenerBaud !== undefined && baudsMatch(baud, listenerBaud);
    const listening = listenerBaud === undefined ? "nobody listens" : `the other side listens at ${listenerBaud}`;
    if (!isHeard) this.counts.unheardBytes += bytes.length;
    for (const byte of bytes) {
      if (isHeard) this.#takeByte(byte);
      else this.#onStray(byte, `at ${baud} baud, and ${listening}`);
    }
    this.#options.clock.clear(this.#strayTimer);
    this.#strayTimer = this.#options.clock.set(() => this.#tellStray(), STRAY_PAUSE_MS);
  }

  /** One at a time, so that each damage is told with the bytes that it befell. */
  #takeByte(byte: number): void {
    const before = { ...this.#decoder.counters };
    if (this.#raw.length < RAW_BYTES_MAX) this.#raw.push(byte);
    this.#byte[0] = byte;
    this.#decoder.push(this.#byte);
    const after = this.#decoder.counters;
    if (after.noiseBytes > before.noiseBytes) {
      this.counts.noiseBytes++;
      this.#onStray(byte, "outside of frames");
      this.#raw = [];
    }
    for (const cause of Object.keys(DAMAGES) as (keyof typeof DAMAGES)[]) {
      if (after[cause] > before[cause]) this.#onDamage(cause, byte);
    }
    if (byte === END) this.#raw = [];
  }

  #onPayload(payload: Uint8Array): void {
    this.#tellStray();
    const message = this.#options.reader.read(payload);
    if (message.kind === "invoke" || message.kind === "oneway") this.counts.calls++;
    this.#options.trace?.(messageText(message));
    this.#options.tell(message);
  }

  #onDamage(cause: keyof typeof DAMAGES, byte: number): void {
    this.counts.damagedFrames++;
    this.#tellStray();
    const isRestart = cause === "restarts";
    const raw = Uint8Array.from(isRestart ? this.#raw.slice(0, -1) : this.#raw);
    this.#raw = isRestart ? [byte] : [];
    const detail = cause === "crcErrors" ? crcText(raw) : "";
    this.#options.trace?.(`damaged frame, ${DAMAGES[cause]}${detail}: ${bytesText(raw)}`);
  }

  #onStray(byte: number, reason: string): void {
    if (reason !== this.#strayReason || this.#stray.length === RAW_BYTES_MAX) this.#tellStray();
    this.#strayReason = reason;
    this.#stray.push(byte);
  }

  #tellStray(): void {
    const bytes = Buffer.from(this.#stray);
    this.#stray = [];
    if (bytes.length === 0) return;
    const text = bytes.toString("latin1");
    this.#options.trace?.(`${this.#strayReason}: ${PRINTABLE.test(text) ? JSON.stringify(text) : bytesText(bytes)}`);
  }
}

/** What the CRC-8 of a raw frame is, and what it should be. */
function crcText(raw: Uint8Array): string {
  const plain: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i] ?? 0;
    if (byte === ESCAPE) plain.push((raw[++i] ?? 0) ^ 0xff);
    else if (byte !== BEGIN && byte !== END) plain.push(byte);
  }
  const bytes = Uint8Array.from(plain);
  const hex = (value = 0) => value.toString(16).padStart(2, "0");
  return ` (${hex(bytes.at(-1))}, should be ${hex(crc8(bytes, 0, bytes.length - 1))})`;
}
