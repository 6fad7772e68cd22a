/**
 * Blynk's documented device API over MQTT, and any broker whose other side speaks it (blynk-ncp.md, 5.1).
 *
 *   place after place --connected, subscribed--> up --silence, error--> lost
 *                 ^                |
 *                 '--- redirect ---'
 *
 * The broker knows datastreams by name, so pins are mapped (pin-names.ts); what becomes of each call is in
 * uplink-topics.ts, what topics mean in downlink.ts.
 *
 * Fault model: as for the native transport. The broker may be anybody who holds the port, and may send anything at any
 * time; the client bounds it, downlink.ts understands or counts it, nothing of it throws. A try ends by an answer, an
 * error, or a named wait. Reconnecting is the lifecycle's business; the client keeps the session alive and tells a dead
 * one. A password that went over TLS never follows a redirect to a connection without.
 */

import { FailureCode } from "../../base/failure-code.js";
import { isPlain } from "../../base/text.js";
import { encodeUtf8 } from "../../base/utf8.js";
import type { Clock, Io, MqttClient, MqttClientClass, MqttProblem, TimerHandle } from "../../ports.js";
import type { CloudAccess, CloudEvents, CloudIdentity, CloudPinNames, CloudTransport, CloudUplink } from "../cloud.js";
import { DOWNLINK, MQTT_PORT, MQTTS_PORT, type Place, TIME, takeMessage } from "./downlink.js";
import { publishBytes } from "./packets.js";
import { PinNames } from "./pin-names.js";
import { UplinkTopics } from "./uplink-topics.js";

/** The public cloud recommends it, and waits half as long again before it shows the device as offline. */
export const KEEP_ALIVE_MS = 45_000;
/** For a connection, its TLS handshake, the login and the subscription, at one place. */
export const CONNECT_MS = 30_000;
/** The public cloud's limit for a whole message, topic and all, told to it as "rxbuff". */
export const MESSAGE_BYTES_MAX = 1_024;
/** In one start(): a ring of servers that send a device round is left. */
export const REDIRECTS_MAX = 3;
/** Whom Blynk's brokers know all devices as. */
export const DEFAULT_USER = "device";
/** Leaves most of a topic's length to what stands behind it. */
export const TOPIC_PREFIX_LENGTH_MAX = 64;

const INFO = "info/mcu";
const TIME_QUESTIONS = Object.freeze(["get/utc/all/json", "get/loc/all"] as const);
const NOTHING = new Uint8Array(0);

export interface MqttCloudOptions {
  clock: Clock;
  /** At least one of the two. With both, port 1883 is without TLS, and any other with it. */
  tls?: Io<MqttClientClass>;
  /** Only where the product has configured it: everybody on the way can read and change what goes over it. */
  plain?: Io<MqttClientClass>;
  pinNames?: CloudPinNames;
  /** Where each topic begins, as "plant/7/": brokers of one's own serve many devices. */
  topicPrefix?: string;
  user?: string;
  /** By default the broker makes one up. */
  clientId?: string;
  /** See uplink-topics.ts. */
  batchesGroups?: boolean;
}

export interface MqttCloudCounters {
  connections: number;
  logins: number;
  redirects: number;
  /** Redirects to where the product does not go. */
  redirectsRefused: number;
  published: number;
  received: number;
  notUnderstood: number;
  /** Longer than the buffer that was announced. */
  dropped: number;
  /** Own messages that were too long, or that the client had no room for. */
  refused: number;
  /** Calls of the MCU that MQTT has no topic for. */
  unsupported: number;
}

