/**
 * The partition table as people write it:
 *
 *   # Name, Type, SubType, Offset, Size, Flags
 *   storage, data, littlefs, 0x310000, 960K,
 *
 * Lines beginning with # are comments. Numbers are decimal or 0x hexadecimal, with K or M. A blank offset follows the
 * row before, aligned; a blank subtype is "undefined" (not for apps); a negative size reaches up to that address;
 * flags are joined by colons.
 *
 * Stricter than ESP-IDF's generator, so that nothing written is silently ignored: environment variables, fields after
 * the flags, Python's other number forms and doubled suffixes are refused. Rows that describe the boot area are also
 * refused: their place depends on the chip, and ESP-IDF's build knows it.
 */

import {
  PARTITION_TYPES,
  type PartitionSubtype,
  type PartitionType,
  subtypeFromNumber,
  subtypeNames,
  typeFromNumber,
  valueOfName,
} from "./partition-entry.js";
import {
  alignmentBytesOf,
  alignUp,
  hex,
  type PartitionLayout,
  type PartitionProblem,
  type PartitionRule,
  printable,
  rowName,
  TABLE_OFFSET_DEFAULT,
  TABLE_SECTOR_BYTES,
  type TableRow,
} from "./partition-rules.js";
import { PartitionTable, type PartitionTableResult } from "./partition-table.js";

const FIELDS_MAX = 6;
/** What a blank subtype means: data/undefined, and the same number for custom types. */
const SUBTYPE_BLANK = 0x06;
const NUMBER = /^(-?)(0x[0-9a-f]+|0+|[1-9][0-9]*)([km]?)$/i;
const NUMBER_MAX = 0xffff_ffff;
const NUMBER_HELP = "use decimal or 0x hexadecimal below 4 GiB, with K or M if you like";

/** A row as written: what may be left open still is. */
interface DraftRow {
  readonly where: string;
  readonly label: string;
  readonly type: PartitionType;
  readonly subtype: PartitionSubtype;
  /** `undefined`: right after the row before. */
  readonly offset: number | undefined;
  /** Negative: up to this address. */
  readonly size: number;
  readonly flags: readonly string[];
}

/** Reads a table; a byte order mark and any line ends are fine. */
export function parsePartitionCsv(text: string, layout: PartitionLayout = {}): PartitionTableResult {
  const drafts: DraftRow[] = [];
  const problems: PartitionProblem[] = [];
  text.split(/\r\n|\r|\n/).forEach((line, index) => {
    // trim() also removes the byte order mark.
    const content = line.trim();
    if (content === "" || content.startsWith("#")) return;
    const draft = parseLine(content, `line ${index + 1}`);
    if ("rule" in draft) problems.push(draft);
    else drafts.push(draft);
  });
  if (problems.length > 0) return { ok: false, problems };

  const placed = placeRows(drafts, (layout.tableOffset ?? TABLE_OFFSET_DEFAULT) + TABLE_SECTOR_BYTES);
  return placed.problems.length > 0
    ? { ok: false, problems: placed.problems }
    : PartitionTable.verify(placed.rows, layout);
}

