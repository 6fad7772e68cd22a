/**
 * Stands in for the npm package "crc-32" on the chip, with the CRC-32 of the C core: a loop in the engine takes 28 steps
 * a byte. manifest.json gives it the package's name, before it names the rest of this folder.
 */

/** The CRC-32 of the bytes, going on from `seed` (0 to begin), as the package returns it: a signed number. */
export function buf(this: unknown, bytes: Uint8Array, seed: number): number {
  return native("xs_ferry_crc32").call(this, bytes, seed);
}
