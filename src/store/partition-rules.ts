/**
 * What makes a partition table valid, as data: rules about one row, and rules about rows among each other.
 *
 * They are the rules of ESP-IDF's generator (2026-07), and stricter where that one truncates or tolerates in silence:
 * labels that are empty, longer than 16 bytes or outside printable ASCII, partitions without a byte, a table without
 * a partition, and the number 0xff, which stands for "any" in ESP-IDF's searches.
 */

import { type PartitionEntry, subtypeNumber, typeNumber } from "./partition-entry.js";

/** The table itself takes one erase sector. */
export const TABLE_SECTOR_BYTES = 0x1000;
/** CONFIG_PARTITION_TABLE_OFFSET unless a project moves it. */
export const TABLE_OFFSET_DEFAULT = 0x8000;
/** 0xC00 bytes hold 96 rows of 32 bytes; the digest row and the end row take one each. */
export const ENTRIES_MAX = 94;
export const LABEL_BYTES = 16;

/** The cache maps app code in pages of 64 KiB; everything else is erased in sectors of 4 KiB. */
const APP_ALIGNMENT_BYTES = 0x1_0000;
const SECTOR_BYTES = 0x1000;
/** Two sectors, each holding one copy of the record that selects the slot to boot. */
const OTADATA_BYTES = 0x2000;
/** Writable NVS needs a spare page beside two in use. */
const NVS_WRITABLE_BYTES_MIN = 0x3000;
const ADDRESS_END = 0x1_0000_0000;
const NUMBER_ANY = 0xff;

export type PartitionRule =
  | "syntax"
  | "label"
  | "type"
  | "subtype"
  | "offset"
  | "size"
  | "flags"
  | "order"
  | "alignment"
  | "below-table"
  | "flash-size"
  | "unique-label"
  | "overlap"
  | "otadata"
  | "nvs-size"
  | "readonly"
  | "entry-count"
  | "length"
  | "magic"
  | "md5"
  | "padding";

export interface PartitionProblem {
  readonly rule: PartitionRule;
  /** The row: "line 4 (nvs)", "entry 2 at byte 0x40 (nvs)", or "table". */
  readonly row: string;
  /** What is wrong with it, and what to do. One line, printable ASCII. */
  readonly message: string;
}

export interface PartitionLayout {
  /** Where the table itself lies in flash; 0x8000 when absent. */
  readonly tableOffset?: number;
  /** The size of the flash chip. When absent, only the 4 GiB that the format can express bound the table. */
  readonly flashBytes?: number;
}

/** An entry and where it was written: "line 4", "entry 2 at byte 0x40". */
export interface TableRow {
  readonly where: string;
  readonly entry: PartitionEntry;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

export function alignUp(value: number, alignmentBytes: number): number {
  return Math.ceil(value / alignmentBytes) * alignmentBytes;
}

export function alignmentBytesOf(type: PartitionEntry["type"]): number {
  return type === "app" ? APP_ALIGNMENT_BYTES : SECTOR_BYTES;
}

/** Foreign text made fit for one line of a terminal: printable ASCII, and not too much of it. */
export function printable(text: string): string {
  const charsMax = 24;
  let shown = "";
  for (let i = 0; i < text.length && i < charsMax; i++) {
    shown += isPrintableAscii(text.charCodeAt(i)) ? text.charAt(i) : "?";
  }
  return text.length > charsMax ? `${shown}...` : shown;
}

export function rowName(where: string, label: string): string {
  return label === "" ? where : `${where} (${printable(label)})`;
}

export function isPrintableAscii(code: number): boolean {
  return code >= 0x20 && code <= 0x7e;
}

type Fault = Omit<PartitionProblem, "row">;
type RowRule = (entry: PartitionEntry, layout: Required<PartitionLayout>) => Fault | undefined;

function isWholeBelow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}

const checkLabel: RowRule = ({ label }) => {
  if (label === "") return { rule: "label", message: "the partition has no name; give it one" };
  for (let i = 0; i < label.length; i++) {
    if (isPrintableAscii(label.charCodeAt(i))) continue;
    return { rule: "label", message: "the name has a character outside printable ASCII; use letters, digits and _" };
  }
  if (label.length <= LABEL_BYTES) return undefined;
  return {
    rule: "label",
    message: `the name has ${label.length} characters and would be cut off; use at most ${LABEL_BYTES}`,
  };
};

const checkType: RowRule = ({ type, subtype }) => {
  if (!isWholeBelow(typeNumber(type) ?? NUMBER_ANY, NUMBER_ANY)) {
    return { rule: "type", message: "the type is not 0 to 0xfe; correct it, types of your own start at 0x40" };
  }
  if (!isWholeBelow(subtypeNumber(type, subtype) ?? NUMBER_ANY, NUMBER_ANY)) {
    return {
      rule: "subtype",
      message: "the subtype is neither 0 to 0xfe nor a name that belongs to the type; correct it",
    };
  }
  return undefined;
};

const checkRange: RowRule = ({ offset, size }) => {
  if (!isWholeBelow(offset, ADDRESS_END)) {
    return { rule: "offset", message: "the offset is no whole number of bytes below 4 GiB; correct it" };
  }
  if (isWholeBelow(size, ADDRESS_END) && size > 0) return undefined;
  return { rule: "size", message: "the size is no whole number of bytes from 1 to below 4 GiB; correct it" };
};