export class MqttCloud implements CloudTransport {
  readonly ruler: CloudUplink;
  /** Only the batch that an end may bring. */
  readonly marksGroups: boolean;
  readonly timeQuestions = TIME_QUESTIONS.map((topic) => () => this.#publish(topic, NOTHING));
  readonly #options: MqttCloudOptions;
  readonly #pins: PinNames;
  readonly #prefix: string;
  readonly #uplink: UplinkTopics;
  #access: CloudAccess = { host: "", token: "" };
  #events: CloudEvents | undefined;
  #places: Place[] = [];
  #place: Place | undefined;
  #client: MqttClient | undefined;
  #isUp = false;
  #redirects = 0;
  /** Where a live session was sent to: the next start() for the same host goes there first. */
  #moved: { readonly from: string; readonly to: Place } | undefined;
  #timer: TimerHandle;
  /** The host at which somebody has told the time. */
  #timeTeller: string | undefined;
  #lastProblem = "";
  readonly counters: MqttCloudCounters = {
    connections: 0,
    logins: 0,
    redirects: 0,
    redirectsRefused: 0,
    published: 0,
    received: 0,
    notUnderstood: 0,
    dropped: 0,
    refused: 0,
    unsupported: 0,
  };

  /** Throws where the topic prefix is none. */
  constructor(options: MqttCloudOptions) {
    const { pinNames, topicPrefix = "", batchesGroups = false } = options;
    if (!isTopicPrefix(topicPrefix))
      throw new Error(
        `"${topicPrefix}" cannot begin topics: take up to ${TOPIC_PREFIX_LENGTH_MAX} of A-Z a-z 0-9 _ . - /`,
      );
    this.#options = options;
    this.#prefix = topicPrefix;
    this.#pins = new PinNames(pinNames);
    this.marksGroups = batchesGroups;
    this.ruler = new UplinkTopics({
      pins: this.#pins,
      batchesGroups: false, // what is too long for a batch leaves by itself
      out: {
        isUp: true,
        payloadBytesMax: (topic) => this.#payloadBytesMax(topic),
        publish: (topic, payload) => this.#canHold(topic, payload),
        onUnsupported() {},
      },
    });
    const isUp = () => this.#isUp;
    this.#uplink = new UplinkTopics({
      pins: this.#pins,
      batchesGroups,
      out: {
        get isUp() {
          return isUp();
        },
        payloadBytesMax: (topic) => this.#payloadBytesMax(topic),
        publish: (topic, payload) => this.#publish(topic, payload),
        onUnsupported: () => {
          this.counters.unsupported++;
        },
      },
    });
  }

  /** Of the last connection that failed or was lost, for people. */
  get lastProblem(): string {
    return this.#lastProblem;
  }

  /**
   * Who answers "get/utc" is Blynk's cloud, or knows its topics, "timestamped_batch" among them. At a plain broker nobody
   * does: the last value of each pin, in its own topic, is what is understood there.
   */
  get keepsTimes(): boolean {
    return this.#timeTeller === this.#access.host;
  }

  start(access: CloudAccess, events: CloudEvents): void {
    this.stop();
    this.#access = access;
    this.#events = events;
    this.#redirects = 0;
    this.#places = [this.#homeOf(access)];
    if (this.#moved?.from === access.host) this.#places.unshift(this.#moved.to);
    this.#moved = undefined; // a place that is gone is tried once
    this.#connectLater();
  }

  stop(): void {
    this.#hangUp();
    this.#events = undefined;
  }

  // ---- up ---------------------------------------------------------------------------------------------------------

  /** Without it the cloud makes no offers. */
  tellIdentity(identity: CloudIdentity): boolean {
    const { templateId: tmpl, firmwareVersion: ver, firmwareBuild: build, firmwareType: type } = identity;
    const known = Object.entries({ tmpl, ver, build, type }).filter(([, value]) => value);
    const info = encodeUtf8(JSON.stringify({ ...Object.fromEntries(known), rxbuff: MESSAGE_BYTES_MAX }));
    return this.#publish(INFO, info) || (this.#isUp && !this.#canHold(INFO, info));
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    return this.#uplink.virtualWrite(vpin, value);
  }

  syncAll(): boolean {
    return this.#uplink.syncAll();
  }

  syncVirtual(vpins: Uint8Array): boolean {
    return this.#uplink.syncVirtual(vpins);
  }

  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    return this.#uplink.setProperty(vpin, property, value);
  }

  beginGroup(timestampMs: bigint): boolean {
    return this.#uplink.beginGroup(timestampMs);
  }

  endGroup(): boolean {
    return this.#uplink.endGroup();
  }

  logEvent(code: string, description: string): boolean {
    return this.#uplink.logEvent(code, description);
  }

  resolveEvent(): boolean {
    return this.#uplink.resolveEvent();
  }

  resolveAllEvents(): boolean {
    return this.#uplink.resolveAllEvents();
  }

  setMetadata(field: string, value: string): boolean {
    return this.#uplink.setMetadata(field, value);
  }

  /** One byte less than publishBytes() tells for a message without: the length itself takes two bytes by then. */
  #payloadBytesMax(topic: string): number {
    return MESSAGE_BYTES_MAX - publishBytes(this.#prefix + topic, 0) - 1;
  }

  #canHold(topic: string, payload: Uint8Array): boolean {
    return publishBytes(this.#prefix + topic, payload.length) <= MESSAGE_BYTES_MAX;
  }

  #publish(topic: string, payload: Uint8Array): boolean {
    if (!this.#isUp) return false;
    if (!this.#canHold(topic, payload) || !this.#client?.publish(this.#prefix + topic, payload)) {
      this.counters.refused++;
      return false;
    }
    this.counters.published++;
    return true;
  }

  // ---- the connection -----------------------------------------------------------------------------------------------

  #homeOf({ host, port }: CloudAccess): Place {
    const { tls, plain } = this.#options;
    const secure = plain === undefined || (tls !== undefined && port !== MQTT_PORT);
    return { secure, host, port: port ?? (secure ? MQTTS_PORT : MQTT_PORT) };
  }

  #connectLater(): void {
    this.#timer = this.#options.clock.set(() => this.#connect(), 0);
  }

  #connect(): void {
    const { clock, tls, plain, user = DEFAULT_USER, clientId = "" } = this.#options;
    this.#place = this.#places.shift();
    const way = this.#place?.secure ? tls : plain;
    if (!this.#place || !way) return this.#end(FailureCode.CLOUD_GENERIC, "the product has no such connection");
    const { host, port } = this.#place;
    this.counters.connections++;
    this.#timer = clock.set(() => this.#end(FailureCode.CLOUD_TIMEOUT, `no login at ${host} in time`), CONNECT_MS);
    const { io, ...options } = way;
    const own = <A extends unknown[]>(handle: (...args: A) => void) => {
      return (...args: A): void => {
        if (this.#client === client) handle(...args);
      };
    };
    const client: MqttClient = new io({
      ...options,
      host,
      port,
      id: clientId,
      user,
      password: this.#access.token,
      keepAliveMs: KEEP_ALIVE_MS,
      topics: [`${this.#prefix}${DOWNLINK}#`],
      payloadBytesMax: MESSAGE_BYTES_MAX,
      onReady: own(() => this.#onReady()),
      onMessage: own((topic: string, payload: Uint8Array, isKept: boolean) => this.#onMessage(topic, payload, isKept)),
      onDropped: own(() => {
        this.counters.dropped++;
      }),
      onError: own((problem: MqttProblem, detail: string) => this.#end(CODE_BY_PROBLEM[problem], detail)),
    });
    this.#client = client;
  }

  #hangUp(): void {
    this.#options.clock.clear(this.#timer);
    this.#isUp = false;
    this.#uplink.reset();
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }

  /** Of a session, or of one place: the next may be better. */
  #end(code: FailureCode, problem: string): void {
    this.#lastProblem = problem;
    const wasUp = this.#isUp;
    this.#hangUp();
    if (wasUp) this.#events?.onLost();
    else if (this.#places.length > 0) this.#connectLater();
    else this.#events?.onFailed(code);
  }

  #onReady(): void {
    this.#options.clock.clear(this.#timer);
    this.#places = [];
    this.#isUp = true;
    this.counters.logins++;
    this.#events?.onUp();
  }

  #onMessage(topic: string, payload: Uint8Array, isKept: boolean): void {
    this.counters.received++;
    const events = this.#events;
    if (!events) return;
    const options = { pins: this.#pins, events, isKept, onRedirect: (to: Place) => this.#onRedirect(to) };
    const ours = topic.startsWith(this.#prefix) ? topic.slice(this.#prefix.length) : "";
    if (!takeMessage(ours, payload, options)) this.counters.notUnderstood++;
    else if (ours === TIME) this.#timeTeller = this.#access.host;
  }

  /** Comes right after the login, mostly before the subscription is confirmed, and the broker hangs up behind it. */
  #onRedirect(to: Place): void {
    const way = to.secure ? this.#options.tls : this.#options.plain;
    if (!way || (this.#place?.secure && !to.secure)) {
      this.counters.redirectsRefused++;
      return;
    }
    this.counters.redirects++;
    if (this.#isUp) {
      this.#moved = { from: this.#access.host, to };
    } else {
      this.#redirects++;
      this.#places = this.#redirects > REDIRECTS_MAX ? [] : [to];
    }
    this.#end(FailureCode.CLOUD_GENERIC, `sent on to ${to.host}`);
  }
}

/** Whether topics may begin so: letters, digits, and a few signs that brokers take without a thought. */
export function isTopicPrefix(text: string): boolean {
  return text === "" || isPlain(text, "_./-", TOPIC_PREFIX_LENGTH_MAX);
}

const CODE_BY_PROBLEM: Readonly<Record<MqttProblem, FailureCode>> = Object.freeze({
  name: FailureCode.DNS,
  connection: FailureCode.CLOUD_GENERIC,
  certificate: FailureCode.TLS_CERTIFICATE,
  closed: FailureCode.CLOUD_GENERIC,
  credentials: FailureCode.TOKEN_INVALID,
  refused: FailureCode.CLOUD_GENERIC,
});
