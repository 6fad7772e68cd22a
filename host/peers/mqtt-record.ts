/** What a broker remembers of its devices, simulated or real: messages, logins, and how often each thing was done. */

import { decodeUtf8 } from "../../src/base/utf8.js";

export interface DeviceMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The password of the device that sent it. */
  readonly token: string;
  readonly atMs: number;
}

/** How often something was done, or had to be: each knob has one that proves it. */
export interface MqttBrokerCounts {
  connections: number;
  refusedLogins: number;
  lateLogins: number;
  mutedLogins: number;
  redirects: number;
  refusedSubscriptions: number;
  greetings: number;
  pings: number;
  ignoredPings: number;
  repeats: number;
  acknowledgements: number;
  hangUps: number;
  goodbyes: number;
  /** Packets that no client may send. */
  wrongPackets: number;
  tooLongPackets: number;
  expiredKeepAlives: number;
}

export class BrokerRecord {
  readonly messages: DeviceMessage[] = [];
  /** Learns of each. */
  onMessage: ((message: DeviceMessage) => void) | undefined;
  /** Topics as they were subscribed. */
  readonly subscriptions: string[] = [];
  /** Times of the logins that were accepted. */
  readonly logins: number[] = [];
  readonly counts: MqttBrokerCounts = {
    connections: 0,
    refusedLogins: 0,
    lateLogins: 0,
    mutedLogins: 0,
    redirects: 0,
    refusedSubscriptions: 0,
    greetings: 0,
    pings: 0,
    ignoredPings: 0,
    repeats: 0,
    acknowledgements: 0,
    hangUps: 0,
    goodbyes: 0,
    wrongPackets: 0,
    tooLongPackets: 0,
    expiredKeepAlives: 0,
  };

  keep(message: DeviceMessage): void {
    this.messages.push(message);
    this.onMessage?.(message);
  }

  /** What devices have published under this topic, as text. */
  heard(topic: string): string[] {
    return this.messages.filter((message) => message.topic === topic).map(({ payload }) => decodeUtf8(payload));
  }

  /** The most messages that one device has sent in so long a time. */
  mostWithin(spanMs: number): number {
    const near =
      (first: DeviceMessage) =>
      ({ atMs, token }: DeviceMessage) =>
        token === first.token && atMs >= first.atMs && atMs < first.atMs + spanMs;
    return Math.max(0, ...this.messages.map((first) => this.messages.filter(near(first)).length));
  }
}
