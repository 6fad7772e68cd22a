/** Payload to frame. The layout is drawn in layout.ts. */

import { CRC8_TABLE } from "../base/crc.js";
import { BEGIN, END, ESCAPE, ESCAPED } from "./layout.js";

/**
 * Writes the frame of payload [0, length) into `out` from `position` and returns the position after it.
 * `out` must have room for 2 * (length + 1) + 2 bytes; the payload must not be empty (an empty frame stalls the
 * parser of Blynk's driver).
 */
export function encodeFrame(payload: Uint8Array, length: number, out: Uint8Array, position = 0): number {
  if (length <= 0) throw new RangeError("encodeFrame: a frame needs a payload");
  const escaped = ESCAPED;
  const crcTable = CRC8_TABLE;
  let at = position;
  let crc = 0;
  out[at++] = BEGIN;
  for (let i = 0; i < length; i++) {
    const byte = payload[i] as number;
    crc = crcTable[crc ^ byte] as number;
    const substitute = escaped[byte] as number;
    if (substitute) {
      out[at++] = ESCAPE;
      out[at++] = substitute;
    } else out[at++] = byte;
  }
  const substitute = escaped[crc] as number;
  if (substitute) {
    out[at++] = ESCAPE;
    out[at++] = substitute;
  } else out[at++] = crc;
  out[at++] = END;
  return at;
}
