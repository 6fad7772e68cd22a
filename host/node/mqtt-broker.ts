/**
 * A real MQTT broker inside this process: npm's aedes, on sockets of this computer, with or without TLS, with the
 * behavior of the simulated one (host/peers/mqtt-broker.ts) as far as it lets itself be led astray.
 *
 * Each device gets what is published for it, and hears nothing of the others, as in a cloud that knows devices by their
 * tokens.
 */

import { createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import { ConnackCode, type MqttBrokerBehavior, type PublishOptions } from "../peers/mqtt-broker.js";
import { BrokerRecord } from "../peers/mqtt-record.js";
import { LOOPBACK } from "./file-server.js";
import { type Identity, TLS_VERSION_MIN } from "./tls.js";

/** What aedes can be made to do. */
export type NodeMqttBrokerBehavior = Omit<MqttBrokerBehavior, "ignoresPings" | "pieceBytes" | "packetBytesMax">;

export interface NodeMqttBrokerOptions {
  /** By default one that is free. */
  readonly port?: number;
  /** Who the broker is: it speaks TLS then, and nothing else. */
  readonly identity?: Identity;
}

export class NodeMqttBroker extends BrokerRecord {
  behavior: NodeMqttBrokerBehavior;
  readonly #aedes: Aedes;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #tokens = new Map<Client, string>();
  readonly #online = new Set<Client>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(aedes: Aedes, behavior: NodeMqttBrokerBehavior, identity: Identity | undefined) {
    super();
    this.behavior = behavior;
    this.#aedes = aedes;
    this.#lead(aedes);
    const take = (socket: Socket) => {
      this.counts.connections++;
      socket.setNoDelay();
      aedes.handle(socket);
    };
    this.#listener = identity
      ? createSecureServer({ ...identity, minVersion: TLS_VERSION_MIN }, take)
      : createServer(take);
    this.#listener.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Serves at loopback only. Throws when the port is taken. */
  static async listen(
    behavior: NodeMqttBrokerBehavior,
    { port = 0, identity }: NodeMqttBrokerOptions = {},
  ): Promise<NodeMqttBroker> {
    const broker = new NodeMqttBroker(await Aedes.createBroker(), behavior, identity);
    await new Promise<void>((resolve, reject) => {
      broker.#listener.once("error", reject);
      broker.#listener.listen(port, LOOPBACK, resolve);
    });
    return broker;
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  get online(): number {
    return this.#online.size;
  }

  /** Tells each device that is online and subscribed. */
  publish(topic: string, payload: string | Uint8Array, { qos = 0, token }: PublishOptions = {}): void {
    for (const client of this.#online) {
      if (token !== undefined && this.#tokens.get(client) !== token) continue;
      send(client, topic, payload, qos);
      if (!this.behavior.repeatsItself) continue;
      this.counts.repeats++;
      send(client, topic, payload, qos);
    }
  }

  sendRaw(bytes: Uint8Array): void {
    for (const { conn } of this.#online) conn.write(bytes);
  }

  hangUp(): void {
    for (const client of this.#online) this.#hangUp(client);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #lead(aedes: Aedes): void {
    aedes.authenticate = (client, user, password, done) => this.#onLogin(client, user, password?.toString(), done);
    aedes.authorizeSubscribe = (_client, subscription, done) => {
      const { refusesSubscriptions } = this.behavior;
      if (refusesSubscriptions) this.counts.refusedSubscriptions++;
      done(null, refusesSubscriptions ? null : subscription);
    };
    aedes.on("clientReady", (client) => this.#onLoggedIn(client));
    aedes.on("subscribe", (subscriptions, client) => this.#onSubscribed(client, subscriptions));
    aedes.on("clientDisconnect", (client) => this.#forget(client));
    aedes.on("clientError", () => {
      this.counts.wrongPackets++;
    });
    aedes.on("keepaliveTimeout", () => {
      this.counts.expiredKeepAlives++;
    });
    aedes.on("ping", () => {
      this.counts.pings++;
    });
    aedes.on("ack", () => {
      this.counts.acknowledgements++;
    });
    aedes.on("publish", ({ topic, payload }, client) => {
      const token = client ? this.#tokens.get(client) : undefined;
      if (token !== undefined) this.keep({ topic, payload: Buffer.from(payload), token, atMs: performance.now() });
    });
    // What one device publishes is not for the others: devices get what publish() sends them.
    aedes.authorizeForward = (client, packet) => (isBetweenDevices(client, packet) ? null : packet);
  }

  #onLogin(
    client: Client,
    user: string | undefined,
    password: string | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const { tokens, user: wanted, loginCode, isMute, answersLoginAfterMs } = this.behavior;
    if (isMute) {
      this.counts.mutedLogins++;
      return;
    }
    const isKnown = password !== undefined && tokens.includes(password) && (wanted === undefined || user === wanted);
    const code = loginCode ?? (isKnown ? ConnackCode.ACCEPTED : ConnackCode.BAD_PASSWORD);
    const answer = () => {
      if (code === ConnackCode.ACCEPTED) {
        this.#tokens.set(client, password ?? "");
        return done(null, true);
      }
      this.counts.refusedLogins++;
      done(Object.assign(new Error("refused"), { returnCode: code }), false);
    };
    if (answersLoginAfterMs === undefined) return answer();
    this.counts.lateLogins++;
    this.#later(answer, answersLoginAfterMs);
  }

  #onLoggedIn(client: Client): void {
    const { redirectsTo, hangsUpAfterMs } = this.behavior;
    this.logins.push(performance.now());
    if (redirectsTo !== undefined) {
      this.counts.redirects++;
      return send(client, "downlink/redirect", redirectsTo, 0, () => client.conn.end());
    }
    if (hangsUpAfterMs !== undefined) this.#later(() => this.#hangUp(client), hangsUpAfterMs);
  }

  #onSubscribed(client: Client, subscriptions: readonly { readonly topic: string }[]): void {
    const { greetsWith, refusesSubscriptions } = this.behavior;
    if (refusesSubscriptions) return;
    this.subscriptions.push(...subscriptions.map(({ topic }) => topic));
    this.#online.add(client);
    if (!greetsWith) return;
    this.counts.greetings++;
    client.conn.write(greetsWith);
  }

  #hangUp(client: Client): void {
    if (!this.#online.has(client)) return;
    this.counts.hangUps++;
    this.#forget(client);
    client.close();
  }

  #forget(client: Client): void {
    this.#online.delete(client);
    this.#tokens.delete(client);
  }

  #later(callback: () => void, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Devices' own messages carry the id of the one that sent them. */
function isBetweenDevices(_client: Client, packet: object): boolean {
  return "clientId" in packet && packet.clientId !== undefined;
}

function send(client: Client, topic: string, payload: string | Uint8Array, qos: 0 | 1, done = () => {}): void {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
  client.publish({ cmd: "publish", topic, payload: bytes, qos, retain: false, dup: false }, done);
}
