/** The file server of host/peers on real sockets of this computer: real HTTP or HTTPS, with the same behavior record. */

import { createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import type { Clock } from "../../src/ports.js";
import type { FileServerBehavior } from "../peers/file-response.js";
import { FileServer } from "../peers/file-server.js";
import { realClock } from "./clock.js";
import { NodeTcpStream } from "./tcp-stream.js";
import { type Identity, TLS_VERSION_MIN } from "./tls.js";

/** Where all servers are. */
export const LOOPBACK = "127.0.0.1";

/** A pause of the server must not keep the process alive. */
const unheldClock: Clock = Object.freeze({
  ...realClock,
  set: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs).unref(),
});

export interface NodeFileServerOptions {
  /** By default one that is free. */
  readonly port?: number;
  /** Who the server is: it speaks TLS then, and nothing else. */
  readonly identity?: Identity;
}

export class NodeFileServer extends FileServer {
  readonly #listener: Server;
  readonly #scheme: "http" | "https";
  /** As TCP has them, also in the middle of a TLS handshake; by the port of the far end. */
  readonly #sockets = new Map<number | undefined, Socket>();

  private constructor(behavior: FileServerBehavior, identity: Identity | undefined) {
    super(unheldClock, behavior);
    this.#scheme = identity ? "https" : "http";
    this.#listener = identity
      ? createSecureServer({ ...identity, minVersion: TLS_VERSION_MIN }, (socket) => this.#take(socket))
      : createServer((socket) => this.#take(socket));
    this.#listener.on("connection", (socket) => {
      const { remotePort } = socket;
      this.#sockets.set(remotePort, socket);
      socket.once("close", () => this.#sockets.delete(remotePort));
    });
  }

  #take(socket: Socket): void {
    const carrier = this.#sockets.get(socket.remotePort) ?? socket;
    if (!this.accept(new NodeTcpStream(socket, { carrier }))) carrier.resetAndDestroy();
  }

  /** Serves at loopback only. Throws when the port is taken. */
  static async listen(
    behavior: FileServerBehavior,
    { port = 0, identity }: NodeFileServerOptions = {},
  ): Promise<NodeFileServer> {
    const server = new NodeFileServer(behavior, identity);
    await new Promise<void>((resolve, reject) => {
      server.#listener.once("error", reject);
      server.#listener.listen(port, LOOPBACK, resolve);
    });
    return server;
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** The URL of a path that begins with a slash. */
  url(path: string): string {
    return `${this.#scheme}://${LOOPBACK}:${this.port}${path}`;
  }

  /** Ends all connections, also those in the middle of a response. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const socket of this.#sockets.values()) socket.destroy();
    await closed;
  }
}
