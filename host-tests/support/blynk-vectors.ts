/**
 * The exchanges recorded between Blynk's C driver and its generated server (vectors/blynk-rpc.json), in the terms of
 * the catalogue. Names of arguments differ, as Blynk's IDL and the catalogue each have their own; the order is the
 * same.
 */

import { type Call, type CallName, calls, type FieldType, type Value } from "../../src/rpc/catalogue.js";
import type { Decoded } from "../../src/rpc/codec.js";
import recorded from "../vectors/blynk-rpc.json";
import { fromHex } from "./ncp-stub.js";

export interface RecordedExchange {
  readonly interface: string;
  readonly method: string;
  /** "0x0101" */
  readonly uid: string;
  /** The side that made the call. */
  readonly caller: "mcu" | "ncp";
  readonly kind: "invoke" | "oneway";
  readonly seq: number | null;
  readonly args: Readonly<Record<string, RecordedArgument>>;
  /** Whole frames in hexadecimal. */
  readonly request: string;
  readonly response: string | null;
  /** What the caller's driver understood: out-arguments by name, `return` and the RESULT's `status`. */
  readonly decoded: Readonly<Record<string, string | number | null>>;
}

export interface RecordedArgument {
  readonly type: "UInt8" | "UInt16" | "UInt32" | "Int64" | "Bool" | "String" | "Binary";
  readonly value?: string | number | boolean;
  readonly hex?: string;
}

export interface Exchange {
  readonly recorded: RecordedExchange;
  readonly name: CallName;
  readonly call: Call;
  readonly messageId: number;
  readonly args: Decoded;
  readonly results: Decoded;
  /** For messages of failures. */
  readonly title: string;
}

const IDL_TYPES: Readonly<Record<RecordedArgument["type"], FieldType>> = {
  UInt8: "u8",
  UInt16: "u16",
  UInt32: "u32",
  Int64: "i64",
  Bool: "bool",
  String: "string",
  Binary: "binary",
};

/** The catalogue's name of the argument's type. */
export function typeOf(argument: RecordedArgument): FieldType {
  return IDL_TYPES[argument.type];
}

export function loadExchanges(): Exchange[] {
  return (recorded as unknown as RecordedExchange[]).map((exchange, index) => {
    const name = `${exchange.interface}.${exchange.method}` as CallName;
    const call: Call = calls[name];
    if (!call) throw new Error(`exchange ${index}: the catalogue has no ${name}`);
    return {
      recorded: exchange,
      name,
      call,
      messageId: exchange.seq ?? 0,
      args: argsOf(exchange, call),
      results: resultsOf(exchange, call),
      title: `${index}: ${name}, message ${exchange.seq}`,
    };
  });
}

function argsOf(exchange: RecordedExchange, call: Call): Decoded {
  const args: Decoded = {};
  for (const [index, argument] of Object.values(exchange.args).entries()) {
    const field = call.argFields[index];
    if (!field) throw new Error(`${exchange.method} has an argument ${index} too many`);
    args[field[0]] = argument.hex === undefined ? fromJson(field[1], argument.value) : bytesOf(argument.hex);
  }
  return args;
}

/** Out-arguments first, then the return value: it is none of a call without results, where it repeats the status. */
function resultsOf(exchange: RecordedExchange, call: Call): Decoded {
  const outs = Object.keys(exchange.decoded).filter((key) => key !== "return" && key !== "status");
  const keys = call.resultFields.length > outs.length ? [...outs, "return"] : outs;
  const results: Decoded = {};
  for (const [index, key] of keys.entries()) {
    const field = call.resultFields[index];
    if (!field) throw new Error(`${exchange.method} has a result ${key} too many`);
    results[field[0]] = fromJson(field[1], exchange.decoded[key]);
  }
  return results;
}

function fromJson(type: FieldType, value: unknown): Value {
  switch (type) {
    case "i64":
      return BigInt(value as string | number);
    case "bool":
      return Boolean(value);
    case "string":
      return String(value);
    case "binary":
      return bytesOf(value as string);
    default:
      return Number(value);
  }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(fromHex(hex));
}
