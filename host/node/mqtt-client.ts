/**
 * The MQTT port over npm's mqtt, on real sockets of this computer: whom Ferry's own client is compared with, and another
 * way into real brokers.
 *
 * Virtual time keeps to real time while a client is open (paced-clock.ts), and callbacks come at the virtual time that it
 * is by then. npm's client keeps the session alive by itself, in real time.
 */

import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectSecurely, type SecureContext } from "node:tls";
import { type IClientOptions, MqttClient as NpmClient } from "mqtt";
import type { MqttClient, MqttClientClass, MqttOptions, MqttProblem } from "../../src/ports.js";
import type { PacedClock } from "./paced-clock.js";
import { type Authority, explainTlsError, secureContextFor } from "./tls.js";

/** Unsent bytes beyond which nothing more is taken. */
const OUTGOING_BYTES_MAX = 16 * 1024;
/** Answers to a login that blame the password. */
const CREDENTIAL_CODES: readonly number[] = [4, 5];
const MQTT_3_1_1 = 4;

export interface NodeMqttParts {
  readonly clock: PacedClock;
  /** Who may vouch for a broker: over TLS then, and over TCP without. */
  readonly trust?: readonly Authority[];
  /** Another resolver than this computer's. */
  readonly lookup?: LookupFunction;
}

/** The class for one network. Throws when what is to be trusted is no certificate. */
export function makeNodeMqttClientClass(parts: NodeMqttParts): MqttClientClass {
  const network = new Network(parts);
  return class extends NodeMqttClient {
    constructor(options: MqttOptions & Record<string, unknown>) {
      super(network, options);
    }
  };
}

/** What the clients of one network share. */
class Network {
  readonly clock: PacedClock;
  readonly clients = new Set<MqttClient>();
  readonly #lookup: LookupFunction | undefined;
  readonly #secureContext: SecureContext | undefined;

  constructor({ clock, trust, lookup }: NodeMqttParts) {
    this.clock = clock;
    this.#lookup = lookup;
    if (trust) this.#secureContext = secureContextFor(trust);
    clock.paceWhile(() => this.clients.size > 0);
  }

  get isSecure(): boolean {
    return this.#secureContext !== undefined;
  }

  open(host: string, port: number): Socket {
    const target = { host, port, family: 4, ...(this.#lookup ? { lookup: this.#lookup } : {}) };
    if (!this.#secureContext) return connect(target);
    const servername = isIP(host) ? {} : { servername: host };
    return connectSecurely({ ...target, secureContext: this.#secureContext, rejectUnauthorized: true, ...servername });
  }
}

class NodeMqttClient implements MqttClient {
  readonly #network: Network;
  readonly #options: MqttOptions;
  readonly #socket: Socket;
  readonly #client: NpmClient;
  #isReady = false;
  #isConnected = false;
  /** What ended the connection, as the socket or the library said. */
  #cause: Error | undefined;

  constructor(network: Network, options: MqttOptions) {
    this.#network = network;
    this.#options = options;
    network.clients.add(this);
    this.#socket = network.open(options.host, options.port).setNoDelay();
    this.#socket.on("error", (error) => {
      this.#cause ??= network.isSecure ? explainTlsError(error, options.host) : error;
    });
    this.#socket.on(network.isSecure ? "secureConnect" : "connect", () => {
      this.#isConnected = true;
    });
    this.#client = new NpmClient(() => this.#socket, npmOptions(options));
    this.#client.on("connect", () => this.#subscribe());
    this.#client.on("message", (topic, payload, { retain }) => {
      this.#tell(() => this.#onMessage(topic, payload, retain));
    });
    this.#client.on("error", (error) => {
      this.#cause ??= error;
      this.#socket.destroy();
    });
    this.#client.on("close", () => this.#tell(() => this.#fail(...this.#problem)));
  }

  publish(topic: string, payload: Uint8Array): boolean {
    if (!this.#isReady || this.#socket.writableLength > OUTGOING_BYTES_MAX) return false;
    this.#client.publish(topic, Buffer.from(payload), { qos: 0 });
    return true;
  }

  close(): void {
    this.#isReady = false;
    if (this.#network.clients.delete(this)) this.#client.end(false, () => this.#socket.destroy());
  }

  #subscribe(): void {
    this.#client.subscribe([...this.#options.topics], { qos: 1 }, (error) =>
      this.#tell(() => {
        if (error) return this.#fail("refused", error.message);
        this.#isReady = true;
        this.#options.onReady();
      }),
    );
  }

  #onMessage(topic: string, payload: Uint8Array, isKept: boolean): void {
    const { payloadBytesMax, onMessage, onDropped } = this.#options;
    if (payload.length > payloadBytesMax) onDropped(topic, payload.length);
    else onMessage(topic, payload, isKept);
  }

  get #problem(): [MqttProblem, string] {
    const { host } = this.#options;
    const cause: { code?: unknown; syscall?: string; message?: string } = this.#cause ?? {};
    const message = cause.message ?? `${host} closed the connection`;
    const { code, syscall } = cause;
    if (code === "ENOTFOUND" || syscall === "getaddrinfo") return ["name", message];
    if (typeof code === "number") return [CREDENTIAL_CODES.includes(code) ? "credentials" : "refused", message];
    if (this.#isConnected) return [this.#cause ? "connection" : "closed", message];
    return [this.#network.isSecure && syscall !== "connect" ? "certificate" : "connection", message];
  }

  #fail(problem: MqttProblem, detail: string): void {
    this.close();
    this.#options.onError(problem, detail);
  }

  #tell(event: () => void): void {
    const isOpen = () => this.#network.clients.has(this);
    if (isOpen()) this.#network.clock.arrive(() => isOpen() && event());
  }
}

function npmOptions({ id, user, password, keepAliveMs }: MqttOptions): IClientOptions {
  return {
    protocolVersion: MQTT_3_1_1,
    clientId: id,
    clean: true,
    keepalive: Math.ceil(keepAliveMs / 1000),
    // Reconnecting is the lifecycle's business.
    reconnectPeriod: 0,
    resubscribe: false,
    ...(user ? { username: user, password } : {}),
  };
}
