/**
 * The ESP-IDF partition table: which part of the flash belongs to whom.
 *
 * Invariant: a PartitionTable exists only verified (partition-rules.ts), and never changes.
 * Fault model: rows come from files and from flash, so each may be anything; a refusal names row, rule and remedy, and
 * nothing throws.
 */

import {
  type PartitionEntry,
  subtypeFromNumber,
  subtypeNumber,
  typeFromNumber,
  typeNumber,
} from "./partition-entry.js";
import {
  type PartitionLayout,
  type PartitionProblem,
  problemsOf,
  TABLE_OFFSET_DEFAULT,
  type TableRow,
} from "./partition-rules.js";

export type PartitionTableResult =
  | { readonly ok: true; readonly table: PartitionTable }
  | { readonly ok: false; readonly problems: readonly PartitionProblem[] };

const OTA_0 = 0x10;
const OTA_15 = 0x1f;

export class PartitionTable {
  readonly #entries: readonly PartitionEntry[];
  /** Where the table itself lies in flash. */
  readonly tableOffset: number;

  private constructor(entries: readonly PartitionEntry[], tableOffset: number) {
    this.#entries = Object.freeze(entries);
    this.tableOffset = tableOffset;
  }

  /** Checks the rows and makes a table of them, in their order, with names where types and subtypes have one. */
  static verify(rows: readonly TableRow[], layout: PartitionLayout = {}): PartitionTableResult {
    const named = rows.map(({ where, entry }) => ({ where, entry: withNames(entry) }));
    const problems = problemsOf(named, layout);
    if (problems.length > 0) return { ok: false, problems };
    const entries = named.map(({ entry }) => entry);
    return { ok: true, table: new PartitionTable(entries, layout.tableOffset ?? TABLE_OFFSET_DEFAULT) };
  }

  /** In the order of the table, which need not be that of the offsets. */
  get entries(): readonly PartitionEntry[] {
    return this.#entries;
  }

  findByLabel(label: string): PartitionEntry | undefined {
    return this.#entries.find((entry) => entry.label === label);
  }

  /** The slots of A/B updates, ota_0 first; factory and test apps are none. */
  appSlots(): readonly PartitionEntry[] {
    const slotOf = (entry: PartitionEntry) => subtypeNumber(entry.type, entry.subtype) ?? 0;
    return this.#entries
      .filter((entry) => entry.type === "app" && slotOf(entry) >= OTA_0 && slotOf(entry) <= OTA_15)
      .sort((a, b) => slotOf(a) - slotOf(b));
  }
}

function withNames(entry: PartitionEntry): PartitionEntry {
  const { label, offset, size, encrypted, readonly } = entry;
  const type = typeFromNumber(typeNumber(entry.type) ?? Number.NaN);
  const subtype = subtypeFromNumber(type, subtypeNumber(entry.type, entry.subtype) ?? Number.NaN);
  return Object.freeze({ label, type, subtype, offset, size, encrypted, readonly });
}
