/**
 * Pins have numbers on the MCU's side, datastreams have names on a broker's. By convention pin 5 is "V5"; a product may
 * name single pins otherwise. No two pins have the same name, and no name changes a topic's shape.
 */

import type { CloudPinNames } from "../cloud.js";

export const PIN_MAX = 0xffff;
const NAME_PATTERN = /^[A-Za-z0-9 _.-]{1,64}$/;
/** What the convention calls some pin. */
const CONVENTION_PATTERN = /^V(0|[1-9]\d{0,4})$/;

export function isPinName(name: string): boolean {
  return NAME_PATTERN.test(name) && !CONVENTION_PATTERN.test(name);
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
    const pin = numberOf(CONVENTION_PATTERN.exec(name)?.[1]);
    return pin !== undefined && !this.#names.has(pin) ? pin : undefined;
  }
}

/** The pin that decimal text names; `undefined` for any other text. */
export function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const pin = Number(text);
  return pin <= PIN_MAX ? pin : undefined;
}
