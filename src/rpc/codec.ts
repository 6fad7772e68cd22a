/**
 * Values to message bytes and back, by the shapes of the catalogue. The message layouts are drawn in protocol.ts.
 *
 * Decoding returns values or a literal reason and never throws: the bytes come from the wire. Encoding throws only
 * RangeError for a message beyond the frame's limit, which is a mistake of the caller.
 */

import type { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Call, Field, FieldType, Value } from "./catalogue.js";
import { OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT } from "./protocol.js";

/** Decoded fields by name. Binary values are views into the received frame: copy what must outlive the handler. */
export type Decoded = Record<string, Value>;

export type DecodeFailure = "too short" | "trailing bytes";

export function encodeInvoke(writer: ByteWriter, call: Call, messageId: number, args: Readonly<Decoded>): void {
  writer.reset();
  writer.u16(OPCODE_INVOKE);
  writer.u16(call.uid);
  writer.u16(messageId);
  writeFields(writer, call.argFields, args);
}

export function encodeOneway(writer: ByteWriter, call: Call, args: Readonly<Decoded>): void {
  writer.reset();
  writer.u16(OPCODE_ONEWAY);
  writer.u16(call.uid);
  writeFields(writer, call.argFields, args);
}

/** `results` is absent for every status but OK: an error never carries a payload. */
export function encodeResult(
  writer: ByteWriter,
  messageId: number,
  status: number,
  fields: readonly Field[] = [],
  results: Readonly<Decoded> = {},
): void {
  writer.reset();
  writer.u16(OPCODE_RESULT);
  writer.u16(messageId);
  writer.u8(status);
  writeFields(writer, fields, results);
}

/**
 * Reads the fields and nothing else. A list without fields accepts trailing bytes, as Blynk's driver does.
 */
export function readFields(reader: ByteReader, fields: readonly Field[]): Decoded | DecodeFailure {
  const values: Decoded = {};
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Field; // by index: the engine takes ten times as long to destructure an array
    values[field[0]] = readField(reader, field[1]);
  }
  if (reader.failed) return "too short";
  return fields.length > 0 && reader.remaining > 0 ? "trailing bytes" : values;
}

function readField(reader: ByteReader, type: FieldType): Value {
  switch (type) {
    case "bool":
      return reader.u8() !== 0;
    case "u8":
      return reader.u8();
    case "u16":
      return reader.u16();
    case "i16":
      return reader.i16();
    case "u32":
      return reader.u32();
    case "i64":
      return reader.i64();
    case "string":
      return reader.text();
    case "binary":
      return reader.bytes(reader.u16());
  }
}

function writeFields(writer: ByteWriter, fields: readonly Field[], values: Readonly<Decoded>): void {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Field;
    writeField(writer, field[1], values[field[0]] as Value);
  }
  if (writer.overflowed) throw new RangeError(`message longer than ${writer.bytes.length} bytes`);
}

function writeField(writer: ByteWriter, type: FieldType, value: Value): void {
  switch (type) {
    case "bool":
      return writer.u8(value ? 1 : 0);
    case "u8":
      return writer.u8(value as number);
    case "u16":
      return writer.u16(value as number);
    case "i16":
      return writer.i16(value as number);
    case "u32":
      return writer.u32(value as number);
    case "i64":
      return writer.i64(value as bigint);
    case "string":
      return writer.text(value as string);
    case "binary":
      writer.u16((value as Uint8Array).length);
      return writer.raw(value as Uint8Array);
  }
}
