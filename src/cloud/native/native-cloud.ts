/**
 * Blynk's native protocol over TLS (blynk-ncp.md, 5.2): the transport that carries each of the MCU's data calls as it
 * is.
 *
 *   port after port --connected--> login --OK--> up --silence, error--> lost
 *                 ^                  |
 *                 '---- redirect ----'
 *
 * Fault model: the server may be anybody who holds the port, and may send anything at any time. Whatever it sends is
 * bounded by the parser, read once, and either understood or counted; nothing of it can make this class throw. A try
 * ends by an answer, by an error of the socket, or by a named wait; a session ends when the cloud does not answer a
 * ping. Reconnecting is the lifecycle's business.
 */

import { FailureCode } from "../../base/failure-code.js";
import { deepFreeze } from "../../base/freeze.js";
import type { Clock, Io, SocketClass, SocketProblem, TimerHandle } from "../../ports.js";
import type { CloudAccess, CloudEvents, CloudIdentity, CloudTransport } from "../cloud.js";
import { Downlink, type DownlinkCounters } from "./downlink.js";
import { BODY_BYTES_MAX, Command, Status } from "./message.js";
import { type Door, NativeLine } from "./native-line.js";
import { bodyBytes, type Part } from "./outgoing.js";
import { CommandRuler, UplinkCommands } from "./uplink-commands.js";

export const TLS_PORTS: readonly number[] = Object.freeze([443, 9443]);
export const PLAIN_PORT = 80;
/** For a connection, its TLS handshake and the login, on one port. */
export const LOGIN_MS = 20_000;
/** Told to the cloud; it waits half as long again before it shows the device as offline. */
export const HEARTBEAT_SECONDS = 45;
/** Both sides learn from it: the cloud that the device is there, and Ferry that the connection still leads somewhere. */
export const PING_INTERVAL_MS = 40_000;
export const PING_ANSWER_MS = 6_000;
/** In one start(): a ring of servers that send a device round is left. */
export const REDIRECTS_MAX = 3;

const LOGIN_ID = 1;
const TIME_QUESTIONS = deepFreeze([
  ["utc", "time"],
  ["utc", "tz_name"],
  ["utc", "tz_rule"],
  ["loc", "all"],
] as const);

export interface NativeCloudOptions {
  clock: Clock;
  tls: Io<SocketClass>;
  /** Only where the product has configured it: everybody on the way can read and change what goes over it. */
  plain?: Io<SocketClass>;
}

export interface NativeCloudCounters extends DownlinkCounters {
  connections: number;
  logins: number;
  redirects: number;
  /** From TLS to a connection without. */
  redirectsRefused: number;
  messagesSent: number;
  messagesReceived: number;
  /** Longer than the buffer that was announced. */
  messagesSkipped: number;
  /** Connections left because what came was not the protocol. */
  streamsBroken: number;
  /** Own messages for which there was no room. */
  messagesRefused: number;
}

type Stage = "off" | "connecting" | "logging-in" | "up";

interface CloudPlace {
  readonly host: string;
  readonly port?: number;
  /** A server with a certificate sent the device there: the token that it has seen must not go on in the clear. */
  readonly onlyTls?: boolean;
}

export class NativeCloud extends UplinkCommands implements CloudTransport {
  readonly ruler = new CommandRuler();
  readonly marksGroups = true;
  readonly keepsTimes = true;
  readonly timeQuestions: readonly (() => boolean)[] = TIME_QUESTIONS.map(
    (texts) => () => this.send(Command.INTERNAL, texts),
  );
  readonly #options: NativeCloudOptions;
  readonly #clock: Clock;
  #stage: Stage = "off";
  #access: CloudAccess = { host: "", token: "" };
  #events: CloudEvents | undefined;
  #downlink: Downlink | undefined;
  #line: NativeLine | undefined;
  #doors: Door[] = [];
  #redirects = 0;
  /** Of the present connection, or the last one. */
  #isSecure = true;
  #lastId = LOGIN_ID;
  #timer: TimerHandle;
  /** Since the last ping. */
  #heard = false;
  /** Where a live session was sent to: the next start() for the same host goes there first. */
  #moved: { readonly from: string; readonly to: CloudPlace } | undefined;
  readonly counters: NativeCloudCounters = {
    connections: 0,
    logins: 0,
    redirects: 0,
    redirectsRefused: 0,
    messagesSent: 0,
    messagesReceived: 0,
    messagesSkipped: 0,
    streamsBroken: 0,
    messagesRefused: 0,
    notUnderstood: 0,
  };

