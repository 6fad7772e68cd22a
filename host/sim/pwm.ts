/** `embedded:io/pwm` of one life of a simulated ESP32, as the SDK's _pwm.c does it. */

import type { Pwm, PwmClass } from "../../src/panel/ports.js";
import type { PinBinding } from "./gpio.js";
import { throwClosed } from "./life.js";

const DEFAULT_HZ = 1024;
const DEFAULT_RESOLUTION = 10;
/** Lowest frequency for a resolution of 8 bits, and so on: what the timer's divider can do. */
const HZ_MIN: readonly number[] = Object.freeze([65, 33, 17, 9, 5, 3, 2]);
const RESOLUTION_MIN = 8;

export function makePwmClass(binding: PinBinding): PwmClass {
  return class extends SimPwm {
    constructor(options: { pin: number } & Record<string, unknown>) {
      super(binding, options);
    }
  };
}

class SimPwm implements Pwm {
  readonly resolution: number;
  readonly hz: number;
  readonly #binding: PinBinding;
  readonly #pin: number;
  #isOpen = false;

  constructor(binding: PinBinding, options: { pin: number } & Record<string, unknown>) {
    this.#binding = binding;
    const { pins, life } = binding;
    const { pin } = options;
    life.assertAlive();
    if (typeof pin !== "number") throw new Error("invalid");
    if (pin < 0) throw new RangeError("negative");
    if (!pins.isFree(pin)) throw new Error("in use");
    this.#pin = pin;
    this.hz = Math.trunc(Number(options.hz ?? DEFAULT_HZ));
    if (!(this.hz > 0)) throw new RangeError("invalid hz");
    this.resolution = Math.trunc(Number(options.resolution ?? DEFAULT_RESOLUTION));
    const hzMin = HZ_MIN[this.resolution - RESOLUTION_MIN];
    if (hzMin === undefined) throw new RangeError("invalid resolution");
    if (this.hz < hzMin) throw new RangeError("invalid combination of hz and resolution");
    if ((options.format ?? "number") !== "number") throw new RangeError("invalid format");
    if (!pins.canDrive(pin)) throw new Error("can't configure");
    if (!pins.takeChannel()) throw new Error("no ledc channel");
    pins.assertNoFlashPin(pin, life);
    pins.claim(pin);
    pins.drive(pin, 0);
    this.#isOpen = true;
  }

  write(value: number): void {
    this.#binding.life.assertAlive();
    if (!this.#isOpen) throwClosed();
    const max = 2 ** this.resolution - 1;
    const duty = Math.trunc(value);
    if (!(duty >= 0 && duty <= max)) throw new RangeError("invalid value");
    this.#binding.pins.drive(this.#pin, duty / max);
  }

  /** ledc_stop() with an idle level of 0; the pin goes on driving it. */
  close(): void {
    const { pins, life } = this.#binding;
    life.assertAlive();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    pins.drive(this.#pin, 0);
    pins.release(this.#pin);
    pins.freeChannel();
  }
}