const checkAlignment: RowRule = ({ type, offset, size }) => {
  const alignmentBytes = alignmentBytesOf(type);
  if (offset % alignmentBytes !== 0) {
    const next = alignUp(offset, alignmentBytes);
    return {
      rule: "alignment",
      message: `offset ${hex(offset)} is no multiple of ${hex(alignmentBytes)}; use ${hex(next)} or leave it blank`,
    };
  }
  if (type !== "app" || size % SECTOR_BYTES === 0) return undefined;
  return {
    rule: "alignment",
    message: `app size ${hex(size)} is no multiple of ${hex(SECTOR_BYTES)}; use ${hex(alignUp(size, SECTOR_BYTES))}`,
  };
};

/** The boot loader and the table may list themselves; they lie where they lie. */
function describesBootArea({ type, subtype }: PartitionEntry): boolean {
  return (type === "bootloader" || type === "partition_table") && subtype === "primary";
}

const checkBelowTable: RowRule = (entry, { tableOffset }) => {
  const tableEnd = tableOffset + TABLE_SECTOR_BYTES;
  if (entry.offset >= tableEnd || describesBootArea(entry)) return undefined;
  return {
    rule: "below-table",
    message: `offset ${hex(entry.offset)} is below the end of the partition table; use ${hex(tableEnd)} or higher`,
  };
};

const checkFlashSize: RowRule = ({ offset, size }, { flashBytes }) => {
  const end = offset + size;
  if (end <= flashBytes) return undefined;
  return {
    rule: "flash-size",
    message: `it ends at ${hex(end)}, beyond the flash of ${hex(flashBytes)} bytes; shrink it or use a larger flash`,
  };
};

const checkOtadataSize: RowRule = ({ type, subtype, size }) => {
  if (type !== "data" || (subtype !== "ota" && subtype !== "tee_ota") || size === OTADATA_BYTES) return undefined;
  return {
    rule: "otadata",
    message: `data/${subtype} has ${hex(size)} bytes; it must have exactly ${hex(OTADATA_BYTES)}`,
  };
};

const checkNvsSize: RowRule = ({ type, subtype, size, readonly }) => {
  if (type !== "data" || subtype !== "nvs" || readonly || size >= NVS_WRITABLE_BYTES_MIN) return undefined;
  return {
    rule: "nvs-size",
    message: `writable NVS needs ${hex(NVS_WRITABLE_BYTES_MIN)} bytes or more; enlarge it or flag it readonly`,
  };
};

const checkReadonly: RowRule = ({ type, subtype, readonly }) => {
  if (!readonly || type !== "data" || (subtype !== "ota" && subtype !== "coredump")) return undefined;
  return { rule: "readonly", message: `data/${subtype} is written by the system; remove the flag readonly` };
};

const ROW_RULES: readonly RowRule[] = Object.freeze([
  checkLabel,
  checkType,
  checkAlignment,
  checkBelowTable,
  checkFlashSize,
  checkOtadataSize,
  checkNvsSize,
  checkReadonly,
]);

/** Everything wrong with a table; empty when it is valid. */
export function problemsOf(rows: readonly TableRow[], layout: PartitionLayout): PartitionProblem[] {
  const count = rows.length;
  if (count === 0) {
    return [{ rule: "entry-count", row: "table", message: "there is no partition in it; add at least one row" }];
  }
  if (count > ENTRIES_MAX) {
    const message = `${count} partitions do not fit beside the MD5 row; use at most ${ENTRIES_MAX}`;
    return [{ rule: "entry-count", row: "table", message }];
  }
  const bounds = { tableOffset: TABLE_OFFSET_DEFAULT, flashBytes: ADDRESS_END, ...layout };
  const problems: PartitionProblem[] = [];
  for (const { where, entry } of rows) {
    const rangeFault = checkRange(entry, bounds);
    const faults = rangeFault ? [rangeFault] : ROW_RULES.map((rule) => rule(entry, bounds));
    for (const fault of faults) if (fault) problems.push({ ...fault, row: rowName(where, entry.label) });
  }
  return [...problems, ...labelProblems(rows), ...otadataProblems(rows), ...overlapProblems(rows)];
}

function labelProblems(rows: readonly TableRow[]): PartitionProblem[] {
  const firstWith = new Map<string, string>();
  const problems: PartitionProblem[] = [];
  for (const { where, entry } of rows) {
    const first = firstWith.get(entry.label);
    if (first === undefined) firstWith.set(entry.label, where);
    else {
      const message = `${first} has the same name; rename one of them`;
      problems.push({ rule: "unique-label", row: rowName(where, entry.label), message });
    }
  }
  return problems;
}

function otadataProblems(rows: readonly TableRow[]): PartitionProblem[] {
  const problems: PartitionProblem[] = [];
  for (const subtype of ["ota", "tee_ota"] as const) {
    const [first, ...others] = rows.filter(({ entry }) => entry.type === "data" && entry.subtype === subtype);
    for (const { where, entry } of others) {
      const message = `${first?.where} is data/${subtype} already, and there can be one only; remove this one`;
      problems.push({ rule: "otadata", row: rowName(where, entry.label), message });
    }
  }
  return problems;
}

function overlapProblems(rows: readonly TableRow[]): PartitionProblem[] {
  const problems: PartitionProblem[] = [];
  let furthest: TableRow | undefined;
  let end = 0;
  for (const row of [...rows].sort((a, b) => a.entry.offset - b.entry.offset)) {
    const { label, offset, size } = row.entry;
    if (furthest && offset < end) {
      const other = rowName(furthest.where, furthest.entry.label);
      const message = `offset ${hex(offset)} lies inside ${other}, which ends at ${hex(end)}; move or shrink one of them`;
      problems.push({ rule: "overlap", row: rowName(row.where, label), message });
    }
    if (offset + size > end) {
      furthest = row;
      end = offset + size;
    }
  }
  return problems;
}
