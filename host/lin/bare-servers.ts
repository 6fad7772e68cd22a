/** TCP and TLS servers on loopback that a test scripts byte by byte: they answer nothing by themselves. */

import { connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { createServer as createSecureServer, type TlsOptions } from "node:tls";
import { LOOPBACK } from "../node/file-server.js";

/** Within one computer, what is sent has arrived after so many turns of the event loop. */
const TURNS = 3;
/** Less than a record of TLS. */
const SLOW_BYTES = 100;
const SLOW_MS = 10;

export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, LOOPBACK, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
}

/** A port on which nobody listens. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function letArrive(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await sleep(1);
    await setImmediate();
  }
}

/** A way to a port on which the server's bytes come a few at a time. */
export async function makeSlowWay(port: number): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((client) => {
    const far = connect(port, LOOPBACK);
    client.pipe(far);
    for (const socket of [client, far]) socket.on("error", () => socket.destroy());
    client.once("close", () => far.destroy());
    void (async () => {
      for await (const bytes of far) {
        for (let at = 0; at < bytes.length && client.writable; at += SLOW_BYTES) {
          client.write(bytes.subarray(at, at + SLOW_BYTES));
          await sleep(SLOW_MS);
        }
      }
    })().catch(() => client.destroy());
  });
  return { port: await listen(server), close: () => server.close() };
}

export class BareServer {
  received = "";
  readonly #server: Server;
  readonly #onRequest: () => void;
  /** The newest, as the application and as TCP have it. */
  #connection: Socket | undefined;
  #carrier: Socket | undefined;
  #ends = 0;
  readonly #carriers = new Set<Socket>();

  private constructor(tls: TlsOptions | undefined, onRequest: () => void) {
    this.#onRequest = onRequest;
    this.#server = tls
      ? createSecureServer(tls, (socket) => this.#take(socket))
      : createServer((socket) => this.#take(socket));
    this.#server.on("connection", (carrier: Socket) => {
      this.#carrier = carrier;
      this.#carriers.add(carrier);
      carrier.setNoDelay();
      carrier.once("close", () => this.#carriers.delete(carrier));
    });
  }

  /** `onRequest`: the first bytes of a connection have come. */
  static async start(tls?: TlsOptions, onRequest = () => {}): Promise<BareServer & { readonly port: number }> {
    const server = new BareServer(tls, onRequest);
    return Object.assign(server, { port: await listen(server.#server) });
  }

  /** Forgets the connections that there were. They stay open: their ends are no part of the next test. */
  begin(): void {
    this.#connection = undefined;
    this.received = "";
  }

  reply(text: string): void {
    this.#connection?.write(text, "latin1");
  }

  hangUp(): void {
    this.#connection?.end();
  }

  /** Ends the connection as a machine does that knows nothing of it. */
  reset(): void {
    this.#carrier?.resetAndDestroy();
  }

  /** Changes with everything that happens. */
  get movement(): string {
    const { bytesRead, bytesWritten } = this.#carrier ?? { bytesRead: 0, bytesWritten: 0 };
    return [bytesRead, bytesWritten, this.#carriers.size, this.received.length, this.#ends].join(" ");
  }

  close(): void {
    this.#server.close();
    for (const carrier of this.#carriers) carrier.destroy();
  }

  #take(socket: Socket): void {
    this.#connection = socket;
    socket.once("data", () => this.#onRequest());
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
    });
    const ended = () => {
      this.#ends++;
    };
    socket.on("end", ended);
    socket.on("error", ended);
  }
}
