/**
 * Packets of MQTT 3.1.1, as a client writes and reads them. Numbers are big-endian; `text` is a u16 length and UTF-8.
 *
 *   | u4 type | u4 flags | length: 1 to 4 bytes, 7 bits each, least first | that many bytes |
 *
 *   CONNECT    text "MQTT" | u8 level 4 | u8 flags | u16 keep-alive in seconds | text id | text user | text password
 *   CONNACK    u8 flags | u8 code
 *   PUBLISH    text topic | u16 id, unless QoS 0 | payload, to the end       flags: bit 3 again, 2 and 1 QoS, 0 retain
 *   PUBACK     u16 id
 *   SUBSCRIBE  u16 id | (text filter | u8 QoS) for each topic                 flags: 2
 *   SUBACK     u16 id | u8 QoS or 0x80 for each topic
 *   PINGREQ, PINGRESP, DISCONNECT  nothing
 */

import { decodeUtf8, utf8Length, writeUtf8 } from "../../base/utf8.js";

export const PacketType = Object.freeze({
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  SUBSCRIBE: 8,
  SUBACK: 9,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
});

/** Codes of CONNACK that blame the user name or the password; brokers differ in which. */
export const CREDENTIAL_CODES: readonly number[] = Object.freeze([4, 5]);
/** In a SUBACK: from here on the broker has refused. */
export const SUBSCRIPTION_REFUSED = 0x80;

/** Of a message that came: longer topics are none that Ferry knows, and their messages are dropped. */
export const TOPIC_BYTES_MAX = 256;
/** Of all other packets that come: a SUBACK for as many topics as anybody subscribes. */
const BODY_BYTES_MAX = 32;
const REMAINING_BYTES_MAX = 4;
const PROTOCOL_NAME = "MQTT";
const PROTOCOL_LEVEL = 4;
const CLEAN_SESSION = 0x02;
const HAS_PASSWORD = 0x40;
const HAS_USER = 0x80;
const SUBSCRIBE_FLAGS = 2;

/** How many bytes a message without an id takes, all in all. */
export function publishBytes(topic: string, payloadBytes: number): number {
  return packetBytes(textBytes(topic) + payloadBytes);
}

export interface Credentials {
  readonly id: string;
  /** Empty: neither user nor password are sent. */
  readonly user: string;
  readonly password: string;
  readonly keepAliveMs: number;
}

export function connectPacket({ id, user, password, keepAliveMs }: Credentials): Uint8Array {
  const texts = user ? [id, user, password] : [id];
  const bodyBytes = textBytes(PROTOCOL_NAME) + 4 + texts.reduce((sum, text) => sum + textBytes(text), 0);
  const packet = new Packet(PacketType.CONNECT, 0, bodyBytes);
  packet.text(PROTOCOL_NAME);
  packet.u8(PROTOCOL_LEVEL);
  packet.u8(CLEAN_SESSION | (user ? HAS_USER | HAS_PASSWORD : 0));
  packet.u16(Math.ceil(keepAliveMs / 1000));
  for (const text of texts) packet.text(text);
  return packet.bytes;
}

/** QoS 1 for each topic. */
export function subscribePacket(id: number, topics: readonly string[]): Uint8Array {
  const bodyBytes = topics.reduce((sum, topic) => sum + textBytes(topic) + 1, 2);
  const packet = new Packet(PacketType.SUBSCRIBE, SUBSCRIBE_FLAGS, bodyBytes);
  packet.u16(id);
  for (const topic of topics) {
    packet.text(topic);
    packet.u8(1);
  }
  return packet.bytes;
}

/** QoS 0. */
export function publishPacket(topic: string, payload: Uint8Array): Uint8Array {
  const packet = new Packet(PacketType.PUBLISH, 0, textBytes(topic) + payload.length);
  packet.text(topic);
  packet.raw(payload);
  return packet.bytes;
}