  constructor(options: NativeCloudOptions) {
    super();
    this.#options = options;
    this.#clock = options.clock;
  }

  start(access: CloudAccess, events: CloudEvents): void {
    this.stop();
    this.#access = access;
    this.#events = events;
    this.#redirects = 0;
    this.#doors = this.#doorsTo(access);
    if (this.#moved?.from === access.host) this.#doors.unshift(...this.#doorsTo(this.#moved.to));
    this.#moved = undefined; // a place that is gone is tried once
    this.#stage = "connecting";
    this.#timer = this.#clock.set(() => this.#knock(), 0);
  }

  stop(): void {
    this.#stage = "off";
    this.#hangUp();
    this.#events = undefined;
  }

  // ---- up ---------------------------------------------------------------------------------------------------------

  tellIdentity(identity: CloudIdentity): boolean {
    const pairs: readonly (readonly [string, string])[] = [
      ["mcu", identity.firmwareVersion],
      ["fw-type", identity.firmwareType],
      ["build", identity.firmwareBuild],
      ["blynk", identity.blynkVersion],
      ["ncp", identity.ferryVersion],
      ["h-beat", String(HEARTBEAT_SECONDS)],
      ["buff-in", String(BODY_BYTES_MAX)],
      ["tmpl", identity.templateId],
    ];
    const texts = pairs.filter(([, value]) => value !== "").flat();
    if (this.send(Command.INTERNAL, texts)) return true;
    return this.#stage === "up" && bodyBytes(texts) > BODY_BYTES_MAX;
  }

  protected send(command: Command, parts: readonly Part[]): boolean {
    if (this.#stage !== "up") return false;
    return this.#post(command, this.#nextId(), parts);
  }

  #post(command: Command, id: number, parts: readonly Part[]): boolean {
    const taken = this.#line?.post(command, id, parts) ?? false;
    if (taken) this.counters.messagesSent++;
    else this.counters.messagesRefused++;
    return taken;
  }

  /** 0 belongs to nobody, and 1 to the login. */
  #nextId(): number {
    this.#lastId = this.#lastId >= 0xffff ? LOGIN_ID + 1 : this.#lastId + 1;
    return this.#lastId;
  }

  // ---- the connection -----------------------------------------------------------------------------------------------

