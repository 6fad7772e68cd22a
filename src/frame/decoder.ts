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
import { BEGIN, END, ESCAPE, ESCAPED, PAYLOAD_BYTES_MAX } from "./layout.js";

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

type State = "noise" | "frame" | "escape";

export class FrameDecoder {
  /** Payload and CRC of the frame under way; reused for every frame. */
  readonly #buffer = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
  readonly #onPayload: (payload: Uint8Array, length: number) => void;
  #length = 0;
  #crc = 0;
  #state: State = "noise";
  readonly counters: DecoderCounters = {
    frames: 0,
    noiseBytes: 0,
    crcErrors: 0,
    escapeErrors: 0,
    oversizeFrames: 0,
    restarts: 0,
    emptyFrames: 0,
  };

  /** `onPayload` gets the payload in a buffer that the next frame overwrites: [0, length) is valid during the call. */
  constructor(onPayload: (payload: Uint8Array, length: number) => void) {
    this.#onPayload = onPayload;
  }

  /** Grows with every byte or frame that was no good. */
  get damage(): number {
    const { noiseBytes, crcErrors, escapeErrors, oversizeFrames, restarts } = this.counters;
    return noiseBytes + crcErrors + escapeErrors + oversizeFrames + restarts;
  }

  /** Takes bytes [0, count). Payloads are handed over from inside. */
  push(bytes: Uint8Array, count = bytes.length): void {
    const buffer = this.#buffer;
    const crcTable = CRC8_TABLE;
    let state = this.#state;
    let length = this.#length;
    let crc = this.#crc;
    for (let i = 0; i < count; i++) {
      let byte = bytes[i] as number;
      if (byte === BEGIN) {
        if (state !== "noise") this.counters.restarts++;
        state = "frame";
        length = 0;
        crc = 0;
        continue;
      }
      if (state === "noise") {
        if (byte !== END) this.counters.noiseBytes++;
        continue;
      }
      if (byte === END) {
        const escapeOpen = state === "escape";
        state = "noise";
        if (escapeOpen) this.counters.escapeErrors++;
        else this.#finish(length, crc);
        continue;
      }
      if (byte === ESCAPE && state === "frame") {
        state = "escape";
        continue;
      }
      if (state === "escape") {
        byte ^= 0xff;
        state = "frame";
        if (!ESCAPED[byte]) {
          this.counters.escapeErrors++;
          state = "noise";
          continue;
        }
      }
      if (length > PAYLOAD_BYTES_MAX) {
        this.counters.oversizeFrames++;
        state = "noise";
        continue;
      }
      buffer[length++] = byte;
      crc = crcTable[crc ^ byte] as number;
    }
    this.#state = state;
    this.#length = length;
    this.#crc = crc;
  }

  /** Forgets a frame under way: for a change of baud. */
  reset(): void {
    this.#state = "noise";
    this.#length = 0;
  }

  /** The running CRC over payload and its own CRC byte ends at zero. */
  #finish(length: number, crc: number): void {
    if (length < 2) {
      this.counters.emptyFrames++;
    } else if (crc !== 0) {
      this.counters.crcErrors++;
    } else {
      this.counters.frames++;
      this.#onPayload(this.#buffer, length - 1);
    }
  }
}
