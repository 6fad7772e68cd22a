/** Frames by the portable C, in the shapes of src/frame/encoder.ts and src/frame/decoder.ts. */

import type { DecoderCounters } from "../../src/frame/decoder.js";
import { PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";
import { addon } from "./addon.js";

/** As encodeFrame() of the twin. */
export function encodeFrameInC(payload: Uint8Array, length: number, out: Uint8Array, position = 0): number {
  const count = addon.encode(payload, length, out, position);
  if (count === 0) throw new RangeError(`encodeFrame: no frame of ${length} bytes fits there`);
  return position + count;
}

/** In the order of the C structure. */
const COUNTER_NAMES: readonly (keyof DecoderCounters)[] = Object.freeze([
  "frames",
  "noiseBytes",
  "crcErrors",
  "escapeErrors",
  "oversizeFrames",
  "restarts",
  "emptyFrames",
]);

export function readDecoderCounters(fill: (into: Uint8Array) => void): DecoderCounters {
  return readCounters(COUNTER_NAMES, fill);
}

/** Reads a C structure of 32-bit counters, in the order of their names. */
export function readCounters<Name extends string>(
  names: readonly Name[],
  fill: (into: Uint8Array) => void,
): Record<Name, number> {
  const values = new Uint32Array(names.length);
  fill(new Uint8Array(values.buffer));
  return Object.fromEntries(names.map((name, index) => [name, values[index]])) as Record<Name, number>;
}

/** As FrameDecoder of the twin. */
export class DecoderInC {
  readonly #decoder = addon.makeDecoder();
  /** Length and payload, as decode() leaves them. */
  readonly #found = new Uint8Array(2 + PAYLOAD_BYTES_MAX);
  readonly #payload = this.#found.subarray(2);
  readonly #onPayload: (payload: Uint8Array, length: number) => void;
  readonly #onNoise: () => void;
  #closed = false;

  constructor(onPayload: (payload: Uint8Array, length: number) => void, onNoise: () => void = () => {}) {
    this.#onPayload = onPayload;
    this.#onNoise = onNoise;
  }

  get counters(): DecoderCounters {
    return readDecoderCounters((into) => addon.decoderCounters(this.#decoder, into));
  }

  push(bytes: Uint8Array, count = bytes.length): void {
    for (let at = 0; at < count; ) {
      at += addon.decode(this.#decoder, bytes.subarray(at, count), this.#found);
      const length = (this.#found[0] as number) | ((this.#found[1] as number) << 8);
      if (length > 0 && !this.#closed) this.#onPayload(this.#payload, length);
    }
    if (addon.takeNoise(this.#decoder) && !this.#closed) this.#onNoise();
  }

  reset(): void {
    addon.resetDecoder(this.#decoder);
  }

  close(): void {
    this.#closed = true;
  }
}
