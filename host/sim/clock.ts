/**
 * Virtual time: one clock for the device, its peers and the wires between them.
 *
 * Nothing here waits. Time moves only when a test (or the demo) runs the clock, and it jumps from one due timer to
 * the next, so that a day passes in milliseconds and a run repeats exactly. Timers due at the same moment fire in the
 * order in which they were set.
 */

import type { Clock, TimerHandle } from "../../src/ports.js";

interface Timer {
  readonly dueMs: number;
  readonly sequence: number;
  callback: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  /** A binary heap, earliest timer first. Cleared timers stay until they come up. */
  readonly #heap: Timer[] = [];
  #live = 0;

  now(): number {
    return this.#nowMs;
  }

  /** How many timers are pending. */
  get pending(): number {
    return this.#live;
  }

  set(callback: () => void, delayMs: number): TimerHandle {
    return this.setAt(callback, this.#nowMs + Math.max(0, delayMs));
  }

  /** Like set(), with an absolute time; a time in the past means "as soon as the clock runs". */
  setAt(callback: () => void, dueMs: number): TimerHandle {
    const timer: Timer = { dueMs: Math.max(this.#nowMs, dueMs), sequence: this.#sequence++, callback };
    this.#live++;
    this.#push(timer);
    return timer;
  }

  clear(handle: TimerHandle | undefined): void {
    const timer = handle as Timer | undefined;
    if (!timer?.callback) return;
    timer.callback = undefined;
    this.#live--;
  }

  /** When the next timer is due, or `undefined` when nothing is pending. */
  nextDueMs(): number | undefined {
    for (let head = this.#heap[0]; head; head = this.#heap[0]) {
      if (head.callback) return head.dueMs;
      this.#pop();
    }
    return undefined;
  }

  /** Fires the next due timer; returns false when nothing is due up to `untilMs`. */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const dueMs = this.nextDueMs();
    if (dueMs === undefined || dueMs > untilMs) return false;
    const timer = this.#pop();
    this.#nowMs = dueMs;
    const callback = timer?.callback;
    if (!timer || !callback) return false;
    timer.callback = undefined;
    this.#live--;
    callback();
    return true;
  }

  /** Lets `durationMs` pass. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    while (this.step(untilMs));
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Runs until the condition holds; throws when `limitMs` pass, or everything falls silent, without it. */
  runUntil(condition: () => boolean, limitMs: number, what = "the condition"): void {
    const untilMs = this.#nowMs + limitMs;
    while (!condition()) {
      if (this.step(untilMs)) continue;
      const reason = this.nextDueMs() === undefined ? "nothing is pending any more" : `${limitMs} ms passed`;
      throw new Error(`virtual clock: ${reason} and ${what} did not come true (now ${this.#nowMs} ms)`);
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex] as Timer;
      if (!earlier(timer, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= heap.length) break;
      const right = heap[childIndex + 1];
      if (right && earlier(right, heap[childIndex] as Timer)) childIndex++;
      const child = heap[childIndex] as Timer;
      if (!earlier(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return first;
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
