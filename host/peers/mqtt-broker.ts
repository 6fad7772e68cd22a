/**
 * A cloud that speaks MQTT, in the simulated network or in the real one: logins, redirects, data up and down, the limits
 * that Blynk's brokers have, and every way to misbehave that a device should live through.
 *
 * No general broker: what devices publish is kept for the test, and what the test publishes goes to the devices.
 */

import type { Clock, TimerHandle } from "../../src/ports.js";
import type { TcpEndpoint } from "../sim/tcp-stream.js";
import { type ClientPacket, connack, parseClientPacket, pingresp, publish, suback } from "./mqtt-packets.js";
import { BrokerRecord } from "./mqtt-record.js";

export const ConnackCode = Object.freeze({ ACCEPTED: 0, UNAVAILABLE: 3, BAD_PASSWORD: 4, NOT_AUTHORIZED: 5 });

const SUBSCRIPTION_REFUSED = 0x80;
/** A client may be silent for one and a half of its keep-alive times. */
const KEEP_ALIVE_GRACE = 1.5;
const SECOND_MS = 1_000;

export interface MqttBrokerBehavior {
  /** Passwords that may log in. */
  readonly tokens: readonly string[];
  /** By default any. */
  readonly user?: string;
  /** Answers all logins with this code. */
  readonly loginCode?: number;
  readonly answersLoginAfterMs?: number;
  /** Accepts connections and never answers. */
  readonly isMute?: boolean;
  /** Tells each login to go there, a URI, right behind the answer, and hangs up. */
  readonly redirectsTo?: string;
  readonly refusesSubscriptions?: boolean;
  /** Closes each connection so long after its login. */
  readonly hangsUpAfterMs?: number;
  readonly ignoresPings?: boolean;
  /** Sends each message twice. */
  readonly repeatsItself?: boolean;
  /** Sends these bytes right behind each subscription. */
  readonly greetsWith?: Uint8Array;
  /** Sends all it has to say in pieces of so many bytes. */
  readonly pieceBytes?: number;
  /** Hangs up at longer packets, as the public cloud does. */
  readonly packetBytesMax?: number;
}

/** Of a message from the broker. */
export interface PublishOptions {
  readonly qos?: 0 | 1;
  /** Only to this device. */
  readonly token?: string;
}

export class MqttBroker extends BrokerRecord {
  behavior: MqttBrokerBehavior;
  readonly #clock: Clock;
  readonly #online = new Set<Connection>();
  #lastId = 0;

  constructor(clock: Clock, behavior: MqttBrokerBehavior) {
    super();
    this.#clock = clock;
    this.behavior = behavior;
  }

  get online(): number {
    return this.#online.size;
  }

