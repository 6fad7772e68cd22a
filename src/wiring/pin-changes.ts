/**
 * Values on their way from the cloud to the MCU: kept in order until the line can take them, bounded, and never longer
 * than what the MCU can hold.
 *
 * An MCU in the middle of a call, or of an update, takes nothing; a cloud does not wait. When the queue is full the
 * oldest value of the same pin makes room, else the oldest of all: counted, for a lost command is worth knowing of.
 */

export const PIN_CHANGES_MAX = 32;
export const PIN_CHANGE_BYTES_MAX = 4 * 1024;

export interface PinChangeCounters {
  delivered: number;
  /** Made room for newer ones. */
  dropped: number;
  /** Longer than the MCU can take. */
  tooLong: number;
}

export interface PinChangesOptions {
  /** The line is free for one more, and the MCU wants to hear of it. */
  mayDeliver(): boolean;
  /** The longest value that the MCU is known to have room for. */
  valueBytesMax(): number;
  deliver(vpin: number, value: Uint8Array): void;
}

interface Change {
  readonly vpin: number;
  readonly value: Uint8Array;
}

export class PinChanges {
  readonly #options: PinChangesOptions;
  readonly #queue: Change[] = [];
  #bytes = 0;
  readonly counters: PinChangeCounters = { delivered: 0, dropped: 0, tooLong: 0 };

  constructor(options: PinChangesOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Copies the value. */
  add(vpin: number, value: Uint8Array): void {
    if (value.length > Math.min(this.#options.valueBytesMax(), PIN_CHANGE_BYTES_MAX)) {
      this.counters.tooLong++;
      return;
    }
    while (this.#queue.length >= PIN_CHANGES_MAX || this.#bytes + value.length > PIN_CHANGE_BYTES_MAX) {
      this.#dropFor(vpin);
    }
    this.#queue.push({ vpin, value: value.slice() });
    this.#bytes += value.length;
    this.pump();
  }

  /** Call whenever the line may have become free. */
  pump(): void {
    while (this.#queue.length > 0 && this.#options.mayDeliver()) {
      const { vpin, value } = this.#queue.shift() as Change;
      this.#bytes -= value.length;
      this.counters.delivered++;
      this.#options.deliver(vpin, value);
    }
  }

  /** The MCU has restarted: what it was to be told is of its earlier life; the cloud syncs anew. */
  clear(): void {
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #dropFor(vpin: number): void {
    const samePin = this.#queue.findIndex((change) => change.vpin === vpin);
    const [dropped] = this.#queue.splice(Math.max(0, samePin), 1);
    this.#bytes -= dropped?.value.length ?? 0;
    this.counters.dropped++;
  }
}
