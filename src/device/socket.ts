/**
 * The socket port over the SDK's TCP: the name is looked up first, by the chip's own resolver. NamedSocket is what this
 * has in common with TLS (tls-socket.ts).
 *
 * Fault model: no name, no route, a connection that ends at any moment. One onError tells; it comes later than the
 * constructor's return, and nothing comes after it or after close().
 */

import type { Socket, SocketClass, SocketOptions, SocketProblem } from "../ports.js";

/** Calls back once, later, with the address, or without one where there is none: `System.resolve`. */
export type Resolve = (host: string, callback: (host: string, address: string | undefined) => void) => void;

/** Where to, and what to call. */
export interface Connecting extends SocketOptions {
  readonly address: string;
}

/** What the SDK's class takes. */
export interface SdkTcpOptions {
  address: string;
  port: number;
  onReadable(count: number): void;
  onWritable(count: number): void;
  onError(): void;
}

/** Module "embedded:io/socket/tcp". */
export type SdkTcpClass = new (options: SdkTcpOptions) => Socket;

export interface SocketParts {
  readonly Tcp: SdkTcpClass;
  readonly resolve: Resolve;
}

export function makeSocketClass({ Tcp, resolve }: SocketParts): SocketClass {
  return class extends NamedSocket {
    constructor(options: SocketOptions & Record<string, unknown>) {
      super(resolve, options, (connecting) => connectTcp(Tcp, connecting));
    }
  };
}

/**
 * The SDK's class says that a connection was lost, or never came about, and not why; and its read() throws when it is
 * asked for more than waits, or for nothing.
 */
function connectTcp(Tcp: SdkTcpClass, { host, address, port, onReadable, onWritable, onError }: Connecting): Socket {
  let isUp = false;
  let waiting = 0;
  const tcp = new Tcp({
    address,
    port,
    onReadable: (count) => {
      waiting = count;
      onReadable(count);
    },
    onWritable: (count) => {
      isUp = true;
      onWritable(count);
    },
    onError: () =>
      isUp ? onError("closed", `${host} closed the connection`) : onError("connection", `cannot reach ${host}`),
  });
  return {
    read: (buffer) => {
      const count = Math.min(buffer.length, waiting);
      waiting -= count;
      return count === 0 ? undefined : tcp.read(buffer.subarray(0, count));
    },
    write: (buffer) => tcp.write(buffer),
    close: () => tcp.close(),
  };
}

/**
 * A socket to a host by name, once `connect` has made one to its address. When it makes none, it has told an error, or
 * throws one.
 */
export class NamedSocket implements Socket {
  readonly #options: SocketOptions;
  #socket: Socket | undefined;
  #isOver = false;

  constructor(resolve: Resolve, options: SocketOptions, connect: (connecting: Connecting) => Socket | undefined) {
    this.#options = options;
    resolve(options.host, (host, address) => {
      if (this.#isOver) return;
      if (address === undefined) return this.#fail("name", `no address found for ${host}`);
      try {
        this.#socket = connect(this.#connectingTo(address));
      } catch (cause) {
        this.#fail("connection", cause instanceof Error ? cause.message : String(cause)); // no network, no memory
      }
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

  #connectingTo(address: string): Connecting {
    const { host, port, onReadable, onWritable } = this.#options;
    return {
      host,
      address,
      port,
      onReadable: (count) => !this.#isOver && onReadable(count),
      onWritable: (count) => !this.#isOver && onWritable(count),
      onError: (problem, detail) => this.#fail(problem, detail),
    };
  }

  #fail(problem: SocketProblem, detail: string): void {
    if (this.#isOver) return;
    this.close();
    this.#options.onError(problem, detail);
  }
}
