/**
 * `embedded:io/socket/tcp`, and the TLS socket on top of it, of one life of a simulated ESP32.
 *
 * As the SDK's lwIP socket does: what happened is noted and delivered by one task; onReadable tells all that waits,
 * and comes again only when more arrives; a lost connection is told only when nothing waits any more. The TLS socket
 * differs: it decrypts the next record only when the last one has been read, and tells of it then; and what it has
 * decrypted and nobody has read is gone when the connection breaks without a goodbye.
 */

import type { SimCpu } from "./cpu.js";
import type { Life } from "./life.js";
import type { Destination, DeviceNetwork } from "./network.js";
import type { TcpEndpoint } from "./tcp-stream.js";

export interface SocketBinding {
  readonly network: DeviceNetwork;
  /** The processor of this life; callbacks are its tasks. */
  readonly cpu: SimCpu;
  readonly life: Pick<Life, "assertAlive">;
  /** What a TLS handshake costs the processor, without a break (the SDK computes it in JavaScript). */
  readonly secureHandshakeMs?: number;
  /** Learns of each read of a file: of the body of an answer that brings one. */
  readonly onBodyRead?: (count: number) => void;
}

export interface SocketCallbacks {
  onReadable(count: number): void;
  /** Once, when connected. */
  onWritable(): void;
  /** All that was written has left. */
  onDrained?(): void;
  onError(cause: unknown): void;
}

export class DeviceSocket {
  readonly #binding: SocketBinding;
  readonly #isSecure: boolean;
  readonly #callbacks: SocketCallbacks;
  readonly #stream: TcpEndpoint;
  #isOpen = true;
  #isPosted = false;
  #isReadable = false;
  #isWritable = false;
  #isDrained = false;
  /** Of the decrypted record. */
  #unreadBytes = 0;
  #error: { readonly cause: unknown; readonly losesUnread: boolean } | undefined;

  constructor(binding: SocketBinding, destination: Destination, callbacks: SocketCallbacks) {
    this.#binding = binding;
    this.#isSecure = destination.secure;
    this.#callbacks = callbacks;
    this.#stream = binding.network.connect(destination, {
      onConnected: () => {
        this.#isWritable = true;
        this.#post();
      },
      onReceive: () => {
        this.#isReadable = true;
        this.#post();
      },
      onDrained: () => {
        if (!callbacks.onDrained) return;
        this.#isDrained = true;
        this.#post();
      },
      onEnd: (end, cause) => {
        this.#error = { cause, losesUnread: this.#isSecure && end !== "closed" };
        this.#post();
      },
    });
  }

  /** Reads exactly what the buffer holds; `undefined` when nothing waits; throws "invalid" for none or too much. */
  read(buffer: Uint8Array): number | undefined {
    const { waiting } = this.#stream;
    if (waiting === 0) return undefined;
    if (buffer.byteLength === 0 || buffer.byteLength > waiting) throw new Error("invalid");
    this.#stream.read(buffer);
    this.#unreadBytes = Math.max(0, this.#unreadBytes - buffer.byteLength);
    const isDue = this.#isReadable ? this.#unreadBytes === 0 : this.#error && this.#stream.waiting === 0;
    if (isDue) this.#binding.network.clock.set(() => this.#post(), 0);
    return buffer.byteLength;
  }

  write(bytes: Uint8Array): void {
    this.#stream.send(bytes);
  }

  close(): void {
    this.#isOpen = false;
    this.#stream.close();
  }

  #post(): void {
    if (this.#isPosted) return;
    this.#isPosted = true;
    this.#binding.cpu.run(() => this.#deliver());
  }

  #deliver(): void {
    this.#isPosted = false;
    if (this.#isOpen && this.#isWritable) {
      this.#isWritable = false;
      if (this.#isSecure) this.#binding.cpu.spend(this.#binding.secureHandshakeMs ?? 0);
      this.#callbacks.onWritable();
    }
    if (this.#isOpen && this.#isReadable && this.#unreadBytes === 0) {
      this.#isReadable = false;
      const { waiting } = this.#stream;
      if (this.#isSecure) this.#unreadBytes = waiting;
      if (waiting > 0) this.#callbacks.onReadable(waiting);
    }
    if (this.#isOpen && this.#isDrained) {
      this.#isDrained = false;
      this.#callbacks.onDrained?.();
    }
    const error = this.#error;
    if (!this.#isOpen || !error || (this.#stream.waiting > 0 && !error.losesUnread)) return;
    this.#error = undefined;
    this.#callbacks.onError(error.cause);
  }
}
