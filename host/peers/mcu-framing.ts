/**
 * Frames as the C driver on the MCU reads and writes them, faults included. Written from the protocol document and
 * the driver's observed behaviour, and deliberately without src/frame and src/base/crc: this side is the oracle.
 *
 *   AA | escaped payload | escaped CRC-8 | BB        CC introduces the complement of 11, 13, AA, BB or CC
 *
 * What a shipped driver does and a good one would not: BEGIN inside a frame is data; an escape accepts any byte, END
 * among them; an empty frame makes its FIFO counter underflow, so that 255 stale bytes go in front of the next frame;
 * nothing bounds the copy into the one receive buffer.
 */

const BEGIN = 0xaa;
const END = 0xbb;
const ESCAPE = 0xcc;

/** The driver's FIFO between UART and receive buffer; its stale bytes are what an underflow reads. */
const FIFO_BYTES = 32;

/** What eight shifts by the polynomial make of each byte: bit by bit, once. */
function tableOf(shift: (remainder: number) => number): readonly number[] {
  return Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = shift(remainder);
    return remainder;
  });
}

const CRC8 = Object.freeze(tableOf((crc) => (crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1)));
const CRC32 = Object.freeze(tableOf((crc) => (crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1)));

function crc8Step(crc: number, byte: number): number {
  return CRC8[crc ^ byte] as number;
}

/** zlib's CRC-32, going on from `previous`. */
export function crc32Of(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  for (let i = 0; i < bytes.length; i++) crc = (CRC32[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function mustEscape(byte: number): boolean {
  return byte === 0x11 || byte === 0x13 || byte === BEGIN || byte === END || byte === ESCAPE;
}

/** The frame of payload bytes [0, length). */
export function frameOf(payload: Uint8Array, length = payload.length): Uint8Array {
  const frame: number[] = [BEGIN];
  const put = (byte: number) => {
    if (mustEscape(byte)) frame.push(ESCAPE, byte ^ 0xff);
    else frame.push(byte);
  };
  let crc = 0;
  for (const byte of payload.subarray(0, length)) {
    crc = crc8Step(crc, byte);
    put(byte);
  }
  put(crc);
  frame.push(END);
  return Uint8Array.from(frame);
}

export interface ParserOptions {
  /** The receive buffer; a longer payload writes over whatever lies behind it. */
  readonly bufferBytes: number;
  /** Restart on BEGIN inside a frame, as Blynk's Python tool does and its C driver does not. */
  readonly resyncsOnBeg: boolean;
}

/** Called from inside push(). */
export interface ParserEvents {
  /** The first byte beyond the receive buffer was written. The frame will be dropped. */
  onSmash?(): void;
  /** A frame without even a CRC. */
  onEmptyFrame?(): void;
  onBadCrc?(): void;
}

export class McuParser {
  /** The one static receive buffer: the next frame overwrites the last one. */
  readonly buffer: Uint8Array;
  /** Bytes of the frame that push() has just completed. */
  frameBytes = 0;
  /** Wire bytes of the frame under way or just completed, both delimiters included. */
  wireBytes = 0;
  readonly #resyncsOnBeg: boolean;
  readonly #events: ParserEvents;
  readonly #fifo = new Uint8Array(FIFO_BYTES);
  #fifoAt = 0;
  #state: "idle" | "data" | "escape" = "idle";
  /** Payload bytes so far; beyond the buffer they only count. */
  #length = 0;
  /** The newest byte: the CRC, unless another follows. -1 for none. */
  #held = -1;
  #crc = 0;

  constructor(options: ParserOptions, events: ParserEvents = {}) {
    this.buffer = new Uint8Array(options.bufferBytes);
    this.#resyncsOnBeg = options.resyncsOnBeg;
    this.#events = events;
  }

  /** The payload of the frame just completed, in the static buffer. */
  get frame(): Uint8Array {
    return this.buffer.subarray(0, this.frameBytes);
  }

  /** Forgets the frame under way, as an initialised driver does. */
  reset(): void {
    this.#state = "idle";
    this.#startFrame();
  }

  /** Takes one byte; true when it completed a frame whose CRC is right and which fits the buffer. */
  push(byte: number): boolean {
    if (this.#state === "idle") {
      if (byte === BEGIN) this.#begin();
      return false;
    }
    this.wireBytes++;
    if (byte === BEGIN && this.#resyncsOnBeg) {
      this.#startFrame();
      this.#begin();
    } else if (this.#state === "escape") {
      this.#state = "data";
      this.#take(byte ^ 0xff);
    } else if (byte === ESCAPE) this.#state = "escape";
    else if (byte === END) return this.#close();
    else this.#take(byte);
    return false;
  }

  #begin(): void {
    this.#state = "data";
    this.wireBytes = 1;
  }

  /** Stale bytes of an underflow stay: they belong to the next frame. */
  #startFrame(): void {
    this.#length = 0;
    this.#held = -1;
    this.#crc = 0;
  }

  #take(byte: number): void {
    this.#fifo[this.#fifoAt] = byte;
    this.#fifoAt = (this.#fifoAt + 1) % FIFO_BYTES;
    if (this.#held >= 0) this.#store(this.#held);
    this.#held = byte;
  }

  #store(byte: number): void {
    this.#crc = crc8Step(this.#crc, byte);
    if (this.#length < this.buffer.length) this.buffer[this.#length] = byte;
    else if (this.#length === this.buffer.length) this.#events.onSmash?.();
    this.#length++;
  }

  #close(): boolean {
    this.#state = "idle";
    if (this.#held < 0) {
      this.#underflow();
      return false;
    }
    const length = this.#length;
    const crcIsRight = this.#held === this.#crc;
    this.#startFrame();
    if (!crcIsRight) this.#events.onBadCrc?.();
    if (!crcIsRight || length > this.buffer.length) return false;
    this.frameBytes = length;
    return true;
  }

  /** The u8 count of an empty FIFO went from 0 to 255: 254 stale bytes are "payload", one more is held. */
  #underflow(): void {
    this.#events.onEmptyFrame?.();
    const stale = (index: number) => this.#fifo[(this.#fifoAt + index) % FIFO_BYTES] as number;
    for (let index = 1; index < 255; index++) this.#store(stale(index));
    this.#held = stale(255);
  }
}
