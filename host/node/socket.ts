/**
 * The Socket port over the sockets of this computer, in real time: TCP, or TLS that trusts whom it is told to. It behaves
 * as the SDK's does, and as the simulated one (host/sim/socket.ts): a write is taken as a whole or not at all, and the
 * end of a connection is told when nothing waits to be read any more.
 */

import { connect, isIP, type Socket as TcpSocket } from "node:net";
import { connect as connectSecurely, type SecureContext } from "node:tls";
import type { Socket, SocketClass, SocketOptions, SocketProblem } from "../../src/ports.js";
import { SEND_BUFFER_BYTES } from "../sim/socket.js";
import type { StreamEnd } from "../sim/tcp-stream.js";
import { NodeTcpStream } from "./tcp-stream.js";
import { type Authority, explainTlsError, secureContextFor } from "./tls.js";

export interface NodeSocketClassOptions {
  /** With it, TLS: who may vouch for a server; `rootCertificates` of node:tls are those of the web. */
  readonly trust?: readonly Authority[];
  /** Calls back, now or later and in order, with each event of a socket: a simulated clock wants to know first. */
  readonly tell?: (event: () => void) => void;
}

/** Throws when what is to be trusted is no certificate. */
export function makeNodeSocketClass({ trust, tell }: NodeSocketClassOptions = {}): SocketClass {
  const secureContext = trust && secureContextFor(trust);
  return class extends NodeSocket {
    constructor(options: SocketOptions & Record<string, unknown>) {
      super(options, secureContext, tell);
    }
  };
}

class NodeSocket implements Socket {
  readonly #options: SocketOptions;
  readonly #stream: NodeTcpStream;
  #isOpen = true;
  #isConnected = false;
  #room = SEND_BUFFER_BYTES;
  #end: { readonly how: StreamEnd; readonly cause: unknown } | undefined;

  constructor(
    options: SocketOptions,
    secureContext: SecureContext | undefined,
    tell: ((event: () => void) => void) | undefined,
  ) {
    this.#options = options;
    const { host } = options;
    this.#stream = new NodeTcpStream(open(options, secureContext), {
      ...(tell ? { tell } : {}),
      ...(secureContext ? { explain: (error) => explainTlsError(error, host) } : {}),
    });
    this.#stream.handlers = {
      onConnected: () => {
        if (!this.#isOpen) return;
        this.#isConnected = true;
        options.onWritable(this.#room);
      },
      onReceive: () => this.#isOpen && options.onReadable(this.#stream.waiting),
      onDrained: () => {
        if (!this.#isOpen) return;
        this.#room = SEND_BUFFER_BYTES;
        options.onWritable(this.#room);
      },
      onEnd: (how, cause) => {
        this.#end = { how, cause };
        this.#tellEnd();
      },
    };
  }

  read(buffer: Uint8Array): number | undefined {
    this.#assertOpen();
    const count = this.#stream.read(buffer);
    // Not from inside a call of Ferry's.
    if (this.#end && this.#stream.waiting === 0) setImmediate(() => this.#tellEnd());
    return count === 0 ? undefined : count;
  }

  write(buffer: Uint8Array): number {
    this.#assertOpen();
    if (!this.#isConnected || buffer.length > this.#room) throw new Error("would block");
    this.#stream.send(buffer.slice());
    this.#room -= buffer.length;
    return this.#room;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stream.close();
  }

  #tellEnd(): void {
    if (!this.#isOpen || !this.#end || this.#stream.waiting > 0) return;
    this.#isOpen = false;
    const { how, cause } = this.#end;
    const error = cause instanceof Error ? cause : undefined;
    const { host, port } = this.#options;
    const detail = error?.message ?? `${host}:${port} closed the connection`;
    this.#options.onError(this.#isConnected ? problemOfEnd(how) : problemOf(error), detail);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new Error("closed");
  }
}

function open({ host, port }: SocketOptions, secureContext: SecureContext | undefined): TcpSocket {
  // Without a family, Node would try several addresses in turn, which the chip does not.
  const target = { host, port, family: 4 };
  if (!secureContext) return connect(target);
  return connectSecurely({
    ...target,
    secureContext,
    // Said aloud, for the environment can change the default.
    rejectUnauthorized: true,
    // TLS has no way to ask for an address by name; the certificate has to be for the address then.
    ...(isIP(host) ? {} : { servername: host }),
  });
}

function problemOfEnd(how: StreamEnd): SocketProblem {
  return how === "closed" ? "closed" : "connection";
}

interface NodeError extends Error {
  readonly code?: string;
}

/** Of a connection that never stood. What TLS has to say comes with the error as Node gave it for a cause. */
function problemOf(error: NodeError | undefined): SocketProblem {
  const { code = "" } = (error?.cause as NodeError | undefined) ?? error ?? {};
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "name";
  return /CERT|SELF_SIGNED|UNABLE_TO/.test(code) ? "certificate" : "connection";
}
