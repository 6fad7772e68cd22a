/**
 * A cloud that ships firmware, as Blynk's does: whoever logs in and names another version than the shipped one is offered
 * it, again at each login, until it names the new one. Over either protocol, with the same moods.
 */

import { isRecord, parseJson } from "../../src/base/json.js";
import { decodeUtf8 } from "../../src/base/utf8.js";
import { MQTTS_PORT } from "../../src/cloud/mqtt/downlink.js";
import { TLS_PORTS } from "../../src/cloud/native/native-cloud.js";
import type { Offer } from "../../src/image/offer.js";
import type { Clock } from "../../src/ports.js";
import type { MqttBrokerBehavior } from "./mqtt-broker.js";
import type { BrokerRecord } from "./mqtt-record.js";
import { Native, type NativeCloudBehavior, NativeCloudServer, type NativeMessage } from "./native-cloud-server.js";

/** How a cloud may be. */
export interface CloudMood {
  /** Knows no token any more. */
  readonly refusesTokens?: boolean;
  /** Accepts connections and never answers. */
  readonly isMute?: boolean;
  readonly ignoresPings?: boolean;
  /** Closes each connection so long after its login. */
  readonly hangsUpAfterMs?: number;
  /** Sends each login away to this host, at the protocol's own port. */
  readonly redirectsTo?: string;
  /** Sends each message twice. */
  readonly repeatsItself?: boolean;
}

/** Something that a device has said in its timeline. */
export interface TimelineEvent {
  readonly atMs: number;
  readonly token: string;
  readonly text: string;
}

/** How often something was done. */
export interface CloudCounts {
  readonly connections: number;
  readonly refusedLogins: number;
  readonly redirects: number;
  readonly pings: number;
  readonly hangUps: number;
}

/** A server, as a shipment needs it. */
interface Front {
  readonly online: number;
  readonly logins: readonly number[];
  readonly counts: CloudCounts;
  behave(mood: CloudMood): void;
  offer(offer: Offer, token: string): void;
  hangUp(): void;
}

interface FrontEvents {
  onMessage(token: string): void;
  onVersion(version: string, token: string): void;
  onEvent(text: string, token: string): void;
}

/** An MQTT broker: the simulated one, or a real one of host/node. */
interface Broker extends BrokerRecord {
  behavior: Omit<MqttBrokerBehavior, "ignoresPings" | "pieceBytes" | "packetBytesMax">;
  readonly online: number;
  publish(topic: string, payload: string, options: { readonly token: string }): void;
  hangUp(): void;
}

export class ShippingCloud {
  /** What is on its way to the devices; `undefined`: nothing. */
  shipment: Offer | undefined;
  /** The version that each device has named last. */
  readonly versions = new Map<string, string>();
  readonly timeline: TimelineEvent[] = [];
  /** When devices have said something. */
  readonly messages: { readonly atMs: number; readonly token: string }[] = [];
  offersMade = 0;
  /** Gets each line of its log. */
  onLog: (text: string) => void = () => {};
  readonly #front: Front;

  constructor(clock: Clock, server: NativeCloudServer | Broker) {
    const events: FrontEvents = {
      onMessage: (token) => this.messages.push({ atMs: clock.now(), token }),
      onVersion: (version, token) => this.#onVersion(version, token),
      onEvent: (text, token) => {
        this.timeline.push({ atMs: clock.now(), token, text });
        this.onLog(`hears of "${text}"`);
      },
    };
    this.#front = server instanceof NativeCloudServer ? new NativeFront(server, events) : new MqttFront(server, events);
  }

  get online(): number {
    return this.#front.online;
  }

  /** Virtual times. */
  get logins(): readonly number[] {
    return this.#front.logins;
  }

  get counts(): CloudCounts {
    return this.#front.counts;
  }

  behave(mood: CloudMood): void {
    this.#front.behave(mood);
  }

  hangUp(): void {
    this.#front.hangUp();
  }

  /** Offers the shipment to all that have not named its version, as at the start of a shipment. */
  offerToAll(): void {
    for (const token of this.versions.keys()) this.#offerTo(token);
  }

