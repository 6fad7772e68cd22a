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
  onStall: ((startMs: number, durationMs: number) => void) | undefined;

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

  /**
   * Charges a flash operation. While it lasts nothing runs that lies in flash, on no task of the chip: who models more of
   * them than the engine's hears of it.
   */
  stall(durationMs: number): void {
    this.onStall?.(this.now(), durationMs);
    this.spend(durationMs);
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

interface DeviceTimer {
  readonly sequence: number;
  callback: (() => void) | undefined;
  /** In the world's clock. */
  handle: TimerHandle;
}

/**
 * The Clock port of one life of a device: counts from its boot, and fires timers in tasks of its processor. As the
 * SDK's timer.c does on the ESP32, it serves all timers that are due by then in one task, in the order in which they
 * were set: after a long step of the processor that is not the order of the times due.
 */
export class DeviceClock implements Clock {
  readonly #clock: VirtualClock;
  readonly #cpu: SimCpu;
  readonly #bootMs: number;
  #sequence = 0;
  #due: DeviceTimer[] = [];
  #isPosted = false;
  readonly #live = new Set<DeviceTimer>();

  constructor(clock: VirtualClock, cpu: SimCpu) {
    this.#clock = clock;
    this.#cpu = cpu;
    this.#bootMs = clock.now();
  }

  now(): number {
    return this.#cpu.now() - this.#bootMs;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#live.size;
  }

  /** The life is over: the world's clock need not keep what it would only throw away. */
  clearAll(): void {
    for (const timer of this.#live) this.clear(timer);
  }

  set(callback: () => void, delayMs: number): TimerHandle {
    const timer: DeviceTimer = { sequence: this.#sequence++, callback, handle: undefined };
    timer.handle = this.#clock.setAt(() => this.#onDue(timer), this.#cpu.now() + Math.max(0, delayMs));
    this.#live.add(timer);
    return timer;
  }

  clear(handle: TimerHandle | undefined): void {
    const timer = handle as DeviceTimer | undefined;
    if (!timer?.callback) return;
    timer.callback = undefined;
    this.#live.delete(timer);
    this.#clock.clear(timer.handle);
  }

  #onDue(timer: DeviceTimer): void {
    this.#due.push(timer);
    if (this.#isPosted) return;
    this.#isPosted = true;
    this.#cpu.run(() => this.#serve());
  }

  #serve(): void {
    this.#isPosted = false;
    const due = this.#due.sort((a, b) => a.sequence - b.sequence);
    this.#due = [];
    for (const timer of due) {
      const { callback } = timer;
      if (!this.#cpu.alive || !callback) continue;
      timer.callback = undefined;
      this.#live.delete(timer);
      callback();
    }
  }
}
