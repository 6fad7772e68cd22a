/** Random valid partition tables: the entries, and one of the many ways to write them as CSV. */

import type { Random } from "../../host/sim/random.js";
import type { PartitionEntry } from "../../src/store/partition-entry.js";

export interface RandomTable {
  readonly entries: readonly PartitionEntry[];
  readonly text: string;
  readonly flashBytes: number;
}

const ENTRIES_MAX = 94;
const SECTOR_BYTES = 0x1000;
const APP_BYTES = 0x1_0000;

/** Names with their numbers, told here anew: the code under test must not be its own oracle. */
type Kind = readonly [PartitionEntry["type"], PartitionEntry["subtype"], typeNumber: number, subtypeNumber: number];

const OTADATA: Kind = ["data", "ota", 1, 0x00];
const KINDS: readonly Kind[] = [
  ["app", "factory", 0, 0x00],
  ["app", "ota_0", 0, 0x10],
  ["app", "ota_7", 0, 0x17],
  ["app", "ota_15", 0, 0x1f],
  ["app", "test", 0, 0x20],
  ["app", 0x55, 0, 0x55],
  ["data", "phy", 1, 0x01],
  ["data", "nvs", 1, 0x02],
  ["data", "coredump", 1, 0x03],
  ["data", "nvs_keys", 1, 0x04],
  ["data", "undefined", 1, 0x06],
  ["data", "fat", 1, 0x81],
  ["data", "spiffs", 1, 0x82],
  ["data", "littlefs", 1, 0x83],
  ["data", 0x77, 1, 0x77],
  [0x40, 0x00, 0x40, 0x00],
  [0xfe, 0xfe, 0xfe, 0xfe],
];

/** One to 94 partitions, unless the count is given, in 16 MB of flash. */
export function randomTable(random: Random, count = 1 + random.below(ENTRIES_MAX)): RandomTable {
  const entries: PartitionEntry[] = [];
  const lines = ["# Name, Type, SubType, Offset, Size, Flags"];
  const otadataAt = random.below(count * 2);
  let end = 0x9000;
  for (let i = 0; i < count; i++) {
    const kind = i === otadataAt ? OTADATA : pick(random, KINDS);
    const [type, subtype] = kind;
    const alignmentBytes = type === "app" ? APP_BYTES : SECTOR_BYTES;
    const next = Math.ceil(end / alignmentBytes) * alignmentBytes;
    const offset = next + (random.chance(0.2) ? alignmentBytes * (1 + random.below(2)) : 0);
    const sectors = 3 + random.below(type === "app" ? 40 : 8);
    const oddBytes = type !== "app" && random.chance(0.1) ? 1 + random.below(SECTOR_BYTES - 1) : 0;
    const size = i === otadataAt ? 0x2000 : sectors * SECTOR_BYTES + oddBytes;
    const alwaysWritten = i === otadataAt || subtype === "coredump";
    const readonly = !alwaysWritten && random.chance(0.2);
    const entry = {
      label: randomLabel(random, i),
      type,
      subtype,
      offset,
      size,
      encrypted: random.chance(0.2),
      readonly,
    };
    entries.push(entry);
    if (random.chance(0.1)) lines.push(pick(random, ["", "   ", "# note, with, commas", "\t# indented"]));
    lines.push(csvLine(random, entry, kind, offset === next));
    end = offset + size;
  }
  return { entries, text: lines.join(pick(random, ["\n", "\r\n"])), flashBytes: 0x100_0000 };
}

function csvLine(
  random: Random,
  entry: PartitionEntry,
  [type, subtype, typeNumber, subtypeNumber]: Kind,
  followsOn: boolean,
): string {
  const name = (value: string | number, number: number) =>
    typeof value === "number" || random.chance(0.3) ? numberText(random, number) : anyCase(random, value);
  const blankSubtype = type === "data" && subtype === "undefined" && random.chance(0.5);
  const end = entry.offset + entry.size;
  const flags = [...(entry.encrypted ? ["encrypted"] : []), ...(entry.readonly ? ["readonly"] : [])];
  if (random.chance(0.5)) flags.reverse();
  const fields = [
    entry.label,
    name(type, typeNumber),
    blankSubtype ? "" : name(subtype, subtypeNumber),
    followsOn && random.chance(0.6) ? "" : numberText(random, entry.offset),
    random.chance(0.2) ? `-${numberText(random, end)}` : numberText(random, entry.size),
    flags.join(":"),
  ];
  return fields.map((field) => pick(random, ["", " "]) + field + pick(random, ["", "  ", "\t"])).join(",");
}

function numberText(random: Random, value: number): string {
  const forms = [`${value}`, `0x${value.toString(16)}`, `0x${value.toString(16).toUpperCase()}`];
  if (value > 0 && value % 0x400 === 0) forms.push(`${value / 0x400}K`, `0x${(value / 0x400).toString(16)}k`);
  if (value > 0 && value % 0x10_0000 === 0) forms.push(`${value / 0x10_0000}M`, `${value / 0x10_0000}m`);
  return pick(random, forms);
}

/** Unique by its number, and up to the 16 bytes that fill the field without a terminator. */
function randomLabel(random: Random, index: number): string {
  const letters = "abcXYZ_-.09 !~";
  let label = `p${index}`;
  for (let i = random.below(17 - label.length); i > 0; i--) label += letters.charAt(random.below(letters.length));
  return label.endsWith(" ") ? `${label.slice(0, -1)}_` : label;
}

function anyCase(random: Random, text: string): string {
  return random.chance(0.2) ? text.toUpperCase() : text;
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}
