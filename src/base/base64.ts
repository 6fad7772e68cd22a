/** Base64 (RFC 4648, section 4) to bytes, for engines that lack Uint8Array.fromBase64. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** `undefined` for anything that is not Base64; the padding may be missing. */
export function fromBase64(text: string): Uint8Array | undefined {
  const unpadded = text.endsWith("==") ? text.slice(0, -2) : text.endsWith("=") ? text.slice(0, -1) : text;
  if (unpadded.length % 4 === 1 || (unpadded.length < text.length && text.length % 4 !== 0)) return undefined;
  const bytes = new Uint8Array(Math.floor((unpadded.length * 3) / 4));
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (let i = 0; i < unpadded.length; i++) {
    const value = ALPHABET.indexOf(unpadded.charAt(i));
    if (value < 0) return undefined;
    bits = (bits << 6) | value;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[at++] = (bits >> bitCount) & 0xff;
    bits &= (1 << bitCount) - 1;
  }
  return bits === 0 ? bytes : undefined;
}