  /** Takes a new connection, as Network.listen() hands it out. */
  readonly accept = (endpoint: TcpEndpoint): boolean => {
    this.counts.connections++;
    const connection = new Connection(endpoint, this.#clock, {
      onPacket: (packet, bytes) => this.#onPacket(connection, packet, bytes),
      onSilence: () => {
        this.counts.expiredKeepAlives++;
        this.#hangUp(connection);
      },
      onEnd: () => this.#online.delete(connection),
    });
    return true;
  };

  /** Tells each device that is online and subscribed. */
  publish(topic: string, payload: string | Uint8Array, { qos = 0, token }: PublishOptions = {}): void {
    for (const connection of this.#online) {
      if (token !== undefined && connection.token !== token) continue;
      const bytes = publish(topic, payload, qos === 0 ? undefined : this.#nextId());
      this.#send(connection, bytes);
      if (!this.behavior.repeatsItself) continue;
      this.counts.repeats++;
      this.#send(connection, bytes);
    }
  }

  sendRaw(bytes: Uint8Array): void {
    for (const connection of this.#online) this.#send(connection, bytes);
  }

  hangUp(): void {
    for (const connection of this.#online) this.#hangUp(connection);
  }

  #onPacket(connection: Connection, packet: ClientPacket, bytes: number): void {
    if (bytes > (this.behavior.packetBytesMax ?? Number.POSITIVE_INFINITY)) {
      this.counts.tooLongPackets++;
      return this.#hangUp(connection);
    }
    if (packet.kind === "connect") return this.#onConnect(connection, packet);
    if (packet.kind === "wrong" || connection.token === undefined) {
      this.counts.wrongPackets++;
      return this.#hangUp(connection);
    }
    switch (packet.kind) {
      case "subscribe":
        return this.#onSubscribe(connection, packet);
      case "publish":
        return this.keep({ ...packet, token: connection.token, atMs: this.#clock.now() });
      case "puback":
        this.counts.acknowledgements++;
        return;
      case "pingreq":
        this.counts.pings++;
        if (this.behavior.ignoresPings) this.counts.ignoredPings++;
        else this.#send(connection, pingresp());
        return;
      case "disconnect":
        this.counts.goodbyes++;
        connection.close();
    }
  }

  #onConnect(connection: Connection, packet: ClientPacket & { kind: "connect" }): void {
    const { isMute, answersLoginAfterMs } = this.behavior;
    if (isMute) {
      this.counts.mutedLogins++;
      return;
    }
    if (answersLoginAfterMs === undefined) return this.#answerLogin(connection, packet);
    this.counts.lateLogins++;
    this.#clock.set(() => this.#answerLogin(connection, packet), answersLoginAfterMs);
  }

  #answerLogin(connection: Connection, packet: ClientPacket & { kind: "connect" }): void {
    const { tokens, user, loginCode, redirectsTo, hangsUpAfterMs } = this.behavior;
    const isKnown = tokens.includes(packet.password) && (user === undefined || packet.user === user) && packet.clean;
    const code = loginCode ?? (isKnown ? ConnackCode.ACCEPTED : ConnackCode.BAD_PASSWORD);
    this.#send(connection, connack(code));
    if (code !== ConnackCode.ACCEPTED) {
      this.counts.refusedLogins++;
      return connection.end();
    }
    this.logins.push(this.#clock.now());
    connection.logIn(packet.password, packet.keepAliveSeconds * SECOND_MS * KEEP_ALIVE_GRACE);
    if (redirectsTo !== undefined) {
      this.counts.redirects++;
      this.#send(connection, publish("downlink/redirect", redirectsTo));
      return connection.end();
    }
    if (hangsUpAfterMs !== undefined) this.#clock.set(() => this.#hangUp(connection), hangsUpAfterMs);
  }

  #onSubscribe(connection: Connection, { id, topics }: ClientPacket & { kind: "subscribe" }): void {
    const { refusesSubscriptions, greetsWith } = this.behavior;
    const codes = topics.map(([, qos]) => (refusesSubscriptions ? SUBSCRIPTION_REFUSED : qos));
    this.#send(connection, suback(id, codes));
    if (refusesSubscriptions) {
      this.counts.refusedSubscriptions++;
      return;
    }
    this.subscriptions.push(...topics.map(([topic]) => topic));
    this.#online.add(connection);
    if (!greetsWith) return;
    this.counts.greetings++;
    this.#send(connection, greetsWith);
  }

  #send(connection: Connection, bytes: Uint8Array): void {
    connection.send(bytes, this.behavior.pieceBytes ?? bytes.length);
  }

  #hangUp(connection: Connection): void {
    if (connection.isOver) return;
    this.#online.delete(connection);
    this.counts.hangUps++;
    connection.close();
  }

  #nextId(): number {
    this.#lastId = (this.#lastId % 0xffff) + 1;
    return this.#lastId;
  }
}

interface ConnectionHandlers {
  onPacket(packet: ClientPacket, bytes: number): void;
  onSilence(): void;
  onEnd(): void;
}

class Connection {
  /** Of the device that has logged in. */
  token: string | undefined;
  isOver = false;
  readonly #endpoint: TcpEndpoint;
  readonly #clock: Clock;
  readonly #handlers: ConnectionHandlers;
  #received = new Uint8Array(0);
  #silenceMs = Number.POSITIVE_INFINITY;
  #timer: TimerHandle;

  constructor(endpoint: TcpEndpoint, clock: Clock, handlers: ConnectionHandlers) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#handlers = handlers;
    endpoint.handlers = { onReceive: () => this.#receive(), onEnd: () => this.close() };
  }

  logIn(token: string, silenceMs: number): void {
    this.token = token;
    this.#silenceMs = silenceMs > 0 ? silenceMs : Number.POSITIVE_INFINITY;
    this.#listen();
  }

  send(bytes: Uint8Array, pieceBytes: number): void {
    if (this.isOver) return;
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#endpoint.send(bytes.slice(at, at + pieceBytes));
  }

  /** Behind what was sent. */
  end(): void {
    this.#endpoint.end();
    this.#finish();
  }

  close(): void {
    this.#endpoint.close();
    this.#finish();
  }

  #finish(): void {
    this.isOver = true;
    this.#clock.clear(this.#timer);
    this.#handlers.onEnd();
  }

  #listen(): void {
    this.#clock.clear(this.#timer);
    if (!Number.isFinite(this.#silenceMs)) return;
    this.#timer = this.#clock.set(() => this.#handlers.onSilence(), this.#silenceMs);
  }

  #receive(): void {
    const more = new Uint8Array(this.#endpoint.waiting);
    this.#endpoint.read(more);
    const bytes = new Uint8Array(this.#received.length + more.length);
    bytes.set(this.#received);
    bytes.set(more, this.#received.length);
    this.#received = bytes;
    this.#listen();
    while (!this.isOver) {
      const next = parseClientPacket(this.#received);
      if (!next) return;
      this.#received = this.#received.slice(next.length);
      this.#handlers.onPacket(next.packet, next.length);
    }
  }
}
