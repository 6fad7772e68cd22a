/**
 * The network between one device and its servers, in virtual time: names, connections, and byte streams with latency,
 * bandwidth and a receive window, so that a reader who stops reading stops the sender.
 *
 * Servers are registered by host and port and get the other end of each connection. Faults: a name that nobody has or
 * a resolver that does not answer, a refused connection, a bad certificate, a connection that is closed or reset, a
 * link that goes down: TCP then only stalls, and goes on when the link is back, unless `giveUpAfterMs` says that it
 * loses patience. All of them are counted.
 */

import type { VirtualClock } from "./clock.js";
import { type StreamConditions, type StreamHandlers, StreamPair, type TcpEnd, type TcpEndpoint } from "./tcp-stream.js";

export interface NetworkConditions extends StreamConditions {
  /** How long the SDK's resolver asks a server that does not answer. */
  dnsTimeoutMs: number;
  /** A link that stays down this long ends all connections with an error; `undefined`: they stall for ever. */
  giveUpAfterMs: number | undefined;
}

const HOME_NETWORK: NetworkConditions = Object.freeze({
  latencyMs: 20,
  bytesPerSecond: 250_000,
  windowBytes: 5744,
  segmentBytes: 1436,
  dnsTimeoutMs: 4000,
  giveUpAfterMs: undefined,
});

/** Takes a new connection and sets its handlers; `false` refuses it. */
export type Server = (connection: TcpEnd) => boolean;

/** Somebody between the device and everybody, who lets nothing through: host/peers/captive-portal.ts. */
export interface Portal {
  /** It has let the device through: then it is as if it were not there. */
  readonly isOpen: boolean;
  /** Takes a connection as if it were the host. `false` refuses it; "silence": the packets are dropped. */
  accept(connection: TcpEnd, destination: Destination): boolean | "silence";
}

export interface Destination {
  readonly host: string;
  readonly port: number;
  /** TLS: two more round trips, and the host's certificate has to be good. */
  readonly secure: boolean;
}

/** What a device needs of its network: the simulated one below, or a real one (host/node/network.ts). */
export interface DeviceNetwork {
  readonly clock: VirtualClock;
  /** Begins to connect; `onConnected` or `onEnd` tells the outcome. `onEnd`'s cause is what the SDK's onError gets. */
  connect(destination: Destination, handlers: StreamHandlers): TcpEndpoint;
  /** The device has lost its power, or was reset: its connections are gone, as their servers find out. */
  dropConnections(): void;
}

export class Network implements DeviceNetwork {
  readonly clock: VirtualClock;
  /** May be changed at any time. */
  readonly conditions: NetworkConditions;
  /** `false`: the resolver does not answer. */
  resolverAnswers = true;
  /**
   * A captive portal between the device and everybody: each name is its address, each connection its own, whoever it is
   * meant for. TLS finds that its certificate is not the host's.
   */
  portal: Portal | undefined;
  /** Why TLS to a host fails: host to reason. */
  readonly certificateProblems = new Map<string, string>();
  readonly counts = {
    connections: 0,
    unresolved: 0,
    refused: 0,
    badCertificates: 0,
    silenced: 0,
    heldBack: 0,
    givenUp: 0,
  };

  readonly #servers = new Map<string, Server>();
  readonly #hosts = new Map<string, number>();
  readonly #pairs = new Set<StreamPair>();
  #linkUp = true;
  /** Deliveries that wait for the link. */
  #heldBack: (() => void)[] = [];
  #outage = 0;

  constructor(clock: VirtualClock, conditions: Partial<NetworkConditions> = {}) {
    this.clock = clock;
    this.conditions = { ...HOME_NETWORK, ...conditions };
  }

