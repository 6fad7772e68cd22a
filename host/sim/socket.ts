/**
 * The Socket port of one life of a simulated ESP32: TCP, or TLS over it, to a host by name.
 *
 * As lwIP does it, a write is taken as a whole or not at all, and what is on its way takes room from the next one.
 */

import type { Socket, SocketClass, SocketOptions, SocketProblem } from "../../src/ports.js";
import { DeviceSocket, type SocketBinding } from "./device-socket.js";
import { bytesOf, throwClosed } from "./life.js";

/** TCP_SND_BUF of the SDK's sdkconfig for the ESP32-S3, the smallest. */
export const SEND_BUFFER_BYTES = 5744;

/** The class for one life. */
export function makeSocketClass(binding: SocketBinding, { secure = false } = {}): SocketClass {
  return class extends SimSocket {
    constructor(options: SocketOptions & Record<string, unknown>) {
      super(binding, secure, options);
    }
  };
}

class SimSocket implements Socket {
  readonly #life: SocketBinding["life"];
  readonly #socket: DeviceSocket;
  #isOpen = true;
  #isConnected = false;
  #room = SEND_BUFFER_BYTES;
  #waiting = 0;

  constructor(binding: SocketBinding, secure: boolean, options: SocketOptions) {
    binding.life.assertAlive();
    this.#life = binding.life;
    const { host, port } = options;
    this.#socket = new DeviceSocket(
      binding,
      { host, port, secure },
      {
        onReadable: (count) => {
          this.#waiting = count;
          options.onReadable(count);
        },
        onWritable: () => {
          this.#isConnected = true;
          options.onWritable(this.#room);
        },
        onDrained: () => {
          this.#room = SEND_BUFFER_BYTES;
          options.onWritable(this.#room);
        },
        onError: (cause) => {
          this.#isOpen = false;
          options.onError(this.#problemOf(cause, secure), messageFor(cause, host));
        },
      },
    );
  }

  read(buffer: Uint8Array): number | undefined {
    this.#assertOpen();
    const into = bytesOf(buffer);
    const count = Math.min(into.length, this.#waiting);
    if (count === 0) return undefined;
    this.#socket.read(into.subarray(0, count));
    this.#waiting -= count;
    return count;
  }

  write(buffer: Uint8Array): number {
    this.#assertOpen();
    const bytes = bytesOf(buffer);
    if (!this.#isConnected || bytes.length > this.#room) throw new Error("would block");
    this.#socket.write(bytes.slice());
    this.#room -= bytes.length;
    return this.#room;
  }

  close(): void {
    this.#life.assertAlive();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #problemOf(cause: unknown, secure: boolean): SocketProblem {
    const code = codeOf(cause);
    if (typeof cause === "string" || code === "ENOTFOUND" || code === "EAI_AGAIN") return "name";
    if (this.#isConnected && cause === undefined) return "closed";
    const isOfTls = secure && !this.#isConnected && cause instanceof Error && code === undefined;
    return isOfTls ? "certificate" : "connection";
  }

  #assertOpen(): void {
    this.#life.assertAlive();
    if (!this.#isOpen) throwClosed();
  }
}

/** Real networks give their errors one, but for those that TLS explains. */
function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

function messageFor(cause: unknown, host: string): string {
  if (typeof cause === "string") return `the name ${host} cannot be looked up`;
  return cause instanceof Error && cause.message ? cause.message : `the connection to ${host} failed or was lost`;
}
