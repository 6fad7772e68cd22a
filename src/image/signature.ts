/**
 * The signature of an image of Ferry's: 72 bytes behind it, which the boot loader does not look at.
 *
 *   | the image | "ferrysig", 8 bytes | r, 32 bytes | s, 32 bytes |
 *
 * r and s are big-endian, an ECDSA signature on the curve P-256 of the SHA-256 of everything before "ferrysig".
 */

const MARKER = "ferrysig";
const SIGNATURE_BYTES = 64;

export const TRAILER_BYTES = MARKER.length + SIGNATURE_BYTES;

/** A point of P-256, uncompressed: 04, x, y. */
export const PUBLIC_KEY_BYTES = 65;

/** The signature in the last TRAILER_BYTES of an image; `undefined` when they are none. */
export function signatureIn(trailer: Uint8Array): Uint8Array | undefined {
  if (trailer.length !== TRAILER_BYTES) return undefined;
  for (let i = 0; i < MARKER.length; i++) if (trailer[i] !== MARKER.charCodeAt(i)) return undefined;
  return trailer.slice(MARKER.length);
}

/** What to append to an image. Throws for a signature that is not 64 bytes long. */
export function trailerOf(signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) throw new RangeError(`a signature of ${signature.length} bytes`);
  const trailer = new Uint8Array(TRAILER_BYTES);
  for (let i = 0; i < MARKER.length; i++) trailer[i] = MARKER.charCodeAt(i);
  trailer.set(signature, MARKER.length);
  return trailer;
}
