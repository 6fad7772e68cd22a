/**
 * Bytes to payloads, in whatever pieces they arrive.
 *
 * Invariants: nothing from the wire throws; a payload handed over had both delimiters, clean escapes and a right
 * CRC-8; after any garbage the next good frame is found, because an unescaped BEGIN always starts a new frame (it
 * never occurs inside a valid one). Unlike Blynk's driver, which takes BEGIN inside a frame as data.
 * Fault model: lost, flipped and inserted bytes anywhere, text between frames, frames cut short. An escape must
 * complement one of the five bytes that need it; anything else shows a damaged frame before its CRC does.
 */

import { CRC8_TABLE } from "../base/crc.js";
import { BEGIN, END, ESCAPED, IS_DELIMITER, PAYLOAD_BYTES_MAX } from "./layout.js";

/** What the decoder has seen since it was made. Users paste these into issues, so each is a separate cause. */
export interface DecoderCounters {
  /** Good frames handed over. */
  frames: number;
  /** Bytes outside frames: boot logs, noise, the rest of a damaged frame. */
  noiseBytes: number;
  /** Frames whose CRC-8 was wrong. */
  crcErrors: number;
  /** Frames with an escape that no encoder writes. */
  escapeErrors: number;
  /** Frames longer than the protocol's limit. */
  oversizeFrames: number;
  /** Frames that a new BEGIN cut short. */
  restarts: number;
  /** BEGIN and END with no payload between: CRC only, or nothing. */
  emptyFrames: number;
}

/** Outside of frames; inside one; inside one, right after ESCAPE. Numbers: the engine compares them fastest. */
const NOISE = 0;
const FRAME = 1;
const ESCAPED_BYTE = 2;

export class FrameDecoder {
  /** Payload and CRC of the frame under way; reused for every frame. */
  readonly #buffer = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
  readonly #onPayload: (payload: Uint8Array, length: number) => void;
  readonly #onNoise: () => void;
  #length = 0;
  #crc = 0;
  #state = NOISE;
  #noisy = false;
  #closed = false;
  readonly counters: DecoderCounters = {
    frames: 0,
    noiseBytes: 0,
    crcErrors: 0,
    escapeErrors: 0,
    oversizeFrames: 0,
    restarts: 0,
    emptyFrames: 0,
  };

  /**
   * @param onPayload gets the payload in a buffer that the next frame overwrites: bytes [0, length) are valid meanwhile
   * @param onNoise comes after a push that held bytes or frames that were no good
   */
  constructor(onPayload: (payload: Uint8Array, length: number) => void, onNoise: () => void = () => {}) {
    this.#onPayload = onPayload;
    this.#onNoise = onNoise;
  }

  /**
   * Takes bytes [0, count). Payloads are handed over from inside. A byte at [count], if there is one, is overwritten:
   * an END there stops the inner loop, which then need not count.
   *
   * The way of a good frame is written out here, on locals: on the engine a private field or a call costs as much as
   * half a byte's work, and the nine bytes of a RESULT stand between one chunk and the next.
   */
  push(bytes: Uint8Array, count = bytes.length): void {
    const isDelimiter = IS_DELIMITER;
    const crcTable = CRC8_TABLE;
    const buffer = this.#buffer;
    if (count < bytes.length) bytes[count] = END; // beyond the end of the array the loop finds nothing, and stops too
    let i = 0;
    while (i < count) {
      let byte = bytes[i++] as number;
      if (byte === BEGIN && this.#state === NOISE) {
        this.#state = FRAME;
        this.#length = 0;
        this.#crc = 0;
        byte = bytes[i++] as number;
      }
      if (this.#state === FRAME) {
        let length = this.#length;
        let crc = this.#crc;
        while (isDelimiter[byte] === 0) {
          buffer[length++] = byte; // beyond the buffer's end nothing is stored; the length tells
          crc = crcTable[crc ^ byte] as number;
          byte = bytes[i++] as number;
        }
        this.#length = length;
        this.#crc = crc;
        if (i > count) break;
      }
      if (byte === END) this.#end();
      else this.#takeSpecial(byte);
    }
    if (!this.#noisy || this.#closed) return;
    this.#noisy = false;
    this.#onNoise();
  }

  /** Nothing is handed over any more, also of a push that is under way. */
  close(): void {
    this.#closed = true;
  }

  /** Forgets a frame under way: for a change of baud. */
  reset(): void {
    this.#state = NOISE;
  }

  /** Anything but END and a plain byte inside a frame. */
  #takeSpecial(byte: number): void {
    if (byte === BEGIN) {
      this.#giveUp("restarts");
      this.#state = FRAME;
      this.#length = 0;
      this.#crc = 0;
    } else if (this.#state === NOISE) {
      this.counters.noiseBytes++;
      this.#noisy = true;
    } else if (this.#state === FRAME) {
      this.#state = ESCAPED_BYTE; // nothing but ESCAPE is left
    } else this.#takeEscaped(byte ^ 0xff);
  }

  #takeEscaped(byte: number): void {
    if (!ESCAPED[byte]) return this.#giveUp("escapeErrors");
    this.#buffer[this.#length++] = byte;
    this.#crc = CRC8_TABLE[this.#crc ^ byte] as number;
    this.#state = FRAME;
  }

  /** The running CRC over payload and its own CRC byte ends at zero. A lone END is no noise: it frees stuck parsers. */
  #end(): void {
    if (this.#state === NOISE) return;
    const length = this.#length - 1;
    if (this.#state === ESCAPED_BYTE) return this.#giveUp("escapeErrors");
    if (length > PAYLOAD_BYTES_MAX) return this.#giveUp("oversizeFrames");
    if (this.#crc !== 0) return this.#giveUp("crcErrors");
    this.#state = NOISE;
    if (length < 1) {
      this.counters.emptyFrames++;
      return;
    }
    if (!this.#closed) this.#onPayload(this.#buffer, length);
    this.counters.frames++;
  }

  #giveUp(cause: "restarts" | "oversizeFrames" | "escapeErrors" | "crcErrors"): void {
    this.counters[cause]++;
    this.#noisy = true;
    this.#state = NOISE;
  }
}
