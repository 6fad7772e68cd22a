/**
 * A cloud that speaks Blynk's native protocol, in the simulated network or in the real one: logins, redirects, data up
 * and down, and every way to misbehave that a device should live through. Parses by itself, so that the firmware's
 * parser is never its own judge.
 */

import type { Clock } from "../../src/ports.js";
import { asciiBytes, asciiText } from "../sim/ascii.js";
import type { TcpEndpoint } from "../sim/tcp-stream.js";

/** Commands, as the protocol numbers them. */
export const Native = Object.freeze({
  RESPONSE: 0,
  PING: 6,
  BRIDGE: 15,
  SYNC: 16,
  INTERNAL: 17,
  PROPERTY: 19,
  HARDWARE: 20,
  GROUP: 21,
  LOGIN: 29,
  REDIRECT: 41,
  EVENT_LOG: 64,
  EVENT_CLEAR: 65,
});

const STATUS_OK = 200;
const STATUS_ALREADY_REGISTERED = 4;
const STATUS_INVALID_TOKEN = 9;
const HEADER_BYTES = 5;

/** A device that has logged in, once. */
export interface NativeMessage {
  readonly command: number;
  readonly id: number;
  readonly strings: readonly string[];
}

export interface NativeCloudBehavior {
  /** Tokens that may log in. */
  readonly tokens: readonly string[];
  /** Sends each login away to this place, host and port. */
  readonly redirectsTo?: readonly [host: string, port: number];
  /** Accepts connections and never answers. */
  readonly isMute?: boolean;
  /** Answers logins so much later. */
  readonly answersLoginAfterMs?: number;
  /** Answers logins with this status: 200 and 4 (already registered) let in. */
  readonly loginStatus?: number;
  /** Closes each connection so long after its login. */
  readonly hangsUpAfterMs?: number;
  /** Stops answering pings. */
  readonly ignoresPings?: boolean;
  /** Sends each message twice. */
  readonly repeatsItself?: boolean;
  /** Sends these bytes right after each login. */
  readonly greetsWith?: Uint8Array;
  /** Sends all it has to say in pieces of so many bytes. */
  readonly pieceBytes?: number;
}

export class NativeCloudServer {
  behavior: NativeCloudBehavior;
  readonly messages: NativeMessage[] = [];
  /** Virtual times of the logins that were accepted. */
  readonly logins: number[] = [];
  readonly counts = { connections: 0, refusedLogins: 0, redirects: 0, pings: 0, hangUps: 0, lateLogins: 0 };
  /** Learns of each message of a device that has logged in, by its token. */
  onMessage: ((message: NativeMessage, token: string) => void) | undefined;
  readonly #clock: Clock;
  readonly #online = new Set<Connection>();

  constructor(clock: Clock, behavior: NativeCloudBehavior) {
    this.#clock = clock;
    this.behavior = behavior;
  }

  get online(): number {
    return this.#online.size;
  }

