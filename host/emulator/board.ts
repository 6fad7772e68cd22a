/**
 * What a person has of the emulated board: the button and the light that the MCU has named, on the chip's pins.
 *
 * Which they are is learnt from the calls, so a call that Ferry refused connects nothing.
 */

import type { Decoded } from "../../src/rpc/codec.js";
import { RpcStatus } from "../../src/rpc/protocol.js";
import type { SimPins } from "../sim/gpio.js";
import type { Message } from "./messages.js";

/** From 0, dark, to 1. */
export type Color = readonly [red: number, green: number, blue: number];

const COLOR_MAX = 255;

interface Button {
  readonly pin: number;
  readonly activeLow: boolean;
}

export class Board {
  readonly #pins: SimPins;
  #button: Button | undefined;
  #light: (() => Color) | undefined;
  #isPressed = false;

  constructor(pins: SimPins) {
    this.#pins = pins;
  }

  get hasButton(): boolean {
    return this.#button !== undefined;
  }

  get isPressed(): boolean {
    return this.#isPressed;
  }

  /** Throws where there is no button. */
  set isPressed(isPressed: boolean) {
    if (!this.#button) throw new Error("no button is connected");
    this.#isPressed = isPressed;
    const { pin, activeLow } = this.#button;
    this.#pins.connect(pin, isPressed === activeLow ? 0 : 1);
  }

  /** What the light shows; `undefined` where there is none. */
  get color(): Color | undefined {
    return this.#light?.();
  }

  /** Listens to what Ferry answers. */
  onMessage(message: Message): void {
    if (message.kind !== "result" || message.status !== RpcStatus.OK || !message.call) return;
    const { args, name } = message.call;
    if (typeof message.values === "string" || typeof args === "string" || message.values.ok !== true) return;
    if (name === "hw.initUserButton") this.#connectButton(args);
    else if (name === "hw.initLED") this.#light = this.#ledOf(args);
    else if (name === "hw.initRGB") this.#light = this.#rgbOf(args);
    else if (name === "hw.initARGB") this.#light = this.#chainOf(args);
  }

  #connectButton(args: Decoded): void {
    const button = { pin: Number(args.gpio), activeLow: args.activeLow === true };
    if (this.#button && this.#button.pin !== button.pin) this.#pins.connect(this.#button.pin, undefined);
    this.#button = button;
    this.isPressed = this.#isPressed;
  }

  #ledOf(args: Decoded): () => Color {
    const level = this.#levelOf(Number(args.gpio), args.activeLow === true);
    return () => [level(), level(), level()];
  }

  #rgbOf(args: Decoded): () => Color {
    const [red, green, blue] = [args.gpioRed, args.gpioGreen, args.gpioBlue].map((pin) =>
      this.#levelOf(Number(pin), args.commonAnode === true),
    );
    return () => [red?.() ?? 0, green?.() ?? 0, blue?.() ?? 0];
  }

  /** All of a chain show the same. */
  #chainOf(args: Decoded): () => Color {
    const pin = Number(args.gpio);
    return () => {
      const [color = 0] = this.#pins.pixels(pin);
      return [(color >> 16) / COLOR_MAX, ((color >> 8) & 0xff) / COLOR_MAX, (color & 0xff) / COLOR_MAX];
    };
  }

  #levelOf(pin: number, isInverted: boolean): () => number {
    return () => {
      const duty = this.#pins.duty(pin);
      return duty === undefined ? 0 : isInverted ? 1 - duty : duty;
    };
  }
}
