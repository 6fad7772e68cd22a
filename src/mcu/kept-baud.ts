/**
 * The baud that Ferry and its MCU last agreed on, kept over Ferry's restarts: an MCU that did not notice one still talks
 * at it. Four bytes, little-endian. It is a hint and no more: without it, or with a wrong one, MCUs are found later.
 *
 * Bounds: written only when it changes, and so often in one life at most, for an MCU that changes its baud for ever must
 * not wear the flash out.
 */

import { ByteReader } from "../base/bytes.js";
import { messageOf } from "../base/failure.js";
import type { KeyValueDomain } from "../ports.js";

export const BAUD_KEY = "baud";
/** An MCU whose boot loader has a baud of its own changes twice in each update. */
export const BAUD_WRITES_MAX = 32;

const BAUD_BYTES = 4;

export interface KeptBaudOptions {
  domain: Pick<KeyValueDomain, "read" | "write">;
  onFault(detail: string): void;
}

export class KeptBaud {
  readonly #options: KeptBaudOptions;
  #baud: number | undefined;
  #writesLeft = BAUD_WRITES_MAX;

  constructor(options: KeptBaudOptions) {
    this.#options = options;
    this.#baud = this.#read();
  }

  /** `undefined` when none was ever agreed on, or it cannot be read. */
  get baud(): number | undefined {
    return this.#baud;
  }

  keep(baud: number): void {
    if (baud === this.#baud || this.#writesLeft === 0) return;
    this.#baud = baud;
    this.#writesLeft--;
    const bytes = new Uint8Array(BAUD_BYTES);
    new DataView(bytes.buffer).setUint32(0, baud, true);
    try {
      this.#options.domain.write(BAUD_KEY, bytes);
    } catch (error) {
      this.#options.onFault(`cannot store the MCU's baud: ${messageOf(error)}`);
    }
  }

  #read(): number | undefined {
    try {
      const value = this.#options.domain.read(BAUD_KEY);
      if (value?.byteLength !== BAUD_BYTES) return undefined;
      return new ByteReader(new Uint8Array(value)).u32();
    } catch (error) {
      this.#options.onFault(`cannot read the MCU's baud: ${messageOf(error)}`);
      return undefined;
    }
  }
}
