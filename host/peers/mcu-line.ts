/**
 * The UART as the Primary MCU's firmware sees it: bytes out, bytes in, a baud that it may change at any time.
 *
 * The MCU's own serial driver (its receive ring and what overflows it) is not the line's business: mcu-core.ts has it.
 */

import type { UartEnd } from "../sim/uart.js";

export interface McuLine {
  /** Takes any number of bytes, at once; they leave in order at the current baud. */
  write(bytes: Uint8Array): void;
  /** Set by the MCU: called with bytes as they arrive. They are the callee's to keep. */
  onBytes: (bytes: Uint8Array) => void;
  /** Opens the UART at this baud, again if it is open: what was still under way in its FIFOs is lost. */
  setBaud(baud: number): void;
  /** The baud last set. */
  readonly baud: number;
  /** Closes the UART, as a reset does. */
  close(): void;
}

/** The line over one end of the simulated UART pair. The end is closed until the MCU opens it. */
export function mcuLineOf(end: UartEnd): McuLine {
  const readBuffer = new Uint8Array(256);
  let unsent: Uint8Array[] = [];
  const drain = () => {
    // The bytes may make the MCU close its UART.
    for (let count = end.read(readBuffer); count !== undefined; count = end.isOpen ? end.read(readBuffer) : undefined) {
      line.onBytes(readBuffer.slice(0, count));
    }
  };
  const pump = () => {
    for (let next = unsent[0]; next && end.free() > 0; next = unsent[0]) {
      const count = Math.min(end.free(), next.length);
      unsent = count < next.length ? [next.subarray(count), ...unsent.slice(1)] : unsent.slice(1);
      end.write(next.subarray(0, count));
    }
  };
  let baud = 0;
  const line = {
    onBytes: (_bytes: Uint8Array) => {},
    get baud(): number {
      return baud;
    },
    write(bytes: Uint8Array): void {
      if (!end.isOpen || bytes.length === 0) return;
      unsent.push(bytes);
      pump();
    },
    setBaud(newBaud: number): void {
      line.close();
      baud = newBaud;
      end.open(newBaud, { onReceive: drain, onTransmitLow: pump });
    },
    close(): void {
      unsent = [];
      end.close();
    },
  };
  return line;
}
