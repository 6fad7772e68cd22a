/**
 * What the two sides say to each other, from payloads to words. A RESULT names no call: each reader remembers the calls
 * that went the other way.
 */

import { ByteReader } from "../../src/base/bytes.js";
import { toHex } from "../../src/base/hex.js";
import { type Call, type CallName, calls, callsServedBy, type Side, type Value } from "../../src/rpc/catalogue.js";
import { type Decoded, type DecodeFailure, readFields } from "../../src/rpc/codec.js";
import { NcpEvent, NcpState, OPCODE_INVOKE, OPCODE_ONEWAY, OPCODE_RESULT, RpcStatus } from "../../src/rpc/protocol.js";

/** Values by name, or why there are none. */
export type Values = Decoded | DecodeFailure;

export type Message =
  | {
      readonly kind: "invoke" | "oneway";
      /** Absent for a uid that the catalogue does not have. */
      readonly name?: CallName;
      readonly uid: number;
      /** 0 of a oneway. */
      readonly id: number;
      readonly values: Values;
    }
  | {
      readonly kind: "result";
      readonly id: number;
      readonly status: number;
      /** The call that it answers; absent when nobody knows. */
      readonly call?: PendingCall;
      readonly values: Values;
    }
  | { readonly kind: "unknown"; readonly bytes: Uint8Array };

export interface PendingCall {
  readonly name: CallName;
  readonly args: Values;
}

/** Calls whose RESULT may still come. Neither side waits for so many. */
const PENDING_MAX = 64;
/** What a long binary shows of itself. */
const BINARY_BYTES_SHOWN = 16;

/** Understands what one side says. */
export class MessageReader {
  readonly #served: ReadonlyMap<number, CallName>;
  /** Calls of this side that wait for their RESULT, by message id. */
  readonly #pending = new Map<number, PendingCall>();
  /** Who answers the calls of this side, and whose calls this side answers. */
  other: MessageReader | undefined;

  /** @param speaker whose messages these are */
  constructor(speaker: Side) {
    this.#served = callsServedBy(speaker === "mcu" ? "ncp" : "mcu");
  }

  /** Takes bytes that are not changed any more. */
  read(payload: Uint8Array): Message {
    const reader = new ByteReader(payload);
    const opcode = reader.u16();
    if (opcode === OPCODE_RESULT) {
      const id = reader.u16();
      const status = reader.u8();
      return reader.failed ? { kind: "unknown", bytes: payload } : this.#readResult(reader, id, status);
    }
    const kind = opcode === OPCODE_INVOKE ? "invoke" : opcode === OPCODE_ONEWAY ? "oneway" : undefined;
    const uid = reader.u16();
    const id = kind === "invoke" ? reader.u16() : 0;
    if (kind === undefined || reader.failed) return { kind: "unknown", bytes: payload };
    const name = this.#served.get(uid);
    if (!name) return { kind, uid, id, values: {} };
    const values = readFields(reader, calls[name].argFields);
    if (kind === "invoke") this.#remember(id, { name, args: values });
    return { kind, name, uid, id, values };
  }

  #readResult(reader: ByteReader, id: number, status: number): Message {
    const call = this.other?.takePending(id);
    const fields = call && status === RpcStatus.OK ? calls[call.name].resultFields : [];
    return { kind: "result", id, status, ...(call ? { call } : {}), values: readFields(reader, fields) };
  }

  /** The call that a RESULT with this id answers; once. */
  takePending(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }

  #remember(id: number, call: PendingCall): void {
    this.#pending.delete(id); // a Map keeps the place of a key that it has
    this.#pending.set(id, call);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > PENDING_MAX && oldest !== undefined) this.#pending.delete(oldest);
  }
}

/** One line, as in `INVOKE blynk.initialize #6 templateId "TMPL0123456789", templateName "Ferry"`. */
export function messageText(message: Message): string {
  if (message.kind === "unknown") return `no message of this protocol: ${bytesText(message.bytes)}`;
  if (message.kind === "result") {
    const status = message.status === RpcStatus.OK ? "OK" : nameIn(RpcStatus, message.status);
    const values = valuesText(message.values, message.call?.name);
    return `RESULT ${message.call?.name ?? "of a call that nobody knows"} #${message.id} ${status}${values}`;
  }
  const name = message.name ?? `unknown uid 0x${message.uid.toString(16).padStart(4, "0")}`;
  const id = message.kind === "invoke" ? ` #${message.id}` : "";
  return `${message.kind.toUpperCase()} ${name}${id}${valuesText(message.values, message.name)}`;
}

function valuesText(values: Values, name: CallName | undefined): string {
  if (typeof values === "string") return ` (${values})`;
  const texts = Object.entries(values).map(([field, value]) => `${field} ${valueText(value, field, name)}`);
  return texts.length === 0 ? "" : ` ${texts.join(", ")}`;
}

function valueText(value: Value, field: string, name: CallName | undefined): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return bytesText(value);
  if (field === "state") return `${value} ${nameIn(NcpState, Number(value))}`;
  if (field === "event") return `${value} ${nameIn(NcpEvent, Number(value))}`;
  if (field === "crc32") return Number(value).toString(16).padStart(8, "0");
  if (name === "ncp.hasUID" || name === "mcu.hasUID") return uidText(value, field);
  return String(value);
}

function uidText(value: Value, field: string): string {
  if (field !== "uid") return String(value);
  const known = Object.entries(calls as Record<string, Call>).find(([, { uid }]) => uid === value);
  return `0x${Number(value).toString(16).padStart(4, "0")}${known ? ` (${known[0]})` : ""}`;
}

/** `5 bytes 01 02 03 04 05`, cut short when there are many. */
export function bytesText(bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, BINARY_BYTES_SHOWN)).replace(/..(?=.)/g, "$& ");
  const rest = bytes.length > BINARY_BYTES_SHOWN ? " ..." : "";
  return `${bytes.length === 1 ? "1 byte" : `${bytes.length} bytes`}${hex ? ` ${hex}${rest}` : ""}`;
}

/** The name of a number in a record of the protocol's. */
export function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, number]) => number === value)?.[0] ?? `0x${value.toString(16)}`;
}
