/**
 * The partition table as it lies in flash.
 *
 *   entry  | AA 50 | type u8 | subtype u8 | offset u32 | size u32 | label, 16 bytes, NUL-padded | flags u32 |
 *   MD5    | EB EB | FF x 14 | MD5 of all entry rows                                                        |
 *   end    | FF x 32, and FF up to 0xC00                                                                    |
 *
 * Rows have 32 bytes, numbers are little-endian. Flags: bit 0 encrypted, bit 1 readonly. Bytes from 0xC00 on are no
 * part of the table: secure boot keeps a signature there.
 *
 * Invariant: what is accepted encodes to the very same 0xC00 bytes. So a table without its MD5 row is refused, and so
 * is any bit without a meaning: no single damaged byte passes.
 */

import type { DigestClass } from "../ports.js";
import {
  type PartitionEntry,
  subtypeFromNumber,
  subtypeNumber,
  typeFromNumber,
  typeNumber,
} from "./partition-entry.js";
import {
  ENTRIES_MAX,
  hex,
  LABEL_BYTES,
  type PartitionLayout,
  type PartitionProblem,
  type PartitionRule,
  rowName,
  type TableRow,
} from "./partition-rules.js";
import { PartitionTable, type PartitionTableResult } from "./partition-table.js";

/** What a table takes, padding included, whatever the number of its rows. */
export const TABLE_BYTES = 0xc00;

const ROW_BYTES = 32;
const ROWS = TABLE_BYTES / ROW_BYTES;
const ENTRY_MAGIC = 0xaa50;
const MD5_MAGIC = 0xebeb;
const MD5_OFFSET = 16;
const ERASED = 0xff;
const FLAG_ENCRYPTED = 1;
const FLAG_READONLY = 2;

/** True when the bytes begin as a binary table does. */
export function isPartitionBinary(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && magicAt(bytes, 0) === ENTRY_MAGIC;
}

/** Reads a table: 0xC00 bytes or more, as in flash or in ESP-IDF's partition-table.bin. */
export function parsePartitionBinary(
  bytes: Uint8Array,
  digest: DigestClass,
  layout: PartitionLayout = {},
): PartitionTableResult {
  if (bytes.length < TABLE_BYTES) {
    return refuse("length", `${bytes.length} bytes are no whole table; read ${hex(TABLE_BYTES)} bytes of it`);
  }
  const table = bytes.subarray(0, TABLE_BYTES);
  let count = 0;
  while (count < ROWS && magicAt(table, count * ROW_BYTES) === ENTRY_MAGIC) count++;
  const damage = closingFault(table, count, digest);
  if (damage) return { ok: false, problems: [damage] };

  const rows: TableRow[] = [];
  const problems: PartitionProblem[] = [];
  for (let index = 0; index < count; index++) {
    const row = decodeRow(table.subarray(index * ROW_BYTES, (index + 1) * ROW_BYTES), placeOf(index));
    if ("rule" in row) problems.push(row);
    else rows.push(row);
  }
  return problems.length > 0 ? { ok: false, problems } : PartitionTable.verify(rows, layout);
}

/** The table as ESP-IDF's generator writes it, with MD5 row and padding. */
export function encodePartitionTable(table: PartitionTable, digest: DigestClass): Uint8Array {
  const bytes = new Uint8Array(TABLE_BYTES).fill(ERASED);
  const entriesBytes = table.entries.length * ROW_BYTES;
  table.entries.forEach((entry, index) => {
    encodeRow(entry, bytes.subarray(index * ROW_BYTES, (index + 1) * ROW_BYTES));
  });
  new DataView(bytes.buffer).setUint16(entriesBytes, MD5_MAGIC);
  bytes.set(md5(bytes.subarray(0, entriesBytes), digest), entriesBytes + MD5_OFFSET);
  return bytes;
}

