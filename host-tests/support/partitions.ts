/** What the suites about partition tables share. */

import { assert } from "chai";
import { SimDigest } from "../../host/sim/digest.js";
import { encodePartitionTable, parsePartitionBinary, TABLE_BYTES } from "../../src/store/partition-binary.js";
import { parsePartitionCsv } from "../../src/store/partition-csv.js";
import type { PartitionLayout } from "../../src/store/partition-rules.js";
import type { PartitionTable, PartitionTableResult } from "../../src/store/partition-table.js";

export const ROW_BYTES = 32;

const FLASH_4MB = { flashBytes: 0x40_0000 };

/** Four entries. */
export const SMALL = "nvs,data,nvs,0x9000,0x6000\notadata,data,ota,,8K\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n";

export function accepted(result: PartitionTableResult): PartitionTable {
  if (result.ok) return result.table;
  throw new Error(`refused: ${result.problems.map(({ row, message }) => `${row}: ${message}`).join("; ")}`);
}

/** Rule and row of each problem; its message must be one printable line that ends in what to do. */
export function problems(result: PartitionTableResult): string[] {
  if (result.ok) return [];
  return result.problems.map(({ rule, row, message }) => {
    assert.match(`${row}: ${message}`, /^[ -~]+: [ -~]+; [ -~]+$/);
    return `${rule} @ ${row}`;
  });
}

export function csv(text: string, layout: PartitionLayout = FLASH_4MB): PartitionTableResult {
  return parsePartitionCsv(text, layout);
}

export function binaryOf(text: string): Uint8Array {
  return encodePartitionTable(accepted(csv(text)), SimDigest);
}

export function binary(bytes: Uint8Array, layout: PartitionLayout = FLASH_4MB): PartitionTableResult {
  return parsePartitionBinary(bytes, SimDigest, layout);
}

/** Makes the MD5 row right again after a change to the entries, so that other rules get their say. */
export function resealed(bytes: Uint8Array, entryCount: number): Uint8Array {
  const digest = new SimDigest("MD5");
  digest.write(bytes.subarray(0, entryCount * ROW_BYTES));
  bytes.set(new Uint8Array(digest.close()), entryCount * ROW_BYTES + 16);
  return bytes;
}

export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(TABLE_BYTES).fill(0xff);
  for (let i = 0; i < text.length / 2; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
