/** The Clock port over Node's own timers. */

import type { Clock } from "../../src/ports.js";

/** Milliseconds since the process began. */
export const realClock: Clock = Object.freeze({
  now: () => performance.now(),
  set: (callback: () => void, delayMs: number) => setTimeout(callback, delayMs),
  clear: (handle: unknown) => clearTimeout(handle as NodeJS.Timeout | undefined),
});
