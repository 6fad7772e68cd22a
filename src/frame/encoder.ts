/** Payload to frame. The layout is drawn in layout.ts. */

import { crc8 } from "../base/crc.js";
import { BEGIN, END, ESCAPE, ESCAPED } from "./layout.js";

/**
 * Writes the frame of payload [0, length) into `out` from `position` and returns the position after it.
 * `out` must have room for 2 * (length + 1) + 2 bytes; the payload must not be empty (an empty frame stalls the
 * parser of Blynk's driver).
 */
export function encodeFrame(payload: Uint8Array, length: number, out: Uint8Array, position = 0): number {
  if (length <= 0) throw new RangeError("encodeFrame: a frame needs a payload");
  const escaped = ESCAPED;
  let at = position;
  let i = 0;
  let copied = 0;
  out[at++] = BEGIN;
  // Runs of plain bytes are copied by the engine's native code: most of a frame is one long run after another.
  for (;;) {
    while (escaped[payload[i] as number] === 0) i++; // ends at the payload's own end at the latest
    const end = i < length ? i : length;
    if (end > copied) out.set(payload.subarray(copied, end), at);
    at += end - copied;
    if (end === length) break;
    out[at++] = ESCAPE;
    out[at++] = escaped[payload[i++] as number] as number;
    copied = i;
  }
  const crc = crc8(payload, 0, length);
  const substitute = escaped[crc] as number;
  if (substitute) {
    out[at++] = ESCAPE;
    out[at++] = substitute;
  } else out[at++] = crc;
  out[at++] = END;
  return at;
}
