/**
 * One row of an ESP-IDF partition table, and the names that ESP-IDF gives to types and subtypes.
 *
 * An entry carries a name wherever there is one and the number otherwise, so that equal partitions compare equal
 * whichever way they were written. The names are lists of pairs, searched in order: they hold no property keys that
 * text from outside could hit or add to.
 */

import { deepFreeze } from "../base/freeze.js";

export const PARTITION_TYPES = deepFreeze([
  ["app", 0x00],
  ["data", 0x01],
  ["bootloader", 0x02],
  ["partition_table", 0x03],
] as const);

const APP_SUBTYPES = deepFreeze([
  ["factory", 0x00],
  ["ota_0", 0x10],
  ["ota_1", 0x11],
  ["ota_2", 0x12],
  ["ota_3", 0x13],
  ["ota_4", 0x14],
  ["ota_5", 0x15],
  ["ota_6", 0x16],
  ["ota_7", 0x17],
  ["ota_8", 0x18],
  ["ota_9", 0x19],
  ["ota_10", 0x1a],
  ["ota_11", 0x1b],
  ["ota_12", 0x1c],
  ["ota_13", 0x1d],
  ["ota_14", 0x1e],
  ["ota_15", 0x1f],
  ["test", 0x20],
  ["tee_0", 0x30],
  ["tee_1", 0x31],
] as const);

const DATA_SUBTYPES = deepFreeze([
  ["ota", 0x00],
  ["phy", 0x01],
  ["nvs", 0x02],
  ["coredump", 0x03],
  ["nvs_keys", 0x04],
  ["efuse", 0x05],
  ["undefined", 0x06],
  ["esphttpd", 0x80],
  ["fat", 0x81],
  ["spiffs", 0x82],
  ["littlefs", 0x83],
  ["tee_ota", 0x90],
] as const);

const BOOTLOADER_SUBTYPES = deepFreeze([
  ["primary", 0x00],
  ["ota", 0x01],
  ["recovery", 0x02],
] as const);

const PARTITION_TABLE_SUBTYPES = deepFreeze([
  ["primary", 0x00],
  ["ota", 0x01],
] as const);

export type PartitionTypeName = (typeof PARTITION_TYPES)[number][0];
export type PartitionSubtypeName =
  | (typeof APP_SUBTYPES)[number][0]
  | (typeof DATA_SUBTYPES)[number][0]
  | (typeof BOOTLOADER_SUBTYPES)[number][0]
  | (typeof PARTITION_TABLE_SUBTYPES)[number][0];

export type PartitionType = PartitionTypeName | number;
export type PartitionSubtype = PartitionSubtypeName | number;

export interface PartitionEntry {
  /** 1 to 16 printable ASCII characters. */
  readonly label: string;
  readonly type: PartitionType;
  readonly subtype: PartitionSubtype;
  /** Bytes from the start of the flash. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly encrypted: boolean;
  readonly readonly: boolean;
}

type Names<N extends string> = readonly (readonly [name: N, value: number])[];

/** The names that subtypes of a type have; none for custom types. */
export function subtypeNames(type: PartitionType): Names<PartitionSubtypeName> {
  switch (type) {
    case "app":
      return APP_SUBTYPES;
    case "data":
      return DATA_SUBTYPES;
    case "bootloader":
      return BOOTLOADER_SUBTYPES;
    case "partition_table":
      return PARTITION_TABLE_SUBTYPES;
    default:
      return [];
  }
}

/** The number behind a name, ESP-IDF's spelling in any case; `undefined` when there is no such name. */
export function valueOfName<N extends string>(names: Names<N>, text: string): number | undefined {
  const wanted = text.toLowerCase();
  return names.find(([name]) => name === wanted)?.[1];
}

function nameOfValue<N extends string>(names: Names<N>, value: number): N | number {
  return names.find((pair) => pair[1] === value)?.[0] ?? value;
}

export function typeFromNumber(type: number): PartitionType {
  return nameOfValue(PARTITION_TYPES, type);
}

export function subtypeFromNumber(type: PartitionType, subtype: number): PartitionSubtype {
  return nameOfValue(subtypeNames(type), subtype);
}

/** The type's byte in the binary table. */
export function typeNumber(type: PartitionType): number | undefined {
  return typeof type === "number" ? type : valueOfName(PARTITION_TYPES, type);
}

/** The subtype's byte in the binary table; `undefined` for a name that belongs to another type. */
export function subtypeNumber(type: PartitionType, subtype: PartitionSubtype): number | undefined {
  return typeof subtype === "number" ? subtype : valueOfName(subtypeNames(type), subtype);
}
