/**
 * A frame on the wire (Blynk NCP protocol, "Framing"):
 *
 *   +------+---------------------+-------------------+------+
 *   | BEGIN| escape(payload)     | escape(CRC-8)     | END  |
 *   | 0xAA | 1..1536 bytes raw   | of the raw payload| 0xBB |
 *   +------+---------------------+-------------------+------+
 *
 * A byte of {11, 13, AA, BB, CC} travels as ESCAPE and its complement. So a raw AA or BB is always a delimiter.
 * Between frames anything may pass (boot logs): it is noise, skipped and counted.
 */

export const BEGIN = 0xaa;
export const END = 0xbb;
/**
 * A zero and an END before the first frame after a boot, a change of baud or a frame cut short: they close half a frame
 * in which a parser may be stuck. Without the zero, half a frame of BEGIN alone would become an empty one, which costs
 * Blynk's parser the next as well (blynk-ncp.md, 2), and a dangling ESCAPE would swallow the END.
 */
export const LEAD_IN_BYTES = 2;
export const ESCAPE = 0xcc;

/** What both sides must be able to take, unless more was negotiated; no call negotiates more. */
export const PAYLOAD_BYTES_MAX = 1536;

/** The longest frame: every byte of payload and CRC escaped. */
export const FRAME_BYTES_MAX = 2 * (PAYLOAD_BYTES_MAX + 1) + 2;

function makeEscapeTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of [0x11, 0x13, BEGIN, END, ESCAPE]) table[byte] = byte ^ 0xff;
  return table;
}

/** The complement to send after ESCAPE, or 0 for a byte that travels as it is. */
export const ESCAPED = makeEscapeTable();

function makeDelimiterTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of [BEGIN, END, ESCAPE]) table[byte] = 1;
  return table;
}

/** 1 for the bytes that are never data, 0 for all others. */
export const IS_DELIMITER = makeDelimiterTable();