function parseLine(line: string, where: string): DraftRow | PartitionProblem {
  const fields = line.split(",").map((field) => field.trim());
  const [label = "", typeText = "", subtypeText = "", offsetText = "", sizeText = "", flagsText = ""] = fields;
  const refuse = (rule: PartitionRule, message: string) => ({ rule, row: rowName(where, label), message });

  if (line.includes("$"))
    return refuse("syntax", "environment variables are not expanded here; write the value itself");
  const extra = fields.slice(FIELDS_MAX).find((field) => field !== "");
  if (extra !== undefined) {
    return refuse("syntax", `"${printable(extra)}" follows the flags; a row has 6 fields, and comments their own line`);
  }
  const type = parseType(typeText);
  if (type === undefined) return refuse("type", unknownName("type", typeText, PARTITION_TYPES));
  if (type === "bootloader" || type === "partition_table") {
    return refuse("type", "the boot area needs no row; remove it, ESP-IDF's build knows its place");
  }
  const subtype = parseSubtype(type, subtypeText);
  if (subtype === undefined) return refuse("subtype", unknownName("subtype", subtypeText, subtypeNames(type)));

  const offset = offsetText === "" ? undefined : parseNumber(offsetText);
  if (offsetText !== "" && (offset === undefined || offset < 0)) {
    return refuse("offset", `offset "${printable(offsetText)}" is no number; ${NUMBER_HELP}, or leave it blank`);
  }
  if (sizeText === "") return refuse("size", "the size is missing; write it as the fifth field");
  const size = parseNumber(sizeText);
  if (size === undefined) return refuse("size", `size "${printable(sizeText)}" is no number; ${NUMBER_HELP}`);

  const flags = flagsText.split(":").filter((flag) => flag !== "");
  const unknown = flags.find((flag) => flag !== "encrypted" && flag !== "readonly");
  if (unknown !== undefined) {
    const message = `flag "${printable(unknown)}" is unknown; use encrypted, readonly or encrypted:readonly`;
    return refuse("flags", unknown.startsWith("#") ? "a comment needs a line of its own; move it there" : message);
  }
  return { where, label, type, subtype, offset, size, flags };
}

/** Fills in what the rows leave open. Offsets may leave gaps but not go back, as in ESP-IDF. */
function placeRows(drafts: readonly DraftRow[], tableEnd: number): { rows: TableRow[]; problems: PartitionProblem[] } {
  const rows: TableRow[] = [];
  const problems: PartitionProblem[] = [];
  let previousEnd = tableEnd;
  for (const { where, label, type, subtype, offset: written, size: writtenSize, flags } of drafts) {
    const row = rowName(where, label);
    const offset = written ?? alignUp(previousEnd, alignmentBytesOf(type));
    const size = writtenSize < 0 ? -writtenSize - offset : writtenSize;
    if (rows.length > 0 && offset < previousEnd) {
      const message = `offset ${hex(offset)} is before ${hex(previousEnd)}, where the row before ends`;
      problems.push({ rule: "order", row, message: `${message}; sort the rows by offset and let none overlap` });
    }
    if (size < 0) {
      const end = hex(offset + size);
      const message = `it would end at ${end}, before its offset ${hex(offset)}; correct the size`;
      problems.push({ rule: "size", row, message });
    }
    const encrypted = flags.includes("encrypted");
    const readonly = flags.includes("readonly");
    rows.push({ where, entry: { label, type, subtype, offset, size, encrypted, readonly } });
    previousEnd = offset + size;
  }
  return { rows, problems };
}

function parseType(text: string): PartitionType | undefined {
  const number = valueOfName(PARTITION_TYPES, text) ?? parseNumber(text);
  return number === undefined ? undefined : typeFromNumber(number);
}

function parseSubtype(type: PartitionType, text: string): PartitionSubtype | undefined {
  if (text === "") return type === "app" ? undefined : subtypeFromNumber(type, SUBTYPE_BLANK);
  const number = valueOfName(subtypeNames(type), text) ?? parseNumber(text);
  return number === undefined ? undefined : subtypeFromNumber(type, number);
}

function parseNumber(text: string): number | undefined {
  const [, sign, digits, suffix] = NUMBER.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const factor = suffix === "" ? 1 : suffix?.toLowerCase() === "k" ? 0x400 : 0x10_0000;
  const value = Number(digits) * factor;
  if (value > NUMBER_MAX) return undefined;
  return sign === "-" ? -value : value;
}

function unknownName(what: string, text: string, names: readonly (readonly [string, number])[]): string {
  const known = names.map(([name]) => name).join(", ");
  const problem = text === "" ? `the ${what} is missing` : `${what} "${printable(text)}" is unknown`;
  return `${problem}; use ${known === "" ? "a number" : `a number or ${known}`}`;
}
