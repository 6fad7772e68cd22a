/**
 * Settings as bytes: fields with tags, each declared once with its bounds.
 *
 *   field  = | u8 tag | u8 length | value |                   text: UTF-8; unsigned: little-endian; flag: no value
 *
 * Invariants: a tag keeps its meaning for ever, and new fields get new tags, so that every version of Ferry reads what
 * every other has written; what an older one does not know it skips. A value out of its bounds is neither written nor
 * read: nothing behind this door checks again.
 * Fault model: any bytes at all. Decoding gives a whole value or nothing, and never throws.
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import { isHost, parseIpv4 } from "../base/host.js";
import { decodeUtf8, encodeUtf8, utf8Length } from "../base/utf8.js";

export const FIELD_BYTES_MAX = 255;
/** Of all fields of one value. */
export const FIELDS_BYTES_MAX = 1_024;

type TextField = { readonly type: "text"; readonly bytesMin: number; readonly bytesMax: number };
/** A server's name, or its address. */
type HostField = { readonly type: "host" };
/** "192.168.4.1" */
type Ipv4Field = { readonly type: "ipv4" };
type BytesField = { readonly type: "bytes"; readonly length: number };
type UnsignedField = {
  readonly type: "unsigned";
  readonly bytes: 1 | 2 | 4;
  readonly min: number;
  readonly max: number;
};
/** Stored when true. */
type FlagField = { readonly type: "flag" };

export type FieldBounds = TextField | HostField | Ipv4Field | BytesField | UnsignedField | FlagField;
export type FieldValue = string | Uint8Array | number | boolean;

type BoundsFor<V> = V extends string
  ? TextField | HostField | Ipv4Field
  : V extends Uint8Array
    ? BytesField
    : V extends number
      ? UnsignedField
      : FlagField;

type IsRequired<T, K extends keyof T> = Record<never, never> extends Pick<T, K> ? false : true;

interface FieldPlace {
  readonly tag: number;
  readonly required: boolean;
}

/** The fields of a type, all of them, by name. */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: BoundsFor<Required<T>[K]> & { readonly tag: number; readonly required: IsRequired<T, K> };
};

type AnyField = FieldBounds & FieldPlace;

/** What is wrong with a value, as "ssid has 33 bytes: 1 to 32 are allowed"; `undefined` when nothing is. */
export function problemOf<T extends object>(table: FieldTable<T>, value: T): string | undefined {
  for (const [name, field] of fieldsOf(table)) {
    const given = (value as Readonly<Record<string, FieldValue | undefined>>)[name];
    if (given === undefined) {
      if (field.required) return `${name} is missing`;
      continue;
    }
    const problem = fieldProblem(field, given);
    if (problem) return `${name} ${problem}`;
  }
  return undefined;
}

/** For a value without problems: others are a mistake of the caller, and throw RangeError. */
export function encodeFields<T extends object>(table: FieldTable<T>, value: T): Uint8Array {
  const problem = problemOf(table, value);
  if (problem) throw new RangeError(problem);
  const writer = new ByteWriter(FIELDS_BYTES_MAX);
  for (const [name, field] of fieldsOf(table)) {
    const given = (value as Readonly<Record<string, FieldValue | undefined>>)[name];
    if (given === undefined || given === false) continue;
    const bytes = bytesFrom(field, given);
    writer.u8(field.tag);
    writer.u8(bytes.length);
    writer.raw(bytes);
  }
  if (writer.overflowed) throw new RangeError(`longer than ${FIELDS_BYTES_MAX} bytes`);
  return writer.copy();
}

/** `undefined` unless the bytes hold a whole value within all bounds. */
export function decodeFields<T extends object>(table: FieldTable<T>, bytes: Uint8Array): T | undefined {
  const byTag = new Map(fieldsOf(table).map(([name, field]) => [field.tag, { name, field }]));
  const value: Record<string, FieldValue> = {};
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const known = byTag.get(reader.u8());
    const stored = reader.bytes(reader.u8());
    if (reader.failed) return undefined;
    if (!known) continue;
    const read = valueFrom(known.field, stored);
    if (read === undefined || known.name in value) return undefined;
    value[known.name] = read;
  }
  return problemOf(table, value as T) === undefined ? (value as T) : undefined;
}

function fieldsOf<T extends object>(table: FieldTable<T>): [name: string, field: AnyField][] {
  return Object.entries(table as Readonly<Record<string, AnyField>>);
}

function fieldProblem(field: FieldBounds, value: FieldValue): string | undefined {
  switch (field.type) {
    case "text":
      return textProblem(field, value as string);
    case "host":
      return isHost(value as string) ? undefined : 'is no server\'s name: it has letters, digits, "-" and "." only';
    case "ipv4":
      return parseIpv4(value as string) ? undefined : `is no IPv4 address: "${value}"`;
    case "bytes": {
      const { length } = value as Uint8Array;
      return length === field.length ? undefined : `has ${length} bytes: it must be ${field.length}`;
    }
    case "unsigned": {
      const isInBounds = Number.isInteger(value) && (value as number) >= field.min && (value as number) <= field.max;
      return isInBounds ? undefined : `is ${value}: ${field.min} to ${field.max} are allowed`;
    }
    case "flag":
      return undefined;
  }
}

/** A NUL would end the text early on its way to the MCU. */
function textProblem({ bytesMin, bytesMax }: TextField, text: string): string | undefined {
  const length = utf8Length(text);
  if (length < bytesMin || length > bytesMax) return `has ${length} bytes: ${bytesMin} to ${bytesMax} are allowed`;
  return text.includes("\0") ? "contains a NUL" : undefined;
}

function bytesFrom(field: FieldBounds, value: FieldValue): Uint8Array {
  switch (field.type) {
    case "text":
    case "host":
      return encodeUtf8(value as string);
    case "ipv4":
      return parseIpv4(value as string) ?? new Uint8Array(0);
    case "bytes":
      return value as Uint8Array;
    case "unsigned":
      return Uint8Array.from({ length: field.bytes }, (_, index) => ((value as number) >>> (8 * index)) & 0xff);
    case "flag":
      return new Uint8Array(0);
  }
}

function valueFrom(field: FieldBounds, bytes: Uint8Array): FieldValue | undefined {
  switch (field.type) {
    case "text":
    case "host":
      return decodeUtf8(bytes);
    case "ipv4":
      return bytes.length === 4 ? bytes.join(".") : undefined;
    case "bytes":
      return bytes.slice();
    case "unsigned":
      return bytes.length === field.bytes ? bytes.reduceRight((number, byte) => number * 256 + byte, 0) : undefined;
    case "flag":
      return bytes.length === 0 ? true : undefined;
  }
}
