/** A partition table as plain text: who has which part of the flash, what is free, and how much that is of the whole. */

import type { PartitionEntry } from "../../src/store/partition-entry.js";
import { hex, TABLE_SECTOR_BYTES } from "../../src/store/partition-rules.js";
import type { PartitionTable } from "../../src/store/partition-table.js";

export interface FlashRegion {
  readonly kind: "boot" | "partition" | "free";
  /** A partition's label, else what the region is. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly entry?: PartitionEntry;
}

const KIB = 0x400;
const MIB = 0x10_0000;
const BAR_COLUMNS = 32;
const BAR_MARK = { boot: "=", partition: "#", free: "." } as const;

/** Cuts the whole flash into regions by ascending offset, free gaps included. */
export function flashRegions(table: PartitionTable, flashBytes: number): FlashRegion[] {
  const { tableOffset } = table;
  const partitions = [...table.entries].sort((a, b) => a.offset - b.offset);
  const regions: FlashRegion[] = [];
  let end = 0;
  const add = (region: FlashRegion) => {
    regions.push(region);
    end = region.offset + region.size;
  };
  /** What nobody claims is free, except below the end of the table. */
  const addGap = (gapEnd: number) => {
    const unclaimed = [
      { kind: "boot", name: "(boot loader)", limit: tableOffset },
      { kind: "boot", name: "(partition table)", limit: tableOffset + TABLE_SECTOR_BYTES },
      { kind: "free", name: "(free)", limit: flashBytes },
    ] as const;
    for (const { kind, name, limit } of unclaimed) {
      const size = Math.min(gapEnd, limit) - end;
      if (size > 0) add({ kind, name, offset: end, size });
    }
  };
  for (const entry of partitions) {
    addGap(entry.offset);
    add({ kind: "partition", name: entry.label, offset: entry.offset, size: entry.size, entry });
  }
  addGap(flashBytes);
  return regions;
}

/** An aligned table with a bar per region, and a line on what is free. Every line ends in a newline. */
export function renderPartitionMap(table: PartitionTable, flashBytes: number): string {
  const regions = flashRegions(table, flashBytes);
  const scale = `0${sizeText(flashBytes).padStart(BAR_COLUMNS + 1)}`;
  const header = ["Name", "Type", "SubType", "Offset", "End", "Size", "Flags", scale];
  const rows = regions.map(({ kind, name, offset, size, entry }) => [
    name,
    entry ? numberOrName(entry.type) : "",
    entry ? numberOrName(entry.subtype) : "",
    address(offset),
    address(offset + size),
    sizeText(size),
    entry ? flagNames(entry).join(":") : "",
    bar(kind, offset, size, flashBytes),
  ]);
  const free = regions.filter(({ kind }) => kind === "free");
  const freeBytes = free.reduce((sum, { size }) => sum + size, 0);
  const summary =
    free.length === 0
      ? `The flash of ${sizeText(flashBytes)} is in use to its last byte.`
      : `Free: ${sizeText(freeBytes)} of ${sizeText(flashBytes)}, in ${free.length === 1 ? "one piece" : `${free.length} pieces`}.`;
  return `${columns([header, ...rows])}\n${summary}\n`;
}

export function flagNames(entry: PartitionEntry): string[] {
  return [...(entry.encrypted ? ["encrypted"] : []), ...(entry.readonly ? ["readonly"] : [])];
}

/** Sizes and addresses stand flush right; a column in which nothing stands is left out. */
function columns(rows: readonly (readonly string[])[]): string {
  const flushRight = new Set([3, 4, 5]);
  const [header = [], ...body] = rows;
  const shown = header.map((_, column) => column).filter((column) => body.some((row) => (row[column] ?? "") !== ""));
  const widths = header.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const cell = (row: readonly string[], column: number) => {
    const text = row[column] ?? "";
    const width = widths[column] ?? 0;
    return flushRight.has(column) ? text.padStart(width) : text.padEnd(width);
  };
  return rows
    .map(
      (row) =>
        `${shown
          .map((column) => cell(row, column))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** Where the region lies in the flash; the smallest still shows as one mark. */
function bar(kind: FlashRegion["kind"], offset: number, size: number, flashBytes: number): string {
  const column = (at: number) => Math.round((at * BAR_COLUMNS) / flashBytes);
  const start = Math.min(column(offset), BAR_COLUMNS - 1);
  const marks = Math.max(column(offset + size) - start, 1);
  return `|${" ".repeat(start)}${BAR_MARK[kind].repeat(marks)}`.padEnd(BAR_COLUMNS + 1).concat("|");
}

function address(at: number): string {
  return `0x${at.toString(16).padStart(6, "0")}`;
}

function numberOrName(value: string | number): string {
  return typeof value === "number" ? hex(value) : value;
}

function sizeText(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB} MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} B`;
}