/** Checks all that follows the entries: the MD5 row, the end row and the padding. */
function closingFault(table: Uint8Array, count: number, digest: DigestClass): PartitionProblem | undefined {
  const md5At = count * ROW_BYTES;
  const paddingAt = md5At + ROW_BYTES;
  if (count > ENTRIES_MAX) return fault("entry-count", "table", "no room is left for MD5 and end; remove entries");
  const row = table.subarray(md5At, paddingAt);
  if (row.every((byte) => byte === ERASED)) {
    return fault(
      "md5",
      placeOf(count),
      "the table ends without its MD5 row; set CONFIG_PARTITION_TABLE_MD5 and rebuild",
    );
  }
  if (magicAt(row, 0) !== MD5_MAGIC || !row.subarray(2, MD5_OFFSET).every((byte) => byte === ERASED)) {
    return fault("magic", placeOf(count), "this is no entry, MD5 or end row; the table is damaged, write it anew");
  }
  const computed = md5(table.subarray(0, md5At), digest);
  if (!computed.every((byte, index) => byte === row[MD5_OFFSET + index])) {
    return fault("md5", placeOf(count), "the entries do not match their MD5; the table is damaged, write it anew");
  }
  for (let at = paddingAt; at < TABLE_BYTES; at++) {
    if (table[at] === ERASED) continue;
    return fault("padding", "table", `byte ${hex(at)} after its end is not FF; the table is damaged, write it anew`);
  }
  return undefined;
}

function decodeRow(row: Uint8Array, where: string): TableRow | PartitionProblem {
  const view = new DataView(row.buffer, row.byteOffset, ROW_BYTES);
  const labelField = row.subarray(12, 12 + LABEL_BYTES);
  const terminator = labelField.indexOf(0);
  const labelBytes = terminator < 0 ? labelField : labelField.subarray(0, terminator);
  const label = String.fromCharCode(...labelBytes);
  const flags = view.getUint32(28, true);
  if (!labelField.subarray(labelBytes.length).every((byte) => byte === 0)) {
    return fault("label", rowName(where, label), "bytes follow the end of the name; write the table anew");
  }
  if ((flags & ~(FLAG_ENCRYPTED | FLAG_READONLY)) !== 0) {
    return fault(
      "flags",
      rowName(where, label),
      `flags ${hex(flags)} have unknown bits; encrypted is 1, readonly is 2`,
    );
  }
  const type = typeFromNumber(view.getUint8(2));
  const entry: PartitionEntry = {
    label,
    type,
    subtype: subtypeFromNumber(type, view.getUint8(3)),
    offset: view.getUint32(4, true),
    size: view.getUint32(8, true),
    encrypted: (flags & FLAG_ENCRYPTED) !== 0,
    readonly: (flags & FLAG_READONLY) !== 0,
  };
  return { where, entry };
}

function encodeRow(entry: PartitionEntry, row: Uint8Array): void {
  const { label, type, subtype, offset, size, encrypted, readonly } = entry;
  const view = new DataView(row.buffer, row.byteOffset, ROW_BYTES);
  row.fill(0);
  view.setUint16(0, ENTRY_MAGIC);
  view.setUint8(2, typeNumber(type) ?? ERASED);
  view.setUint8(3, subtypeNumber(type, subtype) ?? ERASED);
  view.setUint32(4, offset, true);
  view.setUint32(8, size, true);
  for (let i = 0; i < label.length; i++) view.setUint8(12 + i, label.charCodeAt(i));
  view.setUint32(28, (encrypted ? FLAG_ENCRYPTED : 0) | (readonly ? FLAG_READONLY : 0), true);
}

function magicAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function md5(bytes: Uint8Array, digest: DigestClass): Uint8Array {
  const running = new digest("MD5");
  running.write(bytes);
  return new Uint8Array(running.close());
}

function placeOf(index: number): string {
  return `entry ${index} at byte ${hex(index * ROW_BYTES)}`;
}

function fault(rule: PartitionRule, row: string, message: string): PartitionProblem {
  return { rule, row, message };
}

function refuse(rule: PartitionRule, message: string): PartitionTableResult {
  return { ok: false, problems: [fault(rule, "table", message)] };
}
