/**
 * Guest code: the serial port over the SDK's serial module for Linux, on a terminal device.
 *
 * That module is made to another measure than the ESP32's, and what differs is evened out here: it announces waiting
 * bytes as long as they wait, reads into buffers of its own, writes ArrayBuffers only, has no "output full" of that
 * name, takes any baud and opens a device twice, keeps unread bytes for whoever opens next, and crashes when used after
 * close(). What callbacks throw it swallows.
 */

import SdkSerial from "embedded:io/serial";
import type { Serial, SerialClass, SerialOptions } from "../../../src/ports.js";

/** What the module takes at a time. */
const OUTPUT_BYTES = 1024;
const BAUD_MAX = 20_000_000;

interface LinuxSerial {
  read(count: number): ArrayBuffer | undefined;
  write(bytes: ArrayBuffer): void;
  close(): void;
}

type LinuxSerialClass = new (options: SerialOptions & { device: string }) => LinuxSerial;

/** The class for one device. */
export function makePtySerialClass(device: string): SerialClass {
  let isTaken = false;

  return class PtySerial implements Serial {
    #port: LinuxSerial | undefined;
    /** Announced, and not read since. */
    #told = 0;

    constructor({ baud, onReadable, onWritable }: SerialOptions) {
      if (!(baud > 0 && baud <= BAUD_MAX)) throw new RangeError("invalid baud");
      if (isTaken) throw new Error("port in use");
      this.#port = new (SdkSerial as unknown as LinuxSerialClass)({
        device,
        baud,
        onReadable: (count) => {
          if (count === this.#told) return;
          this.#told = count;
          onReadable(count);
        },
        onWritable: (count) => {
          if (this.#port) onWritable(count);
        },
      });
      isTaken = true;
      while (this.#port.read(OUTPUT_BYTES));
    }

    read(buffer: Uint8Array): number | undefined {
      const bytes = this.#open.read(lengthOf(buffer));
      if (!bytes) return undefined;
      this.#told = 0;
      buffer.set(new Uint8Array(bytes));
      return bytes.byteLength;
    }

    write(buffer: Uint8Array): void {
      const port = this.#open;
      if (lengthOf(buffer) > OUTPUT_BYTES) throw new Error("output full");
      port.write(buffer.slice().buffer);
    }

    close(): void {
      if (!this.#port) return;
      this.#port.close();
      this.#port = undefined;
      isTaken = false;
    }

    get #open(): LinuxSerial {
      if (!this.#port) throw new SyntaxError("the port is closed");
      return this.#port;
    }
  };
}

function lengthOf(buffer: unknown): number {
  if (!(buffer instanceof Uint8Array)) throw new TypeError("invalid buffer");
  return buffer.length;
}
