/**
 * Makes a staged image the app of the passive slot: writes, in slices, what is not there yet, and has the chip check
 * the whole and choose it for the next boot. Nothing of it can be booted before the chip has chosen it.
 */

import { type Failure, failure, messageOf } from "../base/failure.js";
import type { Clock, TimerHandle, Update } from "../ports.js";

/** Four pages; one slice in four begins with the erase of a sector. */
const SLICE_BYTES = 1024;

export interface SlotWriterOptions {
  clock: Clock;
  /** `appBytes`: so many bytes from the first are to be written; the others lie in the slot already. */
  image: { readonly appBytes: number; read(buffer: Uint8Array, offset: number): number };
  openUpdate(): Update;
  /** Called once, later; not after close(). Without a failure, the slot boots next. */
  onEnd(failed: Failure | undefined): void;
}

export class SlotWriter {
  readonly #options: SlotWriterOptions;
  readonly #slice = new Uint8Array(SLICE_BYTES);
  #update: Update | undefined;
  #offset = 0;
  #timer: TimerHandle;

  constructor(options: SlotWriterOptions) {
    this.#options = options;
    this.#later(() => this.#open());
  }

  /** Gives up, unless the chip has chosen the slot. */
  close(): void {
    this.#options.clock.clear(this.#timer);
    this.#update?.close();
    this.#update = undefined;
  }

  #open(): void {
    this.#attempt("open the app slot", () => {
      this.#update = this.#options.openUpdate();
    });
  }

  #step(): void {
    const { image } = this.#options;
    if (this.#offset === image.appBytes) return this.#complete();
    this.#attempt("write the app slot", () => {
      const slice = this.#slice.subarray(0, Math.min(SLICE_BYTES, image.appBytes - this.#offset));
      const count = image.read(slice, this.#offset);
      if (count !== slice.length) throw new Error(`only ${count} of ${slice.length} staged bytes are there`);
      this.#update?.write(slice);
      this.#offset += count;
    });
  }

  /** Reads and checks the whole slot: one long step, which the chip's own code takes. */
  #complete(): void {
    let failed: Failure | undefined;
    try {
      this.#update?.complete();
    } catch (error) {
      const detail = `the chip did not accept the image in its app slot: ${messageOf(error)}`;
      failed = failure("install", "rejected", detail);
    }
    this.#update = undefined;
    this.#options.onEnd(failed);
  }

  #attempt(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.close();
      const offset = this.#offset;
      return this.#options.onEnd(failure("install", "storage", `cannot ${what}: ${messageOf(error)}`, offset));
    }
    this.#later(() => this.#step());
  }

  #later(work: () => void): void {
    this.#timer = this.#options.clock.set(work, 0);
  }
}