export function pubackPacket(id: number): Uint8Array {
  const packet = new Packet(PacketType.PUBACK, 0, 2);
  packet.u16(id);
  return packet.bytes;
}

/** PINGREQ or DISCONNECT. */
export function emptyPacket(type: number): Uint8Array {
  return new Packet(type, 0, 0).bytes;
}

function textBytes(text: string): number {
  return 2 + utf8Length(text);
}

function packetBytes(bodyBytes: number): number {
  let lengthBytes = 1;
  for (let rest = bodyBytes >> 7; rest > 0; rest >>= 7) lengthBytes++;
  return 1 + lengthBytes + bodyBytes;
}

class Packet {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(type: number, flags: number, bodyBytes: number) {
    this.bytes = new Uint8Array(packetBytes(bodyBytes));
    this.u8((type << 4) | flags);
    let rest = bodyBytes;
    for (; rest > 0x7f; rest >>= 7) this.u8(0x80 | (rest & 0x7f));
    this.u8(rest);
  }

  u8(value: number): void {
    this.bytes[this.#at++] = value;
  }

  u16(value: number): void {
    this.u8(value >> 8);
    this.u8(value & 0xff);
  }

  text(text: string): void {
    this.u16(utf8Length(text));
    this.#at = writeUtf8(text, this.bytes, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** Of a message: `id` is 0 for QoS 0, which has none; `isRetained` says that the broker had kept it. */
export interface MessageMarks {
  readonly id: number;
  readonly isRetained: boolean;
}

/** What comes out of the stream. */
export interface PacketSink {
  onConnack(code: number): void;
  onSuback(id: number, codes: Uint8Array): void;
  /** The payload is valid during the call. */
  onPublish(topic: string, payload: Uint8Array, marks: MessageMarks): void;
  /** A message too long for the parser has been read over; of a long topic the beginning is told. */
  onTooLong(topic: string, payloadBytes: number, marks: MessageMarks): void;
  /** An answer to a ping, or to nothing in particular. */
  onOther(): void;
  /** What arrives is not the protocol: there is no way back into step. Nothing more is called. */
  onBroken(detail: string): void;
}

type Stage = "type" | "length" | "topic-length" | "topic" | "id" | "payload" | "body";

/** Cuts a stream into packets, however it was split on its way. Memory is bounded, nothing throws. */
export class PacketParser {
  readonly #sink: PacketSink;
  readonly #small = new Uint8Array(BODY_BYTES_MAX);
  readonly #topic = new Uint8Array(TOPIC_BYTES_MAX);
  readonly #payload: Uint8Array;
  #stage: Stage = "type";
  /** Of this stage: how many bytes it has, how many have come, and where as many as fit are kept. */
  #wanted = 1;
  #got = 0;
  #room: Uint8Array = this.#small;
  #type = 0;
  #qos = 0;
  #isRetained = false;
  #length = 0;
  #lengthBytes = 0;
  #topicBytes = 0;
  #id = 0;
  #ended = false;

  constructor(payloadBytesMax: number, sink: PacketSink) {
    this.#payload = new Uint8Array(payloadBytesMax);
    this.#sink = sink;
  }

  push(input: Uint8Array, inputLength = input.length): void {
    let at = 0;
    while (at < inputLength && !this.#ended) {
      const taken = Math.min(this.#wanted - this.#got, inputLength - at);
      const kept = Math.min(taken, this.#room.length - this.#got);
      if (kept > 0) this.#room.set(input.subarray(at, at + kept), this.#got);
      this.#got += taken;
      at += taken;
      while (this.#got === this.#wanted && !this.#ended) this.#onStage();
    }
  }

  /** What is left of a push is dropped. */
  end(): void {
    this.#ended = true;
  }

  #begin(stage: Stage, wanted: number, room: Uint8Array = this.#small): void {
    this.#stage = stage;
    this.#wanted = wanted;
    this.#got = 0;
    this.#room = room;
  }

  #onStage(): void {
    switch (this.#stage) {
      case "type":
        return this.#onType(this.#small[0] as number);
      case "length":
        return this.#onLength(this.#small[0] as number);
      case "topic-length":
        return this.#onTopicLength(this.#u16());
      case "topic":
        return this.#qos === 0 ? this.#beginPayload() : this.#begin("id", 2);
      case "id":
        this.#id = this.#u16();
        return this.#beginPayload();
      case "payload":
        return this.#onPublish(this.#wanted);
      case "body":
        return this.#onBody(this.#wanted);
    }
  }

  #onType(byte: number): void {
    this.#type = byte >> 4;
    this.#qos = (byte >> 1) & 3;
    this.#isRetained = (byte & 1) !== 0;
    this.#id = 0;
    this.#length = 0;
    this.#lengthBytes = 0;
    if (!TYPES_FROM_BROKERS.includes(this.#type)) return this.#break(`a packet of type ${this.#type}`);
    if (this.#type === PacketType.PUBLISH && this.#qos > 1) return this.#break(`a message of QoS ${this.#qos}`);
    this.#begin("length", 1);
  }

  #onLength(byte: number): void {
    this.#length += (byte & 0x7f) << (7 * this.#lengthBytes++);
    if (byte & 0x80) {
      return this.#lengthBytes < REMAINING_BYTES_MAX
        ? this.#begin("length", 1)
        : this.#break("a length without an end");
    }
    if (this.#type === PacketType.PUBLISH) {
      return this.#length < 2 ? this.#break("a message without a topic") : this.#begin("topic-length", 2);
    }
    if (this.#length > BODY_BYTES_MAX) return this.#break(`${this.#length} bytes in a packet of type ${this.#type}`);
    this.#begin("body", this.#length);
  }

  #onTopicLength(bytes: number): void {
    this.#topicBytes = bytes;
    const idBytes = this.#qos === 0 ? 0 : 2;
    if (bytes === 0 || this.#length < 2 + bytes + idBytes) return this.#break("a message whose topic cannot be right");
    this.#begin("topic", bytes, this.#topic);
  }

  #beginPayload(): void {
    const idBytes = this.#qos === 0 ? 0 : 2;
    this.#begin("payload", this.#length - 2 - this.#topicBytes - idBytes, this.#payload);
  }

  #onPublish(payloadBytes: number): void {
    this.#begin("type", 1);
    const topic = decodeUtf8(this.#topic, 0, Math.min(this.#topicBytes, TOPIC_BYTES_MAX));
    const fits = this.#topicBytes <= TOPIC_BYTES_MAX && payloadBytes <= this.#payload.length;
    const marks = { id: this.#id, isRetained: this.#isRetained };
    if (fits) this.#sink.onPublish(topic, this.#payload.subarray(0, payloadBytes), marks);
    else this.#sink.onTooLong(topic, payloadBytes, marks);
  }

  #onBody(bytes: number): void {
    this.#begin("type", 1);
    if (this.#type === PacketType.CONNACK) {
      if (bytes !== 2) return this.#break("an answer to the login that cannot be right");
      return this.#sink.onConnack(this.#small[1] as number);
    }
    if (this.#type === PacketType.SUBACK) {
      if (bytes < 3) return this.#break("an answer to the subscription that cannot be right");
      return this.#sink.onSuback(this.#u16(), this.#small.subarray(2, bytes));
    }
    this.#sink.onOther();
  }

  #u16(): number {
    return ((this.#small[0] as number) << 8) | (this.#small[1] as number);
  }

  #break(what: string): void {
    this.#ended = true;
    this.#sink.onBroken(`the broker sent ${what}`);
  }
}

const TYPES_FROM_BROKERS: readonly number[] = Object.freeze([
  PacketType.CONNACK,
  PacketType.PUBLISH,
  PacketType.PUBACK,
  PacketType.SUBACK,
  PacketType.PINGRESP,
]);
