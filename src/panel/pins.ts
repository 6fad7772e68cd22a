/**
 * Which pins a button or an LED may have. Ferry asks before it touches one, because the chip does not: a wrong number
 * from the MCU would take the flash away from the running program, or the wire from under this very call.
 */

import { deepFreeze } from "../base/freeze.js";

export interface PinMap {
  /** Lowest to highest GPIO number. */
  readonly pinMax: number;
  /** Numbers in between that the chip does not have. */
  readonly absent: readonly number[];
  /** Without an output driver, and without pulls. */
  readonly inputOnly: readonly number[];
  /** Wired to the flash chip, or to the PSRAM that shares its bus. */
  readonly flash: readonly number[];
  /** How the chip is flashed and prints its log: GPIO number to a name for people. An LED there would blind both. */
  readonly console: Readonly<Record<number, string>>;
}

const UART0 = "UART0, which flashes the chip and prints its log";
const USB = "USB, which flashes the chip and prints its log";

/** Modules with PSRAM need 16 and 17 besides. */
export const ESP32_PINS: PinMap = deepFreeze({
  pinMax: 39,
  absent: [24, 28, 29, 30, 31],
  inputOnly: [34, 35, 36, 37, 38, 39],
  flash: [6, 7, 8, 9, 10, 11],
  console: { 1: UART0, 3: UART0 },
});

/** The supply of the flash chip (11) included. */
export const ESP32_C3_PINS: PinMap = deepFreeze({
  pinMax: 21,
  absent: [],
  inputOnly: [],
  flash: [11, 12, 13, 14, 15, 16, 17],
  console: { 18: USB, 19: USB, 20: UART0, 21: UART0 },
});

/** Modules with octal flash or PSRAM need 33 to 37 besides. */
export const ESP32_S3_PINS: PinMap = deepFreeze({
  pinMax: 48,
  absent: [22, 23, 24, 25],
  inputOnly: [],
  flash: [26, 27, 28, 29, 30, 31, 32],
  console: { 19: USB, 20: USB, 43: UART0, 44: UART0 },
});

export interface PinRules {
  readonly map: PinMap;
  /** What else has a pin on this board: GPIO number to a name for people, as in { 16: "the UART to the MCU" }. */
  readonly taken: Readonly<Record<number, string>>;
}

/** Why the pin cannot be used so, as a sentence for people; nothing when it can. */
export function objectionToPin({ map, taken }: PinRules, pin: number, use: "input" | "output"): string | undefined {
  const exists = Number.isInteger(pin) && pin >= 0 && pin <= map.pinMax && !map.absent.includes(pin);
  if (!exists) return `there is no GPIO ${pin}: choose one from 0 to ${map.pinMax}`;
  if (map.flash.includes(pin)) return `GPIO ${pin} is wired to the flash chip: choose another pin`;
  const owner = taken[pin];
  if (owner) return `GPIO ${pin} is used by ${owner}: choose another pin`;
  if (use === "output" && map.inputOnly.includes(pin)) return `GPIO ${pin} can only read: choose a pin that can drive`;
  return undefined;
}
