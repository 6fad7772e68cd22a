/** `embedded:io/digital` of one life of a simulated ESP32, as the SDK's digitalbank.c does it. */

import type { Digital, DigitalClass, DigitalOptions } from "../../src/panel/ports.js";
import type { Level, PinBinding } from "./gpio.js";
import { throwClosed } from "./life.js";

const INPUT = 0;
const INPUT_PULL_UP = 1;
const INPUT_PULL_DOWN = 2;
const INPUT_MODE_MAX = 3;
const OUTPUT = 8;
const OUTPUT_OPEN_DRAIN = 9;
const RISING = 1;
const FALLING = 2;
const PINS_OF_BANKS = 64;

export function makeDigitalClass(binding: PinBinding): DigitalClass {
  return class extends SimDigital {
    static readonly Input = INPUT;
    static readonly InputPullUp = INPUT_PULL_UP;
    static readonly InputPullDown = INPUT_PULL_DOWN;
    static readonly Output = OUTPUT;
    static readonly Rising = RISING;
    static readonly Falling = FALLING;

    constructor(options: DigitalOptions & Record<string, unknown>) {
      super(binding, options);
    }
  };
}

class SimDigital implements Digital {
  readonly #binding: PinBinding;
  readonly #pin: number;
  readonly #isInput: boolean;
  readonly #inversion: Level;
  readonly #onReadable: DigitalOptions["onReadable"];
  #isOpen = false;
  #isTriggered = false;

  constructor(binding: PinBinding, options: DigitalOptions & Record<string, unknown>) {
    this.#binding = binding;
    const { pins, life } = binding;
    const { pin, mode } = options;
    life.assertAlive();
    assertPin(binding, pin);
    this.#pin = pin;
    if (mode === undefined) throw new Error("invalid");
    this.#isInput = mode >= INPUT && mode <= INPUT_MODE_MAX;
    if (!this.#isInput && mode !== OUTPUT && mode !== OUTPUT_OPEN_DRAIN) throw new RangeError("invalid mode");
    this.#inversion = options.activeLow ? 1 : 0;
    this.#onReadable = this.#isInput ? options.onReadable : undefined;
    const edges = this.#edges(options.edge ?? 0);
    if (!this.#isInput && !pins.canDrive(pin)) throw new RangeError("input only");
    if ((options.format ?? "number") !== "number") throw new RangeError("invalid format");
    pins.assertNoFlashPin(pin, life);
    if (this.#isInput) pins.pull(pin, this.#pullOf(mode));
    else pins.drive(pin, (options.initialValue ? 1 : 0) ^ this.#inversion);
    pins.claim(pin, this.#onReadable && ((level) => this.#interrupt(level, edges)));
    this.#isOpen = true;
  }

  read(): number {
    this.#assertOpen();
    if (!this.#isInput) throw new Error("can't read output");
    return this.#binding.pins.level(this.#pin) ^ this.#inversion;
  }

  write(value: number): void {
    this.#assertOpen();
    if (this.#isInput) throw new Error("can't write input");
    this.#binding.pins.drive(this.#pin, (value ? 1 : 0) ^ this.#inversion);
  }

  close(): void {
    const { pins, life } = this.#binding;
    life.assertAlive();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    pins.release(this.#pin);
    pins.pull(this.#pin, this.#pullOf(INPUT_PULL_UP));
  }

  /** On the wire: activeLow turns them round. */
  #edges(edge: number): number {
    const edges = edge & (RISING | FALLING);
    if (this.#onReadable && edges === 0) throw new RangeError("invalid edges");
    const isOne = edges === RISING || edges === FALLING;
    return this.#inversion && isOne ? edges ^ (RISING | FALLING) : edges;
  }

  /** An input-only pin has no pulls, and nobody says so. */
  #pullOf(mode: number): Level | undefined {
    if (!this.#binding.pins.canDrive(this.#pin)) return undefined;
    if (mode === INPUT_PULL_UP) return 1;
    return mode === INPUT_PULL_DOWN ? 0 : undefined;
  }

  #interrupt(level: Level, edges: number): void {
    const { cpu } = this.#binding;
    if (!(edges & (level ? RISING : FALLING)) || this.#isTriggered) return;
    this.#isTriggered = true;
    cpu.run(() => {
      this.#isTriggered = false;
      if (this.#isOpen) this.#onReadable?.call(this);
    });
  }

  #assertOpen(): void {
    this.#binding.life.assertAlive();
    if (!this.#isOpen) throwClosed();
  }
}

function assertPin({ pins }: PinBinding, pin: unknown): asserts pin is number {
  if (typeof pin !== "number") throw new Error("invalid");
  if (pin < 0 || pin >= PINS_OF_BANKS) throw new Error("invalid bank");
  if (!pins.isThere(pin)) throw new Error("invalid pin");
  if (!pins.isFree(pin)) throw new Error("in use");
}