  #doorsTo({ host, port, onlyTls }: CloudPlace): Door[] {
    const { tls } = this.#options;
    const plain = onlyTls ? undefined : this.#options.plain;
    if (port !== undefined) return [{ host, port, socket: port === PLAIN_PORT && plain ? plain : tls }];
    const doors: Door[] = TLS_PORTS.map((tlsPort) => ({ host, port: tlsPort, socket: tls }));
    if (plain) doors.push({ host, port: PLAIN_PORT, socket: plain });
    return doors;
  }

  #knock(): void {
    const door = this.#doors.shift();
    const events = this.#events;
    if (!door || !events) return;
    this.counters.connections++;
    this.#isSecure = door.socket === this.#options.tls;
    this.#timer = this.#clock.set(() => this.#onLineEnd(undefined), LOGIN_MS);
    this.#downlink = new Downlink(events, this.counters);
    this.#line = new NativeLine(this.#clock, door, {
      onOpen: () => this.#logIn(),
      onResponse: (id, status) => this.#onResponse(id, status),
      onMessage: (command, id, bytes, start, end) => this.#onMessage(command, id, bytes, start, end),
      onSkipped: () => {
        this.counters.messagesSkipped++;
      },
      onBroken: () => {
        this.counters.streamsBroken++;
      },
      onEnd: (problem) => this.#onLineEnd(problem),
    });
  }

  #hangUp(): void {
    this.#clock.clear(this.#timer);
    const line = this.#line;
    this.#line = undefined;
    line?.close();
  }

  #logIn(): void {
    this.#stage = "logging-in";
    this.#post(Command.LOGIN, LOGIN_ID, [this.#access.token]);
  }

  /** Without a problem: time is up. The next door may be open: firewalls differ in what they let through. */
  #onLineEnd(problem: SocketProblem | undefined): void {
    const wasUp = this.#stage === "up";
    this.#hangUp();
    if (wasUp) return this.#lose();
    if (problem !== "name" && problem !== "certificate" && this.#doors.length > 0) {
      this.#stage = "connecting";
      return this.#knock();
    }
    this.#fail(problem ? CODE_BY_PROBLEM[problem] : FailureCode.CLOUD_TIMEOUT);
  }

  #fail(code: FailureCode): void {
    this.#hangUp();
    this.#stage = "off";
    this.#events?.onFailed(code);
  }

  #lose(): void {
    this.#hangUp();
    this.#stage = "off";
    this.#events?.onLost();
  }

  // ---- down -----------------------------------------------------------------------------------------------------------

  #onResponse(id: number, status: number): void {
    this.counters.messagesReceived++;
    // The server has forgotten the session: it answers, and takes nothing any more.
    if (this.#stage === "up" && status === Status.NOT_AUTHENTICATED) return this.#lose();
    this.#heard = true;
    if (id !== LOGIN_ID || this.#stage !== "logging-in") return;
    if (status === Status.OK || status === Status.ALREADY_REGISTERED) return this.#onLoggedIn();
    this.#fail(status === Status.INVALID_TOKEN ? FailureCode.TOKEN_INVALID : FailureCode.CLOUD_GENERIC);
  }

  #onLoggedIn(): void {
    this.#stage = "up";
    this.counters.logins++;
    this.#doors = [];
    this.#pingLater();
    this.#events?.onUp();
  }

  #onMessage(command: Command, id: number, bytes: Uint8Array, start: number, end: number): void {
    this.counters.messagesReceived++;
    if (command === Command.REDIRECT) return this.#onRedirect(bytes, start, end);
    this.#heard = true;
    if (this.#stage !== "up") return;
    if (command === Command.PING) {
      if (!this.#line?.respond(id, Status.OK)) this.counters.messagesRefused++;
      return;
    }
    this.#downlink?.onMessage(command, bytes, start, end);
  }

  #onRedirect(bytes: Uint8Array, start: number, end: number): void {
    const place = this.#downlink?.redirectOf(bytes, start, end);
    if (!place) return;
    const target: CloudPlace = { ...place, onlyTls: this.#isSecure };
    if (this.#isSecure && place.port === PLAIN_PORT && this.#options.plain) {
      this.counters.redirectsRefused++;
      return;
    }
    this.counters.redirects++;
    if (this.#stage === "up") {
      this.#moved = { from: this.#access.host, to: target };
      return this.#lose();
    }
    if (++this.#redirects > REDIRECTS_MAX) return this.#fail(FailureCode.CLOUD_GENERIC);
    this.#hangUp();
    this.#stage = "connecting";
    this.#doors = this.#doorsTo(target);
    this.#timer = this.#clock.set(() => this.#knock(), 0);
  }

  #pingLater(): void {
    this.#clock.clear(this.#timer);
    this.#timer = this.#clock.set(() => {
      this.#heard = false;
      this.send(Command.PING, []);
      // A message of any kind is an answer.
      this.#timer = this.#clock.set(() => (this.#heard ? this.#pingLater() : this.#lose()), PING_ANSWER_MS);
    }, PING_INTERVAL_MS);
  }
}

const CODE_BY_PROBLEM: Readonly<Record<SocketProblem, FailureCode>> = Object.freeze({
  name: FailureCode.DNS,
  connection: FailureCode.CLOUD_GENERIC,
  certificate: FailureCode.TLS_CERTIFICATE,
  closed: FailureCode.CLOUD_GENERIC,
});
