/**
 * Pins have numbers on the MCU's side, datastreams have names on a broker's. By convention pin 5 is "V5"; a product may
 * name single pins otherwise. No two pins have the same name, and no name changes a topic's shape.
 */

import { isDecimal, isNumeral, isPlain } from "../../base/text.js";
import type { CloudPinNames } from "../cloud.js";

export const PIN_MAX = 0xffff;
const NAME_LENGTH_MAX = 64;
const PIN_DIGITS_MAX = 5;

export function isPinName(name: string): boolean {
  return isPlain(name, " _.-", NAME_LENGTH_MAX) && !isConvention(name);
}

/** What the convention calls some pin, or would, had pins more numbers. */
function isConvention(name: string): boolean {
  return name.startsWith("V") && isNumeral(name.slice(1), PIN_DIGITS_MAX);
}

export class PinNames {
  readonly #names = new Map<number, string>();
  readonly #pins = new Map<string, number>();

  /** A name that is none, or is taken, is left out: the convention holds for its pin. */
  constructor(names: CloudPinNames = []) {
    for (const [pin, name] of names) {
      if (!isPinName(name) || this.#pins.has(name) || this.#names.has(pin)) continue;
      this.#names.set(pin, name);
      this.#pins.set(name, pin);
    }
  }

  nameOf(pin: number): string {
    return this.#names.get(pin) ?? `V${pin}`;
  }

  /** `undefined` for a datastream that the MCU has no pin for. */
  pinOf(name: string): number | undefined {
    const named = this.#pins.get(name);
    if (named !== undefined) return named;
    const pin = isConvention(name) ? numberOf(name.slice(1)) : undefined;
    return pin !== undefined && !this.#names.has(pin) ? pin : undefined;
  }
}

/** The pin that decimal text names; `undefined` for any other text. */
export function numberOf(text: string): number | undefined {
  if (!isDecimal(text, PIN_DIGITS_MAX)) return undefined;
  const pin = Number(text);
  return pin <= PIN_MAX ? pin : undefined;
}
