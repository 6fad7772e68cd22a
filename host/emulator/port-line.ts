/**
 * The line as a serial port of this computer, with a real MCU behind it. The port is Ferry's own UART: it takes the rate
 * that Ferry's has, once everything that was sent at the old one has left.
 */

import { messageOf } from "../../src/base/failure.js";
import type { LineListener, RealLine } from "./real-line.js";

/** What this needs of a SerialPort. */
interface Port {
  write(bytes: Uint8Array): boolean;
  drain(callback: (error: Error | null) => void): void;
  update(options: { baudRate: number }, callback: (error: Error | null) => void): void;
  pause(): unknown;
  resume(): unknown;
  close(callback: () => void): void;
  readonly isOpen: boolean;
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export class PortLine implements RealLine {
  readonly hasNoBaud = true;
  readonly address: { readonly port: string };
  readonly #port: Port;
  #listener: LineListener | undefined;
  #baud: number;
  /** Writes and changes of the rate, one after the other. */
  #last: Promise<void> = Promise.resolve();

  private constructor(port: Port, path: string, baud: number) {
    this.#port = port;
    this.#baud = baud;
    this.address = { port: path };
    port.on("data", (bytes) => this.#listener?.onBytes(new Uint8Array(bytes)));
    port.on("error", (error) => this.#fail(messageOf(error)));
    port.on("close", () => this.#fail("it is gone"));
  }

  /** Throws an Error for people when the port cannot be opened. */
  static async open(path: string, baud: number): Promise<PortLine> {
    const { SerialPort } = await import("serialport");
    const port = await new Promise<Port>((resolve, reject) => {
      const opened = new SerialPort({ path, baudRate: baud }, (error) => (error ? reject(error) : resolve(opened)));
    });
    return new PortLine(port, path, baud);
  }

  start(listener: LineListener): void {
    this.#listener = listener;
    listener.onOpen(true);
  }

  write(bytes: Uint8Array): void {
    this.#then(async () => {
      this.#port.write(bytes);
    });
  }

  setBaud(baud: number): void {
    if (baud === this.#baud) return;
    this.#baud = baud;
    this.#then(async () => {
      await this.#ask((done) => this.#port.drain(done));
      await this.#ask((done) => this.#port.update({ baudRate: baud }, done));
    });
  }

  setPaused(isPaused: boolean): void {
    if (isPaused) this.#port.pause();
    else this.#port.resume();
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    await this.#last;
    if (this.#port.isOpen) await new Promise<void>((resolve) => this.#port.close(resolve));
  }

  #then(action: () => Promise<void>): void {
    this.#last = this.#last.then(action).catch((error) => this.#fail(messageOf(error)));
  }

  #ask(request: (done: (error: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => request((error) => (error ? reject(error) : resolve())));
  }

  #fail(problem: string): void {
    this.#listener?.onFailure(`${this.address.port}: ${problem}`);
    this.#listener = undefined;
  }
}
