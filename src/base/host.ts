/**
 * What names a server: the letters, digits and hyphens of DNS (RFC 1123, 2.1), or an IPv4 address. Underscores and
 * international letters are no host's name; IPv6 addresses are none that Ferry's sockets take.
 */

import { isDecimal, isPlain } from "./text.js";

/** RFC 1035, 2.3.4. */
export const HOST_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;

export function isHost(text: string): boolean {
  if (text.length > HOST_LENGTH_MAX) return false;
  const labels = text.split(".");
  if (!labels.every(isLabel)) return false;
  // A top-level domain has a letter: the rest are addresses, or mistyped ones.
  return !isDecimal(labels.at(-1) ?? "", LABEL_LENGTH_MAX) || parseIpv4(text) !== undefined;
}

function isLabel(text: string): boolean {
  return isPlain(text, "-", LABEL_LENGTH_MAX) && !text.startsWith("-") && !text.endsWith("-");
}

/** Four decimal numbers without leading zeros, which some read as octal. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = Uint8Array.from(parts, Number);
  return bytes.join(".") === text ? bytes : undefined;
}
