/**
 * The MCU's processor: one thread of blocking code, as a stack of generators, and the serial driver's receive ring.
 *
 * The firmware yields only where the real one spins: while it waits for bytes, and while it is busy elsewhere (flash,
 * delays, a transmit flush). While busy nobody reads the ring: bytes pile up, and those beyond it are lost and counted.
 */

import type { TimerHandle } from "../../src/ports.js";
import type { VirtualClock } from "../sim/clock.js";

/** What happens after the firmware has ended. */
export interface Ending {
  readonly reason: string;
  /** How long the MCU stays dark before it begins to boot. */
  readonly darkMs: number;
  /** Whether it boots then. */
  readonly bootsAgain: boolean;
}

export type Wait =
  | { readonly kind: "busy"; readonly untilMs: number }
  | { readonly kind: "input"; readonly untilMs: number }
  | { readonly kind: "end"; readonly ending: Ending };

/** Why a wait is over. */
export type Wake = "time" | "input" | "signal";

/** Blocking code: `yield*` it. */
export type Task<T> = Generator<Wait, T, Wake>;

/** Blocking code that is done at once. */
export function* done<T>(value: T): Task<T> {
  const waits: Wait[] = [];
  yield* waits;
  return value;
}

export interface CoreCounters {
  /** Bytes that found the ring full. */
  ringOverflowBytes: number;
  /** Bytes that came while no firmware ran. */
  unheardBytes: number;
}

export class McuCore {
  readonly counters: CoreCounters = { ringOverflowBytes: 0, unheardBytes: 0 };
  readonly #clock: VirtualClock;
  readonly #onEnd: (ending: Ending) => void;
  readonly #ring: Uint8Array;
  #head = 0;
  #count = 0;
  #task: Task<void> | undefined;
  #wait: Wait | undefined;
  #timer: TimerHandle;

  constructor(clock: VirtualClock, ringBytes: number, onEnd: (ending: Ending) => void) {
    this.#clock = clock;
    this.#ring = new Uint8Array(ringBytes);
    this.#onEnd = onEnd;
  }

  get running(): boolean {
    return this.#task !== undefined;
  }

  now(): number {
    return this.#clock.now();
  }

  start(task: Task<void>): void {
    this.stop();
    this.#task = task;
    this.#resume("time");
  }

  /** Drops the firmware with all that it was doing. */
  stop(): void {
    this.#clock.clear(this.#timer);
    this.#task = undefined;
    this.#wait = undefined;
    this.clearInput();
  }

  // ---- from outside the firmware -------------------------------------------------------------------------------

  /** Bytes from the line. */
  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (!this.#task) {
        this.counters.unheardBytes += bytes.length - at;
        return;
      }
      const count = Math.min(bytes.length - at, this.#ring.length - this.#count);
      if (count === 0) {
        this.counters.ringOverflowBytes += bytes.length - at;
        return;
      }
      for (const end = at + count; at < end; at++) this.#putByte(bytes[at] as number);
      if (this.#wait?.kind === "input") this.#resume("input");
    }
  }

  /** Ends a wait for input: something else is to be done. Firmware that does not wait looks by itself before it does. */
  signal(): void {
    if (this.#wait?.kind === "input") this.#resume("signal");
  }

  // ---- for the firmware ----------------------------------------------------------------------------------------

  /** The next byte in the ring, or -1. */
  takeByte(): number {
    if (this.#count === 0) return -1;
    const byte = this.#ring[this.#head] as number;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#count--;
    return byte;
  }

  clearInput(): void {
    this.#count = 0;
  }

  /** The UART is not serviced meanwhile. */
  *busy(durationMs: number): Task<void> {
    if (durationMs > 0) yield { kind: "busy", untilMs: this.now() + durationMs };
  }

  *input(untilMs: number): Task<Wake> {
    return yield { kind: "input", untilMs };
  }

  /** Ends this run of the firmware; never returns. */
  *end(ending: Ending): Task<never> {
    yield { kind: "end", ending };
    throw new Error("MCU: code ran on after its end");
  }

  #putByte(byte: number): void {
    this.#ring[(this.#head + this.#count) % this.#ring.length] = byte;
    this.#count++;
  }

  #resume(wake: Wake): void {
    this.#clock.clear(this.#timer);
    this.#wait = undefined;
    const task = this.#task;
    if (!task) return;
    let step = task.next(wake);
    while (this.#count > 0 && !step.done && step.value.kind === "input") step = task.next("input");
    if (this.#task !== task) return;
    if (step.done) this.#task = undefined;
    else this.#settle(step.value);
  }

  #settle(wait: Wait): void {
    if (wait.kind === "end") {
      this.stop();
      this.#onEnd(wait.ending);
      return;
    }
    this.#wait = wait;
    if (wait.untilMs < Number.POSITIVE_INFINITY) {
      this.#timer = this.#clock.setAt(() => this.#resume("time"), wait.untilMs);
    }
  }
}
