/**
 * MQTT 3.1.1 from a broker's side: what clients send, parsed, and what brokers send, as bytes. The firmware's own codec
 * is not used, so that it is never its own judge.
 */

import { decodeUtf8, encodeUtf8 } from "../../src/base/utf8.js";

export type ClientPacket =
  | {
      readonly kind: "connect";
      readonly id: string;
      readonly user: string;
      readonly password: string;
      readonly keepAliveSeconds: number;
      readonly clean: boolean;
    }
  | {
      readonly kind: "publish";
      readonly topic: string;
      readonly payload: Uint8Array;
      readonly qos: number;
      readonly retain: boolean;
    }
  | { readonly kind: "puback"; readonly id: number }
  | { readonly kind: "subscribe"; readonly id: number; readonly topics: readonly (readonly [string, number])[] }
  | { readonly kind: "pingreq" }
  | { readonly kind: "disconnect" }
  | { readonly kind: "wrong"; readonly why: string };

const LENGTH_BYTES_MAX = 4;
const CLEAN = 0x02;
const WILL = 0x04;
const PASSWORD = 0x40;
const USER = 0x80;

/** What stands at the beginning of these bytes, and how many of them it takes; `undefined` when it is not all there. */
export function parseClientPacket(bytes: Uint8Array): { packet: ClientPacket; length: number } | undefined {
  let bodyBytes = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    bodyBytes += (byte & 0x7f) << shift;
    if (byte < 0x80) break;
    if (at > LENGTH_BYTES_MAX) return { packet: { kind: "wrong", why: "a length of five bytes" }, length: at };
  }
  const length = at + bodyBytes;
  if (bytes.length < length) return undefined;
  const reader = new Reader(bytes.subarray(at, length));
  const packet = parseBody(bytes[0] as number, reader);
  return { packet: reader.isOverrun ? { kind: "wrong", why: `${packet.kind} is cut off` } : packet, length };
}

function parseBody(head: number, reader: Reader): ClientPacket {
  const flags = head & 0x0f;
  switch (head >> 4) {
    case 1:
      return parseConnect(reader);
    case 3: {
      const qos = (flags >> 1) & 3;
      const topic = reader.text();
      if (qos > 0) reader.u16();
      return { kind: "publish", topic, payload: reader.rest(), qos, retain: (flags & 1) === 1 };
    }
    case 4:
      return { kind: "puback", id: reader.u16() };
    case 8: {
      if (flags !== 2) return { kind: "wrong", why: `SUBSCRIBE with flags ${flags}` };
      const id = reader.u16();
      const topics: [string, number][] = [];
      while (reader.left > 0) topics.push([reader.text(), reader.u8()]);
      return { kind: "subscribe", id, topics };
    }
    case 12:
      return { kind: "pingreq" };
    case 14:
      return { kind: "disconnect" };
    default:
      return { kind: "wrong", why: `a packet of type ${head >> 4}` };
  }
}

function parseConnect(reader: Reader): ClientPacket {
  const name = reader.text();
  const level = reader.u8();
  const flags = reader.u8();
  const keepAliveSeconds = reader.u16();
  if (name !== "MQTT" || level !== 4) return { kind: "wrong", why: `protocol ${name} ${level}` };
  const id = reader.text();
  if (flags & WILL) {
    reader.text();
    reader.text();
  }
  const user = flags & USER ? reader.text() : "";
  const password = flags & PASSWORD ? reader.text() : "";
  return { kind: "connect", id, user, password, keepAliveSeconds, clean: (flags & CLEAN) !== 0 };
}

class Reader {
  isOverrun = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    if (this.left < 1) this.isOverrun = true;
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  text(): string {
    const length = this.u16();
    if (this.left < length) this.isOverrun = true;
    this.#at += length;
    return decodeUtf8(this.#bytes.slice(this.#at - length, this.#at));
  }

  rest(): Uint8Array {
    return this.#bytes.slice(this.#at);
  }
}

/** A packet of this type and flags, the length in front of the body. */
export function mqttPacket(head: number, ...parts: readonly ArrayLike<number>[]): Uint8Array {
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const start = [head];
  let rest = bodyBytes;
  do {
    start.push(rest > 0x7f ? 0x80 | (rest & 0x7f) : rest);
    rest >>= 7;
  } while (rest > 0);
  const bytes = new Uint8Array(start.length + bodyBytes);
  let at = 0;
  for (const part of [start, ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function connack(code: number): Uint8Array {
  return mqttPacket(0x20, [0, code]);
}

export function suback(id: number, codes: readonly number[]): Uint8Array {
  return mqttPacket(0x90, [id >> 8, id & 0xff], codes);
}

/** An id makes it QoS 1. `retain`: as a broker sends what it had kept. */
export function publish(topic: string, payload: string | Uint8Array, id?: number, retain = false): Uint8Array {
  const name = encodeUtf8(topic);
  const bytes = typeof payload === "string" ? encodeUtf8(payload) : payload;
  const idBytes = id === undefined ? [] : [id >> 8, id & 0xff];
  const head = (id === undefined ? 0x30 : 0x32) | (retain ? 1 : 0);
  return mqttPacket(head, [name.length >> 8, name.length & 0xff], name, idBytes, bytes);
}

export function pingresp(): Uint8Array {
  return mqttPacket(0xd0);
}
