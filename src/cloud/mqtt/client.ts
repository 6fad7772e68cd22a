/**
 * The MQTT port over the socket port: one connection to one broker, MQTT 3.1.1, clean session, messages out with QoS 0.
 *
 *   connecting --> logging in --CONNACK--> subscribing --SUBACK--> ready
 *
 * It stands in for the SDK's own client, which cannot say that a broker refused the password (a device must stop asking
 * then), stops reading for good at a message without a payload (as `downlink/ping` may be), and keeps a topic of any
 * length that the broker names.
 *
 * Invariants: whatever the broker sends ends in a callback, in a count, or in one error; memory is bounded, and while
 * there is no room for acknowledgements nothing more is read, so that TCP holds the broker back. Nothing is called back
 * from inside the constructor, after the error, or after close(). How long a connection may take is the user's business;
 * afterwards a broker that does not answer a ping is given up.
 */

import type {
  Clock,
  Io,
  MqttClient,
  MqttClientClass,
  MqttOptions,
  MqttProblem,
  Socket,
  SocketClass,
  TimerHandle,
} from "../../ports.js";
import {
  CREDENTIAL_CODES,
  connectPacket,
  emptyPacket,
  PacketParser,
  PacketType,
  pubackPacket,
  publishPacket,
  SUBSCRIPTION_REFUSED,
  subscribePacket,
} from "./packets.js";

/** For packets that wait for the network: four of the longest that the public cloud takes. */
export const OUTGOING_BYTES_MAX = 4 * 1024;
/** A ping is sent well before the broker misses one: each time after so much of the keep-alive time. */
export const PING_SHARE = 0.8;
/** A TLS device behind a busy radio link takes seconds for its part of the way. */
export const PING_ANSWER_MS = 10_000;

const READ_BYTES = 512;
/** With a topic of one letter, an id, and no payload. */
const ACKNOWLEDGED_MESSAGE_BYTES_MIN = 7;
const PUBACK_BYTES = 4;
/** Free before each read: all that can come of it can be acknowledged. */
const ACKS_BYTES = PUBACK_BYTES * Math.ceil(READ_BYTES / ACKNOWLEDGED_MESSAGE_BYTES_MIN);
/** The only subscription of a session. */
const SUBSCRIBE_ID = 1;

/** What a client needs besides the options of the port. */
export interface MqttClientParts {
  readonly clock: Clock;
  readonly socket: Io<SocketClass>;
}

type Phase = "connecting" | "logging-in" | "subscribing" | "ready" | "dead";

export function makeMqttClientClass(parts: MqttClientParts): MqttClientClass {
  return class extends SocketMqttClient {
    constructor(options: MqttOptions & Record<string, unknown>) {
      super(parts, options);
    }
  };
}

class SocketMqttClient implements MqttClient {
  readonly #clock: Clock;
  readonly #options: MqttOptions;
  readonly #parser: PacketParser;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #outgoing = new Uint8Array(OUTGOING_BYTES_MAX + ACKS_BYTES);
  #outgoingBytes = 0;
  #phase: Phase = "connecting";
  #socket: Socket | undefined;
  #room = 0;
  #isReading = false;
  /** Since the last ping. */
  #heard = false;
  #timer: TimerHandle;

