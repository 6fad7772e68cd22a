/**
 * The socket port over the SDK's TCP and TLS sockets, and what both need of a host.
 *
 * The SDK's TLS throws where a certificate or a record is bad, inside the socket's callbacks, where nobody catches: XS
 * then restarts the chip. guardTcp() catches it, closes the socket, and reports a lost connection; the reason, which the
 * TLS socket would keep to itself, goes by onFault.
 *
 * A certificate has a period, so TLS must know the date: until then a connection is refused with that reason.
 *
 * Fault model: no name, no route, a bad certificate, a connection that ends at any moment. One onError tells; it comes
 * later than the constructor's return, and nothing comes after it or after close().
 */

import type { Socket, SocketClass, SocketOptions, SocketProblem } from "../ports.js";

/** What the SDK's sockets take, as far as it matters here. */
export interface SdkSocketOptions {
  onReadable?: ((count: number) => void) | undefined;
  onWritable?: ((count: number) => void) | undefined;
  onError?: ((cause?: unknown) => void) | undefined;
  /** guardTcp()'s: hears of what it caught, before onError. */
  onFault?: ((cause: unknown) => void) | undefined;
}

/** Modules "embedded:io/socket/tcp" and ".../tls". */
export interface SdkSocket {
  close(): void;
}

export type SdkSocketClass = new (options: SdkSocketOptions & Record<string, unknown>) => SdkSocket;

/** Calls back once, later, with the address, or without one where there is none: `System.resolve`. */
export type Resolve = (host: string, callback: (host: string, address: string | undefined) => void) => void;

export interface SocketParts {
  /** guardTcp()'s. */
  readonly Tcp: SdkSocketClass;
  readonly resolve: Resolve;
}

export interface TlsParts {
  readonly Tls: new (options: never) => unknown;
  /** Whether the date is known, so that certificates can be judged. */
  isDateKnown(): boolean;
  /** A product's own certificate authority, DER in memory or in flash, besides the ones built in. */
  readonly authority?: object | undefined;
}

export const NO_DATE = "the date is not known yet, so no certificate can be checked";

/** A TCP socket class whose callbacks may throw. */
export function guardTcp(Tcp: SdkSocketClass): SdkSocketClass {
  return class GuardedTcp extends Tcp {
    constructor(options: SdkSocketOptions & Record<string, unknown>) {
      const onCaught = (cause: unknown) => this.#onCaught(cause, options);
      const guard = (callback: ((count: number) => void) | undefined) => (count: number) => {
        try {
          callback?.(count);
        } catch (cause) {
          onCaught(cause);
        }
      };
      super({ ...options, onReadable: guard(options.onReadable), onWritable: guard(options.onWritable) });
    }

    #onCaught(cause: unknown, options: SdkSocketOptions): void {
      this.close();
      options.onFault?.(cause);
      options.onError?.(cause);
    }
  };
}

/** The SDK's class to construct, and the options that are TLS's own: none without `tls`. */
export function sdkSocketOptions(host: string, { Tcp }: SocketParts, tls: TlsParts | undefined) {
  if (!tls) return { io: Tcp };
  const { Tls: io, authority } = tls;
  return { io, TCP: { io: Tcp }, secure: { serverName: host, ...(authority ? { certificate: authority } : {}) } };
}

/** `tls`: for a connection over TLS. */
export function makeSocketClass(parts: SocketParts, tls?: TlsParts): SocketClass {
  return class extends DeviceSocket {
    constructor(options: SocketOptions & Record<string, unknown>) {
      super(parts, tls, options);
    }
  };
}

class DeviceSocket implements Socket {
  readonly #options: SocketOptions;
  #socket: Socket | undefined;
  #isUp = false;
  #isOver = false;
  /** What was caught while the handshake or a record was looked at. */
  #cause: unknown;

  constructor(parts: SocketParts, tls: TlsParts | undefined, options: SocketOptions) {
    this.#options = options;
    parts.resolve(options.host, (host, address) => {
      if (this.#isOver) return;
      if (address === undefined) return this.#fail("name", `no address found for ${host}`);
      if (tls && !tls.isDateKnown()) return this.#fail("certificate", NO_DATE);
      this.#connect(address, sdkSocketOptions(host, parts, tls));
    });
  }

  read(buffer: Uint8Array): number | undefined {
    return this.#socket?.read(buffer);
  }

  write(buffer: Uint8Array): number {
    if (!this.#socket) throw new Error("the socket is not connected");
    return this.#socket.write(buffer);
  }

  close(): void {
    this.#isOver = true;
    this.#socket?.close();
    this.#socket = undefined;
  }

  #connect(address: string, { io, ...own }: ReturnType<typeof sdkSocketOptions>): void {
    const { host, port, onReadable, onWritable } = this.#options;
    const Sdk = io as new (options: object) => Socket;
    const options = {
      ...own,
      host,
      address,
      port,
      onReadable: (count: number) => !this.#isOver && onReadable(count),
      onWritable: (count: number) => {
        this.#isUp = true;
        if (!this.#isOver) onWritable(count);
      },
      onFault: (cause: unknown) => {
        this.#cause = cause;
      },
      onError: () => this.#onLost(),
    };
    try {
      this.#socket = new Sdk(options);
    } catch (cause) {
      this.#fail("connection", textOf(cause)); // the network is down, or out of sockets
    }
  }

  #onLost(): void {
    const { host } = this.#options;
    if (this.#cause !== undefined) {
      const detail = textOf(this.#cause);
      this.#fail(detail.includes("certificate") ? "certificate" : "connection", detail);
    } else if (this.#isUp) this.#fail("closed", `${host} closed the connection`);
    else this.#fail("connection", `cannot reach ${host}`);
  }

  #fail(problem: SocketProblem, detail: string): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onError(problem, detail);
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
