/** Streams of recorded frames as a bad line delivers them: what a decoder must get through. */

import type { Random } from "../../host/sim/random.js";
import { PAYLOAD_BYTES_MAX } from "../../src/frame/layout.js";

/** Bytes that mean something to a decoder, and what they are escaped to. */
const TELLING = [0x11, 0x13, 0xaa, 0xbb, 0xcc, 0xee, 0xec, 0x55, 0x44, 0x33];

/** Some `frames`, damaged or not, and garbage between them. */
export function makeBrokenStream(random: Random, frames: readonly Uint8Array[], byteCount: number): Uint8Array {
  const stream: number[] = [];
  while (stream.length < byteCount) {
    if (random.chance(0.3)) stream.push(...makeGarbage(random));
    const frame = frames[random.below(frames.length)] as Uint8Array;
    stream.push(...(random.chance(0.5) ? frame : damaged(random, frame)));
  }
  return Uint8Array.from(stream);
}

function makeGarbage(random: Random): Iterable<number> {
  if (random.chance(0.03)) return [0xaa, ...new Uint8Array(PAYLOAD_BYTES_MAX + random.below(9)), 0xbb];
  return Array.from({ length: random.below(24) }, () => anyByte(random));
}

function anyByte(random: Random): number {
  return random.chance(0.5) ? (TELLING[random.below(TELLING.length)] as number) : random.below(256);
}

/** Bits flipped, bytes lost, put in or doubled, the rest cut off: one to three of them. */
function damaged(random: Random, frame: Uint8Array): number[] {
  const bytes = [...frame];
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(bytes.length);
    const damages = [
      () => bytes.splice(at, 1, (bytes[at] as number) ^ (1 << random.below(8))),
      () => bytes.splice(at, 1, anyByte(random)),
      () => bytes.splice(at, 1),
      () => bytes.splice(at, 0, anyByte(random)),
      () => bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random.below(40))),
      () => bytes.splice(at),
    ];
    damages[random.below(damages.length)]?.();
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}
