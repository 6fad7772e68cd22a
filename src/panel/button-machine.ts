/**
 * What presses of the user button mean, as a pure machine: (state, event) -> state and actions.
 *
 *   unready --up--> up --down--> down --up--> clicked --400 ms--> up: click
 *                                 |              '--down--> down-again --up--> up: double click
 *                                 | 1 s                          | 1 s: click
 *                                 v                              |
 *                                held <--------------------------'  long press; its release from here on: long release
 *                                 | 4 s
 *                                 v
 *                             hold-shown --10 s--> armed --15 s--> cancelled
 *                                                    '--up--> up: the configuration is reset
 *
 * Levels are settled ones (button.ts debounces); all times of a press count from its beginning, so a late timer makes
 * no later one late.
 *
 * Invariants: each long press is followed by one long release, each reset start by one of done and cancel. A button
 * that is down at the start, be it held over a restart or stuck, means nothing until it has been up. The configuration
 * is reset only by a release that was seen between 10 and 15 s: a processor that was busy over either end, and cannot
 * know, does not reset.
 */

import { deepFreeze } from "../base/freeze.js";

/** A level counts once it has lasted so long: contacts bounce for up to 20 ms, and nobody clicks faster. */
export const DEBOUNCE_MS = 30;
/** From release to press; the time that a single click is held back. As Blynk's Edgent has it. */
export const DOUBLE_CLICK_MS = 400;
export const LONG_PRESS_MS = 1_000;
/** From here on the LED shows that the hold leads somewhere (Edgent). */
export const HOLD_SHOWN_MS = 4_000;
/** Blynk's NCP: a release from here on resets the configuration, ... */
export const RESET_HOLD_MS = 10_000;
/** ... and from here on no more. Also where a stuck button ends. */
export const RESET_CANCEL_MS = 15_000;

/** What the MCU hears of. */
export type Gesture =
  | "click"
  | "double-click"
  | "long-press"
  | "long-release"
  | "reset-start"
  | "reset-cancel"
  | "reset-done";

export type ButtonAction = Gesture | "reset-config";

/** What the LED shows instead of the state while the button is down. */
export type ButtonHint = "hold" | "release-to-reset";

export type ButtonPhase =
  | "unready"
  | "up"
  | "down"
  | "clicked"
  | "down-again"
  | "held"
  | "hold-shown"
  | "armed"
  | "cancelled";

export interface ButtonState {
  readonly phase: ButtonPhase;
  /** When the button last changed its level, by the Clock. */
  readonly sinceMs: number;
}

export type ButtonEvent =
  /** `atMs`: when the level changed, before it settled. */
  | { readonly kind: "pressed" | "released"; readonly atMs: number }
  /** The phase has lasted until its deadline. */
  | { readonly kind: "timeout" };

export interface ButtonStep {
  readonly state: ButtonState;
  /** In this order. */
  readonly actions: readonly ButtonAction[];
}

interface Way {
  readonly to: ButtonPhase;
  readonly actions: readonly ButtonAction[];
}

/** What ends a phase. One that a release ends is a phase of a button that is down. */
interface Row {
  readonly pressed?: Way;
  readonly released?: Way;
  /** Counted from the last change of the level. */
  readonly timeoutMs?: number;
  readonly timeout?: Way;
  readonly hint?: ButtonHint;
}

export const UNREADY: ButtonState = Object.freeze({ phase: "unready", sinceMs: 0 });

const NO_ACTIONS: readonly ButtonAction[] = Object.freeze([]);

const LATE_RELEASE: Way = deepFreeze({ to: "up", actions: ["reset-cancel", "long-release"] });

const ROWS: Readonly<Record<ButtonPhase, Row>> = deepFreeze({
  unready: {
    released: { to: "up", actions: [] },
  },
  up: {
    pressed: { to: "down", actions: [] },
  },
  down: {
    released: { to: "clicked", actions: [] },
    timeoutMs: LONG_PRESS_MS,
    timeout: { to: "held", actions: ["long-press"] },
  },
  clicked: {
    pressed: { to: "down-again", actions: [] },
    timeoutMs: DOUBLE_CLICK_MS,
    timeout: { to: "up", actions: ["click"] },
  },
  "down-again": {
    released: { to: "up", actions: ["double-click"] },
    timeoutMs: LONG_PRESS_MS,
    timeout: { to: "held", actions: ["click", "long-press"] },
  },
  held: {
    released: { to: "up", actions: ["long-release"] },
    timeoutMs: HOLD_SHOWN_MS,
    timeout: { to: "hold-shown", actions: [] },
  },
  "hold-shown": {
    hint: "hold",
    released: { to: "up", actions: ["long-release"] },
    timeoutMs: RESET_HOLD_MS,
    timeout: { to: "armed", actions: ["reset-start"] },
  },
  armed: {
    hint: "release-to-reset",
    released: { to: "up", actions: ["long-release", "reset-config", "reset-done"] },
    timeoutMs: RESET_CANCEL_MS,
    timeout: { to: "cancelled", actions: ["reset-cancel"] },
  },
  cancelled: {
    released: { to: "up", actions: ["long-release"] },
  },
});

export function stepButton(state: ButtonState, event: ButtonEvent): ButtonStep {
  const way = wayOf(state, event);
  if (!way) return { state, actions: NO_ACTIONS };
  const sinceMs = event.kind === "timeout" ? state.sinceMs : event.atMs;
  return { state: { phase: way.to, sinceMs }, actions: way.actions };
}

/** When the phase ends by itself, if it does. */
export function deadlineOf({ phase, sinceMs }: ButtonState): number | undefined {
  const { timeoutMs } = ROWS[phase];
  return timeoutMs === undefined ? undefined : sinceMs + timeoutMs;
}

export function isDown({ phase }: ButtonState): boolean {
  return ROWS[phase].released !== undefined;
}

export function hintOf({ phase }: ButtonState): ButtonHint | undefined {
  return ROWS[phase].hint;
}

function wayOf({ phase, sinceMs }: ButtonState, event: ButtonEvent): Way | undefined {
  if (event.kind === "released" && phase === "armed" && event.atMs - sinceMs >= RESET_CANCEL_MS) return LATE_RELEASE;
  return ROWS[phase][event.kind];
}
