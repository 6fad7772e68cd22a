/**
 * The kinds of LED that can be attached, behind one shape. Each opener throws when a port refuses, and then leaves
 * nothing open. Show something at once: a PWM pin is low until then, which lights an LED that is active low. A light
 * that is closed is dark.
 */

import type { Io } from "../ports.js";
import { LEVEL_MAX } from "./led-patterns.js";
import type { Digital, DigitalClass, LedStrip, LedStripClass, Pwm, PwmClass } from "./ports.js";

export interface Light {
  /** Whether it has levels between on and off. */
  readonly hasShades: boolean;
  /** Shows a colour (0xRRGGBB; a single LED has its own) at a level from 0 to LEVEL_MAX. */
  show(color: number, level: number): void;
  close(): void;
}

export interface DimmerPorts {
  readonly pwm: Io<PwmClass>;
  readonly digital: Io<DigitalClass>;
}

/** One LED that is on or off: for pins without a PWM channel. */
export function openSwitchedLed(digital: Io<DigitalClass>, pin: number, activeLow: boolean): Light {
  const { io: DigitalIo, ...rest } = digital;
  const port: Digital = new DigitalIo({ ...rest, pin, mode: DigitalIo.Output, activeLow, initialValue: 0 });
  return {
    hasShades: false,
    show: (_color, level) => port.write(level > 0 ? 1 : 0),
    close: () => port.close(),
  };
}

export function openDimmedLed(ports: DimmerPorts, pin: number, activeLow: boolean): Light {
  const dimmer = new Dimmer(ports, pin, activeLow);
  return {
    hasShades: true,
    show: (_color, level) => dimmer.set(LEVEL_MAX, level),
    close: () => dimmer.close(),
  };
}

/** Three LEDs. `commonAnode`: lit by low pins. */
export function openRgbLed(ports: DimmerPorts, pins: readonly number[], commonAnode: boolean): Light {
  const dimmers: Dimmer[] = [];
  const close = () => {
    for (const dimmer of dimmers) dimmer.close();
  };
  try {
    for (const pin of pins) dimmers.push(new Dimmer(ports, pin, commonAnode));
  } catch (error) {
    close();
    throw error;
  }
  const [red, green, blue] = dimmers;
  return {
    hasShades: true,
    show: (color, level) => {
      red?.set((color >> 16) & 0xff, level);
      green?.set((color >> 8) & 0xff, level);
      blue?.set(color & 0xff, level);
    },
    close,
  };
}

/** A chain of WS2812, all pixels alike. */
export function openLedStrip(strip: Io<LedStripClass>, pin: number, count: number): Light {
  const { io: StripIo, ...rest } = strip;
  const port: LedStrip = new StripIo({ ...rest, pin, length: count, order: "GRB" });
  port.brightness = LEVEL_MAX; // scaled here
  return {
    hasShades: true,
    show: (color, level) => {
      const red = scale((color >> 16) & 0xff, level, LEVEL_MAX);
      const green = scale((color >> 8) & 0xff, level, LEVEL_MAX);
      const blue = scale(color & 0xff, level, LEVEL_MAX);
      port.fill(port.makeRGB(red, green, blue));
      port.update();
    },
    close: () => port.close(),
  };
}

/** One LED on one PWM pin. */
class Dimmer {
  readonly #digital: Io<DigitalClass>;
  readonly #pin: number;
  readonly #pwm: Pwm;
  readonly #dutyMax: number;
  readonly #activeLow: boolean;

  constructor({ pwm, digital }: DimmerPorts, pin: number, activeLow: boolean) {
    const { io: PwmIo, ...rest } = pwm;
    this.#digital = digital;
    this.#pin = pin;
    this.#activeLow = activeLow;
    this.#pwm = new PwmIo({ ...rest, pin });
    this.#dutyMax = 2 ** this.#pwm.resolution - 1;
  }

  set(component: number, level: number): void {
    const duty = scale(component, level, this.#dutyMax);
    this.#pwm.write(this.#activeLow ? this.#dutyMax - duty : duty);
  }

  /** Lets go of the pin: a closed PWM would drive it low. */
  close(): void {
    this.#pwm.close();
    const { io: DigitalIo, ...rest } = this.#digital;
    new DigitalIo({ ...rest, pin: this.#pin, mode: DigitalIo.Input }).close();
  }
}

/** A component (0 to 255) at a level (0 to LEVEL_MAX), as a share of `max`. */
function scale(component: number, level: number, max: number): number {
  return Math.round((component * level * max) / (0xff * LEVEL_MAX));
}
