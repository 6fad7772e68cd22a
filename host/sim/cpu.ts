/**
 * The time that a simulated processor takes.
 *
 * All code of one device runs as tasks, one at a time, as an event loop runs them. Work that blocks the real chip
 * (erasing, programming, engine steps where they are modelled) is charged with spend(): the code goes on at once, but
 * the device's own clock has moved, and the next task starts only when the charged time has passed.
 */

import type { Clock, TimerHandle } from "../../src/ports.js";
import type { VirtualClock } from "./clock.js";
import { PowerCut } from "./power.js";

export class SimCpu {
  readonly #clock: VirtualClock;
  #busyUntilMs = 0;
  #inTask = false;
  #alive = true;
  #waiting: (() => void)[] = [];
  #wakeUpSet = false;
  /** The longest time that one task has held the processor. */
  longestTaskMs = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The device's own time: ahead of the world's while a task has charged work. */
  now(): number {
    return Math.max(this.#clock.now(), this.#busyUntilMs);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Charges blocking work to the running task. */
  spend(durationMs: number): void {
    this.#busyUntilMs = this.now() + durationMs;
  }

  /** Runs the task as soon as the processor is free: at once when it is. Tasks keep their order. */
  run(task: () => void): void {
    if (!this.#alive) return;
    this.#waiting.push(task);
    this.#drain();
  }

  /** Ends this life: waiting and later tasks are dropped. */
  kill(): void {
    this.#alive = false;
    this.#waiting = [];
  }

  #drain(): void {
    if (this.#inTask) return;
    while (this.#alive && this.#waiting.length > 0) {
      if (this.#busyUntilMs > this.#clock.now()) {
        this.#wakeUp();
        return;
      }
      const task = this.#waiting.shift();
      if (task) this.#perform(task);
    }
  }

  #perform(task: () => void): void {
    const startMs = this.#clock.now();
    this.#inTask = true;
    try {
      task();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.kill();
    } finally {
      this.#inTask = false;
    }
    this.longestTaskMs = Math.max(this.longestTaskMs, this.#busyUntilMs - startMs);
  }

  #wakeUp(): void {
    if (this.#wakeUpSet) return;
    this.#wakeUpSet = true;
    this.#clock.setAt(() => {
      this.#wakeUpSet = false;
      this.#drain();
    }, this.#busyUntilMs);
  }
}

/** The Clock port of one life of a device: counts from its boot, and fires timers as tasks of its processor. */
export class DeviceClock implements Clock {
  readonly #clock: VirtualClock;
  readonly #cpu: SimCpu;
  readonly #bootMs: number;

  constructor(clock: VirtualClock, cpu: SimCpu) {
    this.#clock = clock;
    this.#cpu = cpu;
    this.#bootMs = clock.now();
  }

  now(): number {
    return this.#cpu.now() - this.#bootMs;
  }

  set(callback: () => void, delayMs: number): TimerHandle {
    const timer = { cleared: false, inner: undefined as TimerHandle };
    const fire = () => {
      if (!timer.cleared) callback();
    };
    timer.inner = this.#clock.setAt(() => this.#cpu.run(fire), this.#cpu.now() + Math.max(0, delayMs));
    return timer;
  }

  clear(handle: TimerHandle | undefined): void {
    const timer = handle as { cleared: boolean; inner: TimerHandle } | undefined;
    if (!timer) return;
    timer.cleared = true;
    this.#clock.clear(timer.inner);
  }
}
