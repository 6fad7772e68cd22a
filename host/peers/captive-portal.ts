/**
 * A captive portal, as hotels have it: until somebody has logged in, each name is its own address, each web page its
 * login, each TLS certificate its own, and nothing else answers. Network.portal puts it between the device and everybody.
 */

import { asciiBytes, asciiText } from "../sim/ascii.js";
import type { Destination, Portal } from "../sim/network.js";
import type { TcpEnd } from "../sim/tcp-stream.js";

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
const LOGIN_PAGE = "<html><title>Welcome</title><form method=post>Your room number?</form></html>";

export interface CaptivePortalBehavior {
  /** How web pages become its login: sent there (302), shown in place (200), or as RFC 6585 has it (511). */
  readonly answersWith?: 200 | 302 | 511;
  /** Of its login page. */
  readonly host?: string;
  /** Drops what goes to HTTPS without a word, instead of showing its own certificate. */
  readonly dropsTls?: boolean;
  /** Accepts web visitors, and never answers. */
  readonly isMute?: boolean;
}

export class CaptivePortal implements Portal {
  readonly counts = { visits: 0, refused: 0, answers: 0 };
  behavior: CaptivePortalBehavior;
  #isOpen = false;

  constructor(behavior: CaptivePortalBehavior = {}) {
    this.behavior = behavior;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Somebody has typed the room number. */
  logIn(): void {
    this.#isOpen = true;
  }

  accept(connection: TcpEnd, { port }: Destination): boolean | "silence" {
    if (port === HTTPS_PORT) {
      this.counts.visits++;
      return this.behavior.dropsTls ? "silence" : true;
    }
    if (port !== HTTP_PORT) {
      this.counts.refused++;
      return false;
    }
    this.counts.visits++;
    let request = "";
    connection.handlers = {
      onReceive: () => {
        const bytes = new Uint8Array(connection.waiting);
        connection.read(bytes);
        request += asciiText(bytes);
        // What is no request in HTTP is refused as soon as it shows, as web servers do it.
        if (request.includes("\r\n\r\n") || !/^[A-Z]/.test(request)) this.#answer(connection, request);
      },
    };
    return true;
  }

  #answer(connection: TcpEnd, request: string): void {
    const { answersWith = 302, host = "login.hotel.example", isMute = false } = this.behavior;
    if (isMute) return;
    this.counts.answers++;
    const isRequest = /^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/.test(request);
    const status = isRequest ? answersWith : 400;
    const location =
      status === 302 ? [`Location: http://${host}/login?back=${encodeURIComponent(request.slice(0, 40))}`] : [];
    const body = status === 200 || status === 511 ? LOGIN_PAGE : "";
    const head = [
      `HTTP/1.1 ${status} Portal`,
      "Cache-Control: no-store",
      ...location,
      `Content-Length: ${body.length}`,
      "Connection: close",
    ];
    connection.send(asciiBytes(`${head.join("\r\n")}\r\n\r\n${body}`));
    connection.end();
  }
}
