/**
 * What the LED shows: one table, for LEDs with colours and without (those keep the rhythm). As Blynk's Edgent does,
 * whose users know it.
 */

import { deepFreeze } from "../base/freeze.js";

/** The darkest that a wave gets, so that it never looks like off. */
export const WAVE_LEVEL_MIN = 4;
export const LEVEL_MAX = 255;
/** Between two looks of a wave at the LED: smooth enough for the fastest one, and cheap. */
export const WAVE_FRAME_MS = 40;

export interface Pattern {
  /** 0xRRGGBB. */
  readonly color: number;
  /** On, off, on, off ...; nothing: off for good. What a wave is for an LED without shades. */
  readonly beatMs: readonly number[];
  /** Rises and falls once in so long. */
  readonly waveMs?: number;
}

const YELLOW = 0xffff00;
const BLUE = 0x0000ff;
const GREEN = 0x00ff00;
const BLYNK_GREEN = 0x24c48e;
const MAGENTA = 0xa700ff;
const RED = 0xff0000;
/** Less blue: LEDs make too much of it. */
const WHITE = 0xffffe7;

export const LED_PATTERNS = deepFreeze({
  /** Not initialized: the MCU has not said what the product wants. */
  off: beat(0),
  idle: beat(YELLOW, 50, 2_000),
  config: beat(BLUE, 50, 500),
  connecting: beat(GREEN, 50, 500),
  connected: wave(BLYNK_GREEN, 5_000),
  upgrade: wave(MAGENTA, 5_000),
  error: beat(RED, 80, 100, 80, 1_000),
  // Of the button (button-machine.ts):
  hold: wave(WHITE, 1_000),
  "release-to-reset": beat(WHITE, 50, 200),
});

export type Indication = keyof typeof LED_PATTERNS;

/** The level of a wave, from 0 to LEVEL_MAX, so long after it began at its darkest. */
export function waveLevel(elapsedMs: number, waveMs: number, brightness: number): number {
  const darkest = Math.min(WAVE_LEVEL_MIN, brightness);
  const phaseMs = elapsedMs % waveMs;
  const halfMs = waveMs / 2;
  const risenMs = phaseMs < halfMs ? phaseMs : waveMs - phaseMs;
  return darkest + Math.round(((brightness - darkest) * risenMs) / halfMs);
}

function beat(color: number, ...beatMs: number[]): Pattern {
  return { color, beatMs };
}

function wave(color: number, waveMs: number): Pattern {
  return { color, waveMs, beatMs: [waveMs / 2, waveMs / 2] };
}
