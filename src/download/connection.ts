/**
 * The one connection that a download keeps: all its requests to the same server go over it, one after another, as long
 * as each answer leaves it usable. A TLS handshake costs the chip seconds.
 *
 * Invariants: at most one connection is open; nobody hears of one that was closed or replaced. Fault model: the server,
 * or something on the way, hangs up while nothing is asked. That shows in the next request, which says so by `reused`.
 */

import type { ParsedUrl } from "../base/url.js";
import type { HttpClient, HttpClientClass, HttpRequest, HttpRequestOptions, Io } from "../ports.js";

/** Where a request goes, and by which client. */
export interface Destination {
  readonly port: Io<HttpClientClass>;
  readonly target: ParsedUrl;
}

export class Connection {
  #client: HttpClient | undefined;
  #target: ParsedUrl | undefined;
  #onLost: ((cause: unknown) => void) | undefined;
  #reused = false;

  /** The last request went over a connection that had served another one. */
  get reused(): boolean {
    return this.#reused;
  }

  /**
   * Sends the request on the connection that is there, or on a new one. Its onDone comes before `onLost`, which the
   * next request replaces. Throws as the SDK's sockets do while there is no network.
   */
  request(destination: Destination, options: HttpRequestOptions, onLost: (cause: unknown) => void): HttpRequest {
    const { target } = destination;
    this.#reused = this.#client !== undefined && this.#target !== undefined && sameServer(this.#target, target);
    if (!this.#reused) this.#open(destination);
    this.#onLost = onLost;
    // There is a client: #open() has made one, or thrown.
    return (this.#client as HttpClient).request(options);
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #open({ port: { io, ...rest }, target }: Destination): void {
    this.close();
    const client: HttpClient = new io({
      ...rest,
      host: target.host,
      port: target.port,
      onError: (cause) => {
        if (this.#client !== client) return;
        this.#client = undefined;
        this.#onLost?.(cause);
      },
    });
    this.#client = client;
    this.#target = target;
  }
}

function sameServer(a: ParsedUrl, b: ParsedUrl): boolean {
  return a.secure === b.secure && a.host === b.host && a.port === b.port;
}