  constructor({ clock, socket }: MqttClientParts, options: MqttOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#parser = this.#makeParser();
    const { io, ...rest } = socket;
    this.#socket = new io({
      ...rest,
      host: options.host,
      port: options.port,
      onReadable: () => this.#read(),
      onWritable: (count) => this.#onWritable(count),
      onError: (problem, detail) => this.#fail(problem, detail),
    });
  }

  publish(topic: string, payload: Uint8Array): boolean {
    if (this.#phase !== "ready") return false;
    const packet = publishPacket(topic, payload);
    if (this.#outgoingBytes + packet.length > OUTGOING_BYTES_MAX) return false;
    this.#send(packet);
    return true;
  }

  /** With a goodbye, where the network takes it at once. */
  close(): void {
    if (this.#phase === "ready" && this.#outgoingBytes === 0) this.#send(emptyPacket(PacketType.DISCONNECT));
    this.#die();
  }

  // ---- out ------------------------------------------------------------------------------------------------------

  #onWritable(count: number): void {
    this.#room = count;
    if (this.#phase !== "connecting") {
      this.#flush();
      return this.#read();
    }
    this.#phase = "logging-in";
    if (!this.#sendWhole(connectPacket(this.#options))) this.#fail("refused", "user name and password are too long");
  }

  #sendWhole(packet: Uint8Array): boolean {
    if (this.#outgoingBytes + packet.length > this.#outgoing.length) return false;
    this.#send(packet);
    return true;
  }

  /** There is room for it. */
  #send(packet: Uint8Array): void {
    this.#outgoing.set(packet, this.#outgoingBytes);
    this.#outgoingBytes += packet.length;
    this.#flush();
  }

  /** The socket may die of what it throws, but not before its caller is done. */
  #flush(): void {
    const count = Math.min(this.#outgoingBytes, this.#room);
    if (count <= 0 || !this.#socket) return;
    try {
      this.#room = this.#socket.write(this.#outgoing.subarray(0, count));
    } catch {
      this.#room = 0;
      return this.#later(() => this.#fail("connection", "the socket does not take what it has room for"), 0);
    }
    this.#outgoing.copyWithin(0, count, this.#outgoingBytes);
    this.#outgoingBytes -= count;
  }

  // ---- in -------------------------------------------------------------------------------------------------------

  /** Not from inside itself: what it delivers may make room, and room makes it read. */
  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#outgoing.length - this.#outgoingBytes >= ACKS_BYTES) {
      const count = this.#socket?.read(this.#buffer);
      if (!count) break;
      this.#parser.push(this.#buffer, count);
    }
    this.#isReading = false;
  }

  #makeParser(): PacketParser {
    const { payloadBytesMax, onMessage, onDropped } = this.#options;
    return new PacketParser(payloadBytesMax, {
      onConnack: (code) => this.#onConnack(code),
      onSuback: (id, codes) => this.#onSuback(id, codes),
      onPublish: (topic, payload, { id, isRetained }) =>
        this.#onPublish(id, () => onMessage(topic, payload, isRetained)),
      onTooLong: (topic, length, { id }) => this.#onPublish(id, () => onDropped(topic, length)),
      onOther: () => {
        this.#heard = true;
      },
      onBroken: (detail) => this.#fail("connection", detail),
    });
  }

  #onConnack(code: number): void {
    if (this.#phase !== "logging-in") return this.#fail("connection", "the broker answered a login that was not asked");
    if (CREDENTIAL_CODES.includes(code))
      return this.#fail("credentials", `the broker refused the password, code ${code}`);
    if (code !== 0) return this.#fail("refused", `the broker refused the login, code ${code}`);
    this.#phase = "subscribing";
    if (!this.#sendWhole(subscribePacket(SUBSCRIBE_ID, this.#options.topics))) {
      return this.#fail("refused", "the topics are too long");
    }
    this.#pingLater();
  }

  #onSuback(id: number, codes: Uint8Array): void {
    this.#heard = true;
    if (this.#phase !== "subscribing" || id !== SUBSCRIBE_ID) return;
    const isGranted =
      codes.length === this.#options.topics.length && codes.every((code) => code < SUBSCRIPTION_REFUSED);
    if (!isGranted) return this.#fail("refused", `the broker refused ${this.#options.topics.join(" or ")}`);
    this.#phase = "ready";
    this.#options.onReady();
  }

  /** Also before the subscription is confirmed: clouds send devices elsewhere as soon as they have logged in. */
  #onPublish(id: number, deliver: () => void): void {
    if (this.#phase === "logging-in") return this.#fail("connection", "the broker sent a message before the login");
    this.#heard = true;
    deliver();
    if (id !== 0 && this.#phase !== "dead") this.#sendWhole(pubackPacket(id));
  }

  // ---- the connection ---------------------------------------------------------------------------------------------

  /** A packet of any kind is an answer. */
  #pingLater(delayMs = this.#pingIntervalMs): void {
    if (this.#pingIntervalMs === 0) return;
    this.#later(() => {
      this.#heard = false;
      this.#sendWhole(emptyPacket(PacketType.PINGREQ));
      const answerMs = Math.min(PING_ANSWER_MS, this.#pingIntervalMs);
      this.#later(() => {
        if (this.#heard) this.#pingLater(this.#pingIntervalMs - answerMs);
        else this.#fail("connection", `${this.#options.host} does not answer any more`);
      }, answerMs);
    }, delayMs);
  }

  get #pingIntervalMs(): number {
    return this.#options.keepAliveMs * PING_SHARE;
  }

  #fail(problem: MqttProblem, detail: string): void {
    if (this.#phase === "dead") return;
    this.#die();
    this.#options.onError(problem, detail);
  }

  #die(): void {
    this.#phase = "dead";
    this.#parser.end();
    this.#clock.clear(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** The one timer. */
  #later(callback: () => void, delayMs: number): void {
    this.#clock.clear(this.#timer);
    this.#timer = this.#clock.set(callback, delayMs);
  }
}