  /** The most that one device has said in so long a time. */
  mostMessagesWithin(spanMs: number): number {
    let most = 0;
    const recent = new Map<string, number[]>();
    for (const { atMs, token } of this.messages) {
      const times = (recent.get(token) ?? []).filter((earlier) => earlier > atMs - spanMs);
      times.push(atMs);
      recent.set(token, times);
      most = Math.max(most, times.length);
    }
    return most;
  }

  #onVersion(version: string, token: string): void {
    this.versions.set(token, version);
    this.onLog(`the device is online, and runs ${version || "firmware without a name"}`);
    this.#offerTo(token);
  }

  #offerTo(token: string): void {
    const { shipment } = this;
    if (!shipment || this.versions.get(token) === shipment.version) return;
    this.offersMade++;
    this.onLog(`offers ${shipment.version || "firmware without a name"}, ${shipment.sizeBytes} bytes`);
    this.#front.offer(shipment, token);
  }
}

class NativeFront implements Front {
  readonly #server: NativeCloudServer;
  readonly #tokens: readonly string[];

  constructor(server: NativeCloudServer, events: FrontEvents) {
    this.#server = server;
    this.#tokens = server.behavior.tokens;
    server.onMessage = ({ command, strings }: NativeMessage, token) => {
      events.onMessage(token);
      if (command === Native.EVENT_LOG) events.onEvent(strings[1] ?? "", token);
      const isInfo = command === Native.INTERNAL && strings.includes("h-beat");
      if (isInfo) events.onVersion(strings[0] === "mcu" ? (strings[1] ?? "") : "", token);
    };
  }

  get online(): number {
    return this.#server.online;
  }

  get logins(): readonly number[] {
    return this.#server.logins;
  }

  get counts(): CloudCounts {
    return this.#server.counts;
  }

  behave({ refusesTokens = false, redirectsTo, ...rest }: CloudMood): void {
    const behavior: NativeCloudBehavior = { tokens: refusesTokens ? [] : this.#tokens, ...rest };
    const port = TLS_PORTS[0] as number;
    this.#server.behavior = redirectsTo === undefined ? behavior : { ...behavior, redirectsTo: [redirectsTo, port] };
  }

  offer({ url, sizeBytes, type, version, build }: Offer, token: string): void {
    this.#server.sendTo(token, Native.INTERNAL, "ota", url, String(sizeBytes), type, version, build);
  }

  hangUp(): void {
    this.#server.hangUp();
  }
}

class MqttFront implements Front {
  readonly #broker: Broker;
  readonly #tokens: readonly string[];

  constructor(broker: Broker, events: FrontEvents) {
    this.#broker = broker;
    this.#tokens = broker.behavior.tokens;
    broker.onMessage = ({ topic, payload, token }) => {
      events.onMessage(token);
      if (topic.startsWith("event/")) events.onEvent(decodeUtf8(payload), token);
      if (topic !== "info/mcu") return;
      const info = parseJson(decodeUtf8(payload));
      events.onVersion(isRecord(info) ? String(info.ver ?? "") : "", token);
    };
  }

  get online(): number {
    return this.#broker.online;
  }

  get logins(): readonly number[] {
    return this.#broker.logins;
  }

  get counts(): CloudCounts {
    return this.#broker.counts;
  }

  behave({ refusesTokens = false, redirectsTo, ...rest }: CloudMood): void {
    const behavior: MqttBrokerBehavior = { tokens: refusesTokens ? [] : this.#tokens, ...rest };
    const place = `mqtts://${redirectsTo}:${MQTTS_PORT}`;
    this.#broker.behavior = redirectsTo === undefined ? behavior : { ...behavior, redirectsTo: place };
  }

  offer({ url, sizeBytes, type, version, build, sha256 }: Offer, token: string): void {
    const json = { url, size: sizeBytes, type, ver: version, build, ...(sha256 ? { sha256 } : {}) };
    this.#broker.publish("downlink/ota/json", JSON.stringify(json), { token });
  }

  hangUp(): void {
    this.#broker.hangUp();
  }
}
