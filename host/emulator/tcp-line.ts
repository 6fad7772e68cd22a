/** The line as a TCP port: one program at a time, and bytes without a rate. */

import { createServer, type Server, type Socket } from "node:net";
import type { LineListener, RealLine } from "./real-line.js";

/** What a program that does not read may leave lying. */
const UNSENT_BYTES_MAX = 65_536;

export class TcpLine implements RealLine {
  readonly hasNoBaud = true;
  readonly address: { readonly tcp: string };
  readonly #server: Server;
  #listener: LineListener | undefined;
  #socket: Socket | undefined;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = { tcp: address };
    server.on("connection", (socket) => this.#take(socket));
  }

  /** Listens there; port 0 is one that is free. Throws what the system says. */
  static async open(host: string, port: number): Promise<TcpLine> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    const address = server.address();
    const actualPort = typeof address === "object" && address ? address.port : port;
    return new TcpLine(server, `${host}:${actualPort}`);
  }

  start(listener: LineListener): void {
    this.#listener = listener;
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket) return;
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) this.#listener?.onLost(bytes.length);
    else this.#socket.write(bytes);
  }

  setBaud(): void {}

  setPaused(isPaused: boolean): void {
    if (isPaused) this.#socket?.pause();
    else this.#socket?.resume();
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    this.#socket?.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows
    if (this.#socket || !this.#listener) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    this.#listener.onOpen(true);
    socket.on("data", (bytes) => this.#listener?.onBytes(new Uint8Array(bytes)));
    socket.once("close", () => {
      this.#socket = undefined;
      this.#listener?.onOpen(false);
    });
  }
}