  /** Registers a server; returns how to take it away again. A host that has no server left has no name either. */
  listen(host: string, port: number, server: Server): () => void {
    const key = `${host}:${port}`;
    if (this.#servers.has(key)) throw new Error(`network: ${key} is taken`);
    this.#servers.set(key, server);
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
    return () => {
      if (this.#servers.get(key) !== server) return;
      this.#servers.delete(key);
      this.#hosts.set(host, (this.#hosts.get(host) ?? 1) - 1);
    };
  }

  get linkUp(): boolean {
    return this.#linkUp;
  }

  set linkUp(up: boolean) {
    if (up === this.#linkUp) return;
    this.#linkUp = up;
    const outage = ++this.#outage;
    const { giveUpAfterMs } = this.conditions;
    if (up) {
      const due = this.#heldBack;
      this.#heldBack = [];
      for (const deliver of due) deliver();
    } else if (giveUpAfterMs !== undefined) {
      this.clock.set(() => {
        if (this.#outage === outage) this.#giveUp();
      }, giveUpAfterMs);
    }
  }

  /** Open connections. */
  get connections(): number {
    return this.#pairs.size;
  }

  dropConnections(): void {
    for (const pair of [...this.#pairs]) pair.device.close();
  }

  connect(destination: Destination, handlers: StreamHandlers): TcpEnd {
    const pair: StreamPair = new StreamPair(this.clock, this.conditions, {
      deliver: (callback, atMs) => this.#deliver(callback, atMs),
      over: () => this.#pairs.delete(pair),
    });
    pair.device.handlers = handlers;
    this.#pairs.add(pair);
    this.#resolve(pair, destination);
    return pair.device;
  }

  #resolve(pair: StreamPair, destination: Destination): void {
    const { host } = destination;
    if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) {
      this.#handshake(pair, destination);
      return;
    }
    const fail = () => {
      if (pair.isOver) return;
      this.counts.unresolved++;
      // The SDK's resolver gives the host's name as the error: a string, no Error.
      pair.fail(host);
    };
    const timer = this.clock.set(fail, this.conditions.dnsTimeoutMs);
    if (!this.resolverAnswers) return;
    this.#afterRoundTrips(1, () => {
      this.clock.clear(timer);
      if (this.#closedPortal || (this.#hosts.get(host) ?? 0) > 0) this.#handshake(pair, destination);
      else fail();
    });
  }

  #handshake(pair: StreamPair, destination: Destination): void {
    const { host, port, secure } = destination;
    this.#afterRoundTrips(secure ? 3 : 1, () => {
      if (pair.isOver) return;
      const portal = this.#closedPortal;
      if (portal) return this.#portalHandshake(portal, pair, destination);
      const server = this.#servers.get(`${host}:${port}`);
      const problem = secure ? this.certificateProblems.get(host) : undefined;
      if (server && problem !== undefined) {
        this.counts.badCertificates++;
        pair.fail(new Error(problem));
      } else if (server?.(pair.server)) {
        this.counts.connections++;
        pair.device.handlers.onConnected?.();
      } else {
        this.counts.refused++;
        pair.fail(undefined);
      }
    });
  }

  get #closedPortal(): Portal | undefined {
    return this.portal?.isOpen === false ? this.portal : undefined;
  }

  #portalHandshake(portal: Portal, pair: StreamPair, destination: Destination): void {
    const taken = portal.accept(pair.server, destination);
    if (taken === "silence") {
      this.counts.silenced++;
    } else if (!taken) {
      this.counts.refused++;
      pair.fail(undefined);
    } else if (destination.secure) {
      this.counts.badCertificates++;
      pair.fail(new Error(`certificate of a portal, not of ${destination.host}`));
    } else {
      this.counts.connections++;
      pair.device.handlers.onConnected?.();
    }
  }

  #afterRoundTrips(count: number, callback: () => void): void {
    this.#deliver(callback, this.clock.now() + 2 * count * this.conditions.latencyMs);
  }

  #deliver(callback: () => void, atMs: number): void {
    this.clock.setAt(() => {
      if (this.#linkUp) {
        callback();
        return;
      }
      this.counts.heldBack++;
      this.#heldBack.push(callback);
    }, atMs);
  }

  #giveUp(): void {
    for (const pair of [...this.#pairs]) {
      this.counts.givenUp++;
      pair.fail(undefined);
    }
  }
}
