/**
 * The two checksums of the protocol.
 *
 * CRC-8 guards frames: polynomial 0x07, initial 0, not reflected (check "123456789" = F4).
 * CRC-32 guards chunks and images: zlib's, polynomial EDB88320 reflected (check "123456789" = CBF43926).
 */

import { buf } from "crc-32";

function makeCrc8Table(): Uint8Array {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? (crc << 1) ^ 0x07 : crc << 1;
    table[value] = crc;
  }
  return table;
}

/** The CRC-8 of each byte followed by `zeros` zero bytes: lets several bytes be taken in at once. */
function makeShiftedTable(zeros: number): Uint8Array {
  return makeCrc8Table().map((crc) => {
    let shifted = crc;
    for (let i = 0; i < zeros; i++) shifted = CRC8_TABLE[shifted] as number;
    return shifted;
  });
}

/** CRC-8 of each byte; `crc = CRC8_TABLE[crc ^ byte]` takes one byte in. Exposed for loops that do more per byte. */
export const CRC8_TABLE = makeCrc8Table();
const CRC8_TABLE_1 = makeShiftedTable(1);
const CRC8_TABLE_2 = makeShiftedTable(2);
const CRC8_TABLE_3 = makeShiftedTable(3);

/** CRC-8 of bytes [start, end), going on from `crc`. */
export function crc8(bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number {
  let result = crc;
  let i = start;
  for (const fours = end - 3; i < fours; i += 4) {
    result =
      (CRC8_TABLE_3[result ^ (bytes[i] as number)] as number) ^
      (CRC8_TABLE_2[bytes[i + 1] as number] as number) ^
      (CRC8_TABLE_1[bytes[i + 2] as number] as number) ^
      (CRC8_TABLE[bytes[i + 3] as number] as number);
  }
  for (; i < end; i++) result = CRC8_TABLE[result ^ (bytes[i] as number)] as number;
  return result;
}

/** CRC-32 of the bytes as an unsigned number, going on from `crc` (0 to begin). */
export function crc32(bytes: Uint8Array, crc = 0): number {
  return buf(bytes, crc) >>> 0;
}

/** How a part gets its CRC-32: base/crc's on a PC, the ROM's on the device. */
export type Crc32 = (bytes: Uint8Array, crc?: number) => number;
