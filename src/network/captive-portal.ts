/**
 * Whether somebody between the device and its cloud answers in the cloud's place: a captive portal, which lets nobody
 * through before a person has logged in on its web page (failure code 712).
 *
 * Asked for a file that no server has, over plain HTTP and in the cloud's name, a portal does what it does to every
 * visitor: it sends him to its login at another host, or shows it. Servers say that there is no such file, or send him
 * to the same name over HTTPS.
 *
 * Fault model: whoever answers may send anything, or nothing. One connection, one small request, ANSWER_BYTES_MAX of an
 * answer, CHECK_MS in all; nothing of it leads anywhere else. Memory is taken for the time of the check alone.
 */

import { beginsAnyCase, beginsLike, firstOf, runEnd, SPACES } from "../base/text.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import type { Clock, Io, Socket, SocketClass, TimerHandle } from "../ports.js";

/** A portal is one hop away; and a try to log in, of which this is the end, must not outlast the lifecycle's patience. */
export const CHECK_MS = 5_000;
/** Of the answer: status and headers. */
export const ANSWER_BYTES_MAX = 1_024;
/** What operators of servers see in their logs. */
export const CHECK_PATH = "/ferry-portal-check";
const HTTP_PORT = 80;
const STATUS_LINE = "HTTP/1.# ###";
const STATUS_AT = 9;
const LOCATION = "location:";
const SCHEMES: readonly string[] = Object.freeze(["http://", "https://"]);
const HOST_ENDS = `/:?#${SPACES}`;

export interface CaptivePortalCheckOptions {
  clock: Clock;
  /** TCP without TLS. */
  socket: Io<SocketClass>;
  /** The cloud's. */
  host: string;
  /** Once, later. */
  onDone(isPortal: boolean): void;
}

export class CaptivePortalCheck {
  readonly #options: CaptivePortalCheckOptions;
  readonly #answer = new Uint8Array(ANSWER_BYTES_MAX);
  #answerBytes = 0;
  #socket: Socket | undefined;
  #isAsked = false;
  #isDone = false;
  #timer: TimerHandle;

  constructor(options: CaptivePortalCheckOptions) {
    this.#options = options;
    const { clock, host } = options;
    const { io: Connection, ...own } = options.socket;
    this.#timer = clock.set(() => this.#judge(), CHECK_MS);
    this.#socket = new Connection({
      ...own,
      host,
      port: HTTP_PORT,
      onReadable: () => this.#read(),
      onWritable: () => this.#ask(),
      onError: () => this.#judge(),
    });
  }

  /** Idempotent; nothing is called back any more. */
  close(): void {
    this.#isDone = true;
    this.#options.clock.clear(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const lines = [`GET ${CHECK_PATH} HTTP/1.1`, `Host: ${this.#options.host}`, "Connection: close", "", ""];
    try {
      this.#socket?.write(encodeUtf8(lines.join("\r\n")));
    } catch {
      this.#options.clock.set(() => this.#judge(), 0); // the socket is in the middle of its call
    }
  }

  #read(): void {
    while (this.#socket) {
      const count = this.#socket.read(this.#answer.subarray(this.#answerBytes));
      if (!count) break;
      this.#answerBytes += count;
      if (this.#answerBytes === ANSWER_BYTES_MAX) break;
    }
    const isWhole = decodeUtf8(this.#answer, 0, this.#answerBytes).includes("\r\n\r\n");
    if (isWhole || this.#answerBytes === ANSWER_BYTES_MAX) this.#judge();
  }

  #judge(): void {
    if (this.#isDone) return;
    this.close();
    const { host, onDone } = this.#options;
    onDone(isAnswerOfPortal(decodeUtf8(this.#answer, 0, this.#answerBytes), host));
  }
}

/** `head`: of an HTTP response to the check, or its beginning. */
export function isAnswerOfPortal(head: string, host: string): boolean {
  const status = beginsLike(head, STATUS_LINE) ? head.slice(STATUS_AT, STATUS_LINE.length) : "";
  // 511: RFC 6585, 6, made for portals.
  if (status === "200" || status === "511") return true;
  if (!status.startsWith("3")) return false;
  const target = hostOfLocation(head);
  return target !== undefined && !isSameSite(target.toLowerCase(), host.toLowerCase());
}

function hostOfLocation(head: string): string | undefined {
  for (const line of head.split("\n").slice(1)) {
    if (!beginsAnyCase(line, LOCATION)) continue;
    const url = line.slice(runEnd(line, LOCATION.length, isBlank));
    const start = SCHEMES.find((scheme) => beginsAnyCase(url, scheme))?.length ?? url.length;
    const end = firstOf(url, HOST_ENDS, start);
    if (end > start) return url.slice(start, end);
  }
  return undefined;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** As "blynk.cloud" and "www.blynk.cloud". */
function isSameSite(a: string, b: string): boolean {
  return a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
}
