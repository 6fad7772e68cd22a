/**
 * Values on their way from the cloud to the MCU: kept in order until the line can take them, bounded, and never longer
 * than what the MCU can hold.
 *
 * An MCU in the middle of a call, or of an update, takes nothing; a cloud does not wait. When the queue is full a value
 * that a later one of its pin has overtaken makes room, else the oldest of all: counted, for a lost command is worth
 * knowing of. So the last value of each pin stays longest, also over a restart of the MCU.
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
  /** The longest that may go at this moment: longer ones wait, and those of other pins pass them. */
  valueBytesNow(): number;
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
      this.#makeRoomFor(vpin);
    }
    this.#queue.push({ vpin, value: value.slice() });
    this.#bytes += value.length;
    this.pump();
  }

  /** Call whenever the line may have become free. */
  pump(): void {
    while (this.#queue.length > 0 && this.#options.mayDeliver()) {
      const bytesNow = this.#options.valueBytesNow();
      const index = this.#queue.findIndex(({ value }) => value.length <= bytesNow);
      const next = this.#queue[index];
      if (!next) return;
      this.#remove(index);
      // One of the same pin that was too long for now must not come after it.
      for (let at = index - 1; at >= 0; at--) if (this.#queue[at]?.vpin === next.vpin) this.#drop(at);
      this.counters.delivered++;
      this.#options.deliver(next.vpin, next.value);
    }
  }

  /** The MCU has restarted: it gets the last value of each pin, which nobody would send it again. */
  keepLast(): void {
    for (let at = this.#queue.length - 1; at >= 0; at--) if (this.#isOvertaken(at)) this.#drop(at);
  }

  /** The cloud is left with the MCU: what is set meanwhile never comes here, so what waits may be out of date. */
  clear(): void {
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #makeRoomFor(vpin: number): void {
    const overtaken = this.#queue.findIndex((change, at) => change.vpin === vpin || this.#isOvertaken(at));
    this.#drop(Math.max(0, overtaken));
  }

  #isOvertaken(index: number): boolean {
    const vpin = this.#queue[index]?.vpin;
    return this.#queue.some((later, at) => at > index && later.vpin === vpin);
  }

  #drop(index: number): void {
    this.#remove(index);
    this.counters.dropped++;
  }

  #remove(index: number): void {
    const [removed] = this.#queue.splice(index, 1);
    this.#bytes -= removed?.value.length ?? 0;
  }
}