  /** Takes a new connection, as Network.listen() hands it out. */
  readonly accept = (endpoint: TcpEndpoint): boolean => {
    this.counts.connections++;
    const connection = new Connection(endpoint, this.behavior.pieceBytes, (message) => this.#on(connection, message));
    endpoint.handlers = {
      onReceive: () => connection.receive(),
      onEnd: () => this.#online.delete(connection),
    };
    return true;
  };

  /** Tells each device that is online. */
  send(command: number, ...strings: readonly string[]): void {
    for (const connection of this.#online) {
      connection.send(command, ...strings);
      if (this.behavior.repeatsItself) connection.send(command, ...strings);
    }
  }

  /** Tells one device, wherever it is online. */
  sendTo(token: string, command: number, ...strings: readonly string[]): void {
    for (const connection of this.#online) {
      if (connection.token !== token) continue;
      connection.send(command, ...strings);
      if (this.behavior.repeatsItself) connection.send(command, ...strings);
    }
  }

  /** Answers, or seems to answer, a message of each device that is online. */
  respond(id: number, status: number): void {
    for (const connection of this.#online) connection.respond(id, status);
  }

  sendRaw(bytes: Uint8Array): void {
    for (const connection of this.#online) connection.sendRaw(bytes);
  }

  hangUp(): void {
    for (const connection of this.#online) this.#hangUp(connection);
  }

  /** What devices have said with this command, as strings. */
  heard(command: number): string[][] {
    return this.messages.filter((message) => message.command === command).map(({ strings }) => [...strings]);
  }

  #on(connection: Connection, message: NativeMessage): void {
    const { behavior } = this;
    this.messages.push(message);
    if (behavior.isMute) return;
    if (message.command === Native.LOGIN) {
      const { answersLoginAfterMs } = behavior;
      if (answersLoginAfterMs === undefined) return this.#onLogin(connection, message);
      this.counts.lateLogins++;
      this.#clock.set(() => this.#onLogin(connection, message), answersLoginAfterMs);
      return;
    }
    if (!this.#online.has(connection)) return connection.close();
    if (message.command === Native.PING) {
      this.counts.pings++;
      if (!behavior.ignoresPings) connection.respond(message.id, STATUS_OK);
    }
    this.onMessage?.(message, connection.token);
  }

  #onLogin(connection: Connection, { id, strings }: NativeMessage): void {
    const { tokens, redirectsTo, loginStatus, hangsUpAfterMs, greetsWith } = this.behavior;
    if (redirectsTo) {
      this.counts.redirects++;
      return connection.send(Native.REDIRECT, redirectsTo[0], String(redirectsTo[1]));
    }
    const status = loginStatus ?? (tokens.includes(strings[0] ?? "") ? STATUS_OK : STATUS_INVALID_TOKEN);
    connection.respond(id, status);
    if (status !== STATUS_OK && status !== STATUS_ALREADY_REGISTERED) {
      this.counts.refusedLogins++;
      return;
    }
    this.logins.push(this.#clock.now());
    connection.token = strings[0] ?? "";
    this.#online.add(connection);
    if (greetsWith) connection.sendRaw(greetsWith);
    if (hangsUpAfterMs !== undefined) this.#clock.set(() => this.#hangUp(connection), hangsUpAfterMs);
  }

  #hangUp(connection: Connection): void {
    if (!this.#online.delete(connection)) return;
    this.counts.hangUps++;
    connection.close();
  }
}

/** One message as bytes. */
export function nativeMessage(command: number, id: number, ...strings: readonly string[]): Uint8Array {
  const body = asciiBytes(strings.join("\0"));
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, command);
  view.setUint16(1, id);
  view.setUint16(3, body.length);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

class Connection {
  /** Of the device that has logged in. */
  token = "";
  readonly #endpoint: TcpEndpoint;
  readonly #pieceBytes: number | undefined;
  readonly #onMessage: (message: NativeMessage) => void;
  #received = new Uint8Array(0);
  #lastId = 0;

  constructor(endpoint: TcpEndpoint, pieceBytes: number | undefined, onMessage: (message: NativeMessage) => void) {
    this.#endpoint = endpoint;
    this.#pieceBytes = pieceBytes;
    this.#onMessage = onMessage;
  }

  send(command: number, ...strings: readonly string[]): void {
    this.#lastId = (this.#lastId % 0xffff) + 1;
    this.sendRaw(nativeMessage(command, this.#lastId, ...strings));
  }

  respond(id: number, status: number): void {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint16(1, id);
    view.setUint16(3, status);
    this.sendRaw(bytes);
  }

  sendRaw(bytes: Uint8Array): void {
    const pieceBytes = this.#pieceBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#endpoint.send(bytes.slice(at, at + pieceBytes));
  }

  close(): void {
    this.#endpoint.close();
  }

  receive(): void {
    const more = new Uint8Array(this.#endpoint.waiting);
    this.#endpoint.read(more);
    const bytes = new Uint8Array(this.#received.length + more.length);
    bytes.set(this.#received);
    bytes.set(more, this.#received.length);
    let at = 0;
    for (let next = this.#take(bytes, at); next !== undefined; next = this.#take(bytes, at)) at = next;
    this.#received = bytes.slice(at);
  }

  /** Handles the message at this place; returns the place behind it, `undefined` when it is not all there. */
  #take(bytes: Uint8Array, at: number): number | undefined {
    if (bytes.length - at < HEADER_BYTES) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const command = view.getUint8(0);
    const bodyBytes = command === Native.RESPONSE ? 0 : view.getUint16(3);
    const end = at + HEADER_BYTES + bodyBytes;
    if (end > bytes.length) return undefined;
    const text = asciiText(bytes.subarray(at + HEADER_BYTES, end));
    this.#onMessage({ command, id: view.getUint16(1), strings: bodyBytes === 0 ? [] : text.split("\0") });
    return end;
  }
}
