/** The file server of host/peers on real sockets of this computer: real HTTP, with the same behavior record. */

import { createServer, type Server } from "node:net";
import type { Clock } from "../../src/ports.js";
import type { FileServerBehavior } from "../peers/file-response.js";
import { FileServer } from "../peers/file-server.js";
import { realClock } from "./clock.js";
import { NodeTcpStream } from "./tcp-stream.js";

const LOOPBACK = "127.0.0.1";

/** A pause of the server must not keep the process alive. */
const unheldClock: Clock = Object.freeze({
  ...realClock,
  set: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs).unref(),
});

export class NodeFileServer extends FileServer {
  readonly #listener: Server;
  readonly #streams = new Set<NodeTcpStream>();

  private constructor(behavior: FileServerBehavior) {
    super(unheldClock, behavior);
    this.#listener = createServer((socket) => {
      const stream = new NodeTcpStream(socket);
      this.#streams.add(stream);
      socket.once("close", () => this.#streams.delete(stream));
      if (!this.accept(stream)) socket.resetAndDestroy();
    });
  }

  /** Serves at loopback only, by default at a port that is free. Throws when the port is taken. */
  static async listen(behavior: FileServerBehavior, port = 0): Promise<NodeFileServer> {
    const server = new NodeFileServer(behavior);
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
    return `http://${LOOPBACK}:${this.port}${path}`;
  }

  /** Ends all connections, also those in the middle of a response. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const stream of this.#streams) stream.close();
    await closed;
  }
}
