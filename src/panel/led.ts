/**
 * Plays the pattern of what is to be seen on the light that is attached, if one is.
 *
 * Cost: a timer runs only while something moves. A beat takes one at each change; a wave one each WAVE_FRAME_MS at most,
 * less often where fewer levels are between its ends. Nothing is allocated besides the timers.
 */

import type { Clock, TimerHandle } from "../ports.js";
import type { ButtonHint } from "./button-machine.js";
import {
  type Indication,
  LED_PATTERNS,
  LEVEL_MAX,
  type Pattern,
  WAVE_FRAME_MS,
  WAVE_LEVEL_MIN,
  waveLevel,
} from "./led-patterns.js";
import type { Light } from "./lights.js";

export class Led {
  readonly #clock: Clock;
  readonly #onTimer = () => this.#advance();
  #light: Light | undefined;
  #indication: Indication = "off";
  #hint: ButtonHint | undefined;
  #brightness = LEVEL_MAX;
  #pattern: Pattern = LED_PATTERNS.off;
  #startedAtMs = 0;
  /** Place in the beat. */
  #index = 0;
  #frameMs = 0;
  #timer: TimerHandle;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on plays on this light; `undefined`: on none. Closing the one before is the owner's. */
  attach(light: Light | undefined): void {
    this.#light = light;
    this.#restart();
  }

  /** Showing what is shown keeps the rhythm. */
  show(indication: Indication): void {
    this.#indication = indication;
    this.#choose();
  }

  /** What the button says goes before what the state says. */
  hint(hint: ButtonHint | undefined): void {
    this.#hint = hint;
    this.#choose();
  }

  /** From 0, dark, to LEVEL_MAX. */
  setBrightness(brightness: number): void {
    if (brightness === this.#brightness) return;
    this.#brightness = brightness;
    this.#restart();
  }

  #choose(): void {
    const pattern = LED_PATTERNS[this.#hint ?? this.#indication];
    if (pattern === this.#pattern) return;
    this.#pattern = pattern;
    this.#restart();
  }

  #restart(): void {
    this.#clock.clear(this.#timer);
    this.#timer = undefined;
    this.#index = 0;
    this.#startedAtMs = this.#clock.now();
    const levels = this.#brightness - WAVE_LEVEL_MIN;
    const { waveMs = 0 } = this.#pattern;
    this.#frameMs = levels > 0 ? Math.max(WAVE_FRAME_MS, waveMs / 2 / levels) : 0;
    this.#advance();
  }

  /** Shows what is due, and comes back when that changes. */
  #advance(): void {
    const light = this.#light;
    if (!light) return;
    const { color, beatMs, waveMs } = this.#pattern;
    let delayMs: number;
    if (waveMs !== undefined && light.hasShades) {
      light.show(color, waveLevel(this.#clock.now() - this.#startedAtMs, waveMs, this.#brightness));
      delayMs = this.#frameMs;
    } else {
      delayMs = beatMs[this.#index] ?? 0;
      const isOn = delayMs > 0 && this.#index % 2 === 0;
      light.show(color, isOn ? this.#brightness : 0);
      this.#index = (this.#index + 1) % Math.max(1, beatMs.length);
    }
    const moves = delayMs > 0 && this.#brightness > 0;
    this.#timer = moves ? this.#clock.set(this.#onTimer, delayMs) : undefined;
  }
}
