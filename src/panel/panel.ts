/**
 * What a person sees and presses: one button and one light, on pins that the MCU names (hw.init...), at any time and as
 * often as it likes.
 *
 * Invariants: an init that names what is there already changes nothing, so that an MCU that restarts neither makes the
 * LED flicker nor loses a press; one that cannot work by its arguments leaves what was there; one that names something
 * else closes what was there first, for pins and channels may be needed again; when a port then refuses, nothing is open.
 * Two that want one pin contradict each other within a life of the MCU, and the second is refused; what an earlier life
 * asked for yields, for another firmware may be there now.
 */

import { messageOf } from "../base/failure.js";
import type { Clock, Io } from "../ports.js";
import { Button } from "./button.js";
import type { Gesture } from "./button-machine.js";
import { Led } from "./led.js";
import { type Indication, LEVEL_MAX } from "./led-patterns.js";
import { type Light, openDimmedLed, openLedStrip, openRgbLed, openSwitchedLed } from "./lights.js";
import { ESP32_PINS, objectionToPin, type PinMap } from "./pins.js";
import type { DigitalClass, LedStripClass, PwmClass } from "./ports.js";

/** Of an addressable chain: all that the call can ask for. 255 pixels are sent in 8 ms, beside the engine. */
export const PIXELS_MAX = 255;

export interface PanelOptions {
  clock: Clock;
  digital: Io<DigitalClass>;
  /** Absent: a single LED is switched instead of dimmed, and RGB LEDs are refused. */
  pwm?: Io<PwmClass>;
  /** Absent: addressable LEDs are refused. */
  strip?: Io<LedStripClass>;
  /** The chip's pins; by default those of the ESP32. */
  pinMap?: PinMap;
  /** Pins that the board needs for itself, besides those of console and USB: GPIO number to a name for people. */
  takenPins?: Readonly<Record<number, string>>;
  /** The board does without console and USB: their pins are free. */
  freesConsolePins?: boolean;
  onGesture(gesture: Gesture): void;
  /** Forget networks, host and token. Comes before the gesture "reset-done". */
  onResetConfig(): void;
  /** An init was answered with false: what failed, where, and what to do. */
  onRefused?(reason: string): void;
}

/** Something that is attached, and what was asked for to get it. */
interface Fitting<T> {
  readonly asked: string;
  readonly pins: readonly number[];
  readonly part: T;
  /** Of the MCU, in which it was last asked for. */
  readonly life: number;
}

export class Panel {
  readonly #options: PanelOptions;
  readonly #led: Led;
  #button: Fitting<Button> | undefined;
  #light: Fitting<Light> | undefined;
  #life = 0;

  constructor(options: PanelOptions) {
    this.#options = options;
    this.#led = new Led(options.clock);
  }

  /** The MCU has initialized, or was given up: what it asked for up to now stays, until a later life needs the pin. */
  endMcuLife(): void {
    this.#life++;
  }

  initButton(gpio: number, activeLow: boolean): boolean {
    const asked = `button on GPIO ${gpio}${activeLow ? ", active low" : ""}`;
    const [life, pins] = [this.#life, [gpio]];
    if (this.#button?.asked === asked) {
      this.#button = { ...this.#button, life };
      return true;
    }
    const objection = this.#objectionTo(pins, "input", this.#light);
    if (objection) return this.#refuse(asked, objection);
    if (this.#light && overlap(this.#light.pins, pins)) this.#closeLight();
    this.#closeButton();
    try {
      const { clock, digital, onGesture, onResetConfig } = this.#options;
      const part = new Button({
        clock,
        digital,
        pin: gpio,
        activeLow,
        onGesture,
        onResetConfig,
        onHint: (hint) => this.#led.hint(hint),
      });
      this.#button = { asked, pins, part, life };
      return true;
    } catch (error) {
      return this.#refuse(asked, messageOf(error));
    }
  }

  initLed(gpio: number, activeLow: boolean): boolean {
    const { digital, pwm } = this.#options;
    return this.#initLight(`LED on GPIO ${gpio}${activeLow ? ", active low" : ""}`, [gpio], () =>
      pwm ? openDimmedLed({ pwm, digital }, gpio, activeLow) : openSwitchedLed(digital, gpio, activeLow),
    );
  }

  initRgb(red: number, green: number, blue: number, commonAnode: boolean): boolean {
    const { digital, pwm } = this.#options;
    const pins = [red, green, blue];
    const asked = `RGB LED on GPIO ${pins.join(", ")}${commonAnode ? ", common anode" : ""}`;
    if (!pwm) return this.#refuse(asked, "this build has no PWM");
    return this.#initLight(asked, pins, () => openRgbLed({ pwm, digital }, pins, commonAnode));
  }

  /** `mode` is reserved: whatever it says, the chain is one of WS2812, GRB at 800 kHz. */
  initArgb(gpio: number, _mode: number, count: number): boolean {
    const { strip } = this.#options;
    const asked = `${count} addressable LEDs on GPIO ${gpio}`;
    if (!strip) return this.#refuse(asked, "this build has no driver for them");
    if (!(count >= 1 && count <= PIXELS_MAX)) return this.#refuse(asked, `a chain has 1 to ${PIXELS_MAX}`);
    return this.#initLight(asked, [gpio], () => openLedStrip(strip, gpio, count));
  }

  /** From 0, dark, to 255. Also before there is a light. */
  setBrightness(brightness: number): boolean {
    if (!(brightness >= 0 && brightness <= LEVEL_MAX)) return false;
    this.#led.setBrightness(brightness);
    return true;
  }

  /** What the light shows while the button says nothing else. */
  show(indication: Indication): void {
    this.#led.show(indication);
  }

  close(): void {
    this.#closeButton();
    this.#closeLight();
  }

  #initLight(asked: string, pins: readonly number[], open: () => Light): boolean {
    const life = this.#life;
    if (this.#light?.asked === asked) {
      this.#light = { ...this.#light, life };
      return true;
    }
    const objection = this.#objectionTo(pins, "output", this.#button);
    if (objection) return this.#refuse(asked, objection);
    if (this.#button && overlap(this.#button.pins, pins)) this.#closeButton();
    this.#closeLight();
    try {
      const part = open();
      this.#light = { asked, pins, part, life };
      this.#led.attach(part);
      return true;
    } catch (error) {
      return this.#refuse(asked, messageOf(error));
    }
  }

  #objectionTo(pins: readonly number[], use: "input" | "output", other: Fitting<unknown> | undefined) {
    const { pinMap = ESP32_PINS, takenPins = {}, freesConsolePins = false } = this.#options;
    const rules = { map: pinMap, taken: freesConsolePins ? takenPins : { ...pinMap.console, ...takenPins } };
    for (const [index, pin] of pins.entries()) {
      const objection = objectionToPin(rules, pin, use);
      if (objection) return objection;
      if (pins.indexOf(pin) !== index) return `GPIO ${pin} is named twice`;
      if (other?.life === this.#life && other.pins.includes(pin)) return `GPIO ${pin} has the ${other.asked}`;
    }
    return undefined;
  }

  #refuse(asked: string, reason: string): false {
    this.#options.onRefused?.(`${asked}: ${reason}`);
    return false;
  }

  #closeButton(): void {
    this.#button?.part.close();
    this.#button = undefined;
    this.#led.hint(undefined);
  }

  #closeLight(): void {
    this.#led.attach(undefined);
    this.#light?.part.close();
    this.#light = undefined;
  }
}

function overlap(some: readonly number[], others: readonly number[]): boolean {
  return some.some((pin) => others.includes(pin));
}
