/** The SDK's `neopixel` of one life of a simulated ESP32: a chain of WS2812 on an RMT channel. */

import type { LedStrip, LedStripClass, LedStripOptions } from "../../src/panel/ports.js";
import type { PinBinding } from "./gpio.js";

const PIXEL_MS = 0.03;
const DEFAULT_BRIGHTNESS = 0x40;
const BRIGHTNESS_MAX = 255;

export function makeLedStripClass(binding: PinBinding): LedStripClass {
  return class extends SimLedStrip {
    constructor(options: LedStripOptions & Record<string, unknown>) {
      super(binding, options);
    }
  };
}

class SimLedStrip implements LedStrip {
  readonly #binding: PinBinding;
  readonly #pin: number;
  readonly #order: string;
  /** As the bytes go over the line, most significant first. */
  readonly #pixels: number[];
  #brightness = DEFAULT_BRIGHTNESS;
  #sendingUntilMs = 0;
  #isOpen = false;

  constructor(binding: PinBinding, { pin, length, order = "GRB" }: LedStripOptions & Record<string, unknown>) {
    this.#binding = binding;
    const { pins, life } = binding;
    life.assertAlive();
    if (!length) throw new RangeError("no pixels");
    if (pin === undefined || pin < 0) throw new RangeError("no pin");
    if (order.length !== 3) throw new Error("invalid order"); // chains with white are not simulated
    this.#pin = pin;
    this.#order = order;
    this.#pixels = new Array<number>(length).fill(0);
    if (!pins.canDrive(pin)) pins.crash(`GPIO ${pin} cannot drive an LED strip`, life);
    pins.assertNoFlashPin(pin, life);
    if (!pins.isFree(pin)) pins.mishaps.push(`the LED strip took GPIO ${pin} from its user`);
    this.#isOpen = true;
    this.update();
  }

  get brightness(): number {
    this.#use();
    return this.#brightness;
  }

  set brightness(value: number) {
    this.#use();
    this.#brightness = Math.min(BRIGHTNESS_MAX, Math.max(0, Math.trunc(value)));
  }

  makeRGB(red: number, green: number, blue: number): number {
    this.#use();
    return (
      ((red & 0xff) << this.#shiftOf("R")) |
      ((green & 0xff) << this.#shiftOf("G")) |
      ((blue & 0xff) << this.#shiftOf("B"))
    );
  }

  fill(color: number): void {
    this.#use();
    this.#pixels.fill(color);
  }

  update(): void {
    this.#use();
    const { pins, cpu } = this.#binding;
    const waitMs = this.#sendingUntilMs - cpu.now();
    if (waitMs > 0) cpu.spend(waitMs);
    this.#sendingUntilMs = cpu.now() + this.#pixels.length * PIXEL_MS;
    pins.send(
      this.#pin,
      this.#pixels.map((color) => this.#lit(color)),
    );
  }

  close(): void {
    this.#binding.life.assertAlive();
    if (!this.#isOpen) return;
    this.fill(0);
    this.update();
    this.#isOpen = false;
  }

  /** What a pixel of GRB makes of the line's bytes: 0xRRGGBB. */
  #lit(color: number): number {
    const [first = 0, second = 0, third = 0] = [16, 8, 0].map(
      (shift) => (((color >> shift) & 0xff) * this.#brightness) >> 8,
    );
    return (second << 16) | (first << 8) | third;
  }

  #shiftOf(component: string): number {
    return 16 - 8 * this.#order.indexOf(component);
  }

  /** The driver looks at nothing: memory that it has let go of is used as it is. */
  #use(): void {
    const { pins, life } = this.#binding;
    life.assertAlive();
    if (!this.#isOpen) pins.crash(`the LED strip on GPIO ${this.#pin} is used after close()`, life);
  }
}
