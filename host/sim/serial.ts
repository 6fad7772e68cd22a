/**
 * `embedded:io/serial` of one life of a simulated ESP32: the SDK's serial.c over a simulated UART.
 *
 * As there: interrupts only note what happened and post one delivery, which runs as a task when the processor is
 * free; the receive interrupt stays off from then until a read() or the end of the delivery. There is no buffer but
 * the FIFOs, so a processor that stays away too long loses bytes, and learns nothing of it.
 */

import type { Serial, SerialClass, SerialOptions } from "../../src/ports.js";
import type { SimCpu } from "./cpu.js";
import { bytesOf, type Life, throwClosed } from "./life.js";
import type { UartEnd } from "./uart.js";

const BAUD_MAX = 20_000_000;

export interface SerialBinding {
  readonly end: UartEnd;
  /** The processor of this life; callbacks are its tasks. */
  readonly cpu: SimCpu;
  readonly life: Pick<Life, "assertAlive">;
}

/** The class for one life. A life begins with a reset, so an earlier life's port is closed and its FIFOs are empty. */
export function makeSerialClass(binding: SerialBinding): SerialClass {
  binding.end.close();
  return class extends SimSerial {
    constructor(options: SerialOptions & Record<string, unknown>) {
      super(binding, options);
    }
  };
}

class SimSerial implements Serial {
  readonly #binding: SerialBinding;
  readonly #onReadable: SerialOptions["onReadable"];
  readonly #onWritable: SerialOptions["onWritable"];
  #isOpen = false;
  #isReadable = false;
  #isWritable = false;
  #isPosted = false;

  constructor(binding: SerialBinding, options: SerialOptions & Record<string, unknown>) {
    this.#binding = binding;
    this.#onReadable = options.onReadable;
    this.#onWritable = options.onWritable;
    binding.life.assertAlive();
    const baud = Math.trunc(Number(options.baud));
    if (!(baud > 0 && baud <= BAUD_MAX)) throw new RangeError("invalid baud");
    if ((options.format ?? "buffer") !== "buffer") throw new RangeError("invalid format");
    if (binding.end.isOpen) throw new RangeError("port in use");
    const handlers = {
      onReceive: () => this.#interrupt("receive"),
      onTransmitLow: () => this.#interrupt("transmit"),
    };
    binding.end.open(baud, handlers, binding.cpu.now());
    this.#isOpen = true;
  }

  read(buffer: Uint8Array): number | undefined {
    this.#assertOpen();
    const { end, cpu } = this.#binding;
    if (end.waiting() === 0) return undefined;
    const into = bytesOf(buffer);
    if (into.length === 0) throw new Error("invalid");
    return end.read(into, cpu.now());
  }

  write(buffer: Uint8Array): void {
    this.#assertOpen();
    const { end, cpu } = this.#binding;
    end.write(bytesOf(buffer), cpu.now());
  }

  close(): void {
    this.#binding.life.assertAlive();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#binding.end.close(this.#binding.cpu.now());
  }

  #interrupt(cause: "receive" | "transmit"): void {
    if (cause === "receive") this.#isReadable = true;
    else this.#isWritable = true;
    if (this.#isPosted) return;
    this.#isPosted = true;
    this.#binding.cpu.run(() => this.#deliver());
  }

  #deliver(): void {
    const { end, cpu } = this.#binding;
    this.#isPosted = false;
    if (this.#isOpen && this.#isReadable) {
      this.#isReadable = false;
      const count = end.announce();
      if (count > 0) this.#onReadable.call(this, count);
      if (this.#isOpen) end.armReceive(cpu.now());
    }
    if (this.#isOpen && this.#isWritable) {
      this.#isWritable = false;
      const count = end.free(cpu.now());
      if (count > 0) this.#onWritable.call(this, count);
    }
  }

  #assertOpen(): void {
    this.#binding.life.assertAlive();
    if (!this.#isOpen) throwClosed();
  }
}
