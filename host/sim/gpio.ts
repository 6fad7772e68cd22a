/**
 * The pins of a simulated ESP32: what the board does to them from outside, and what the chip does to them.
 *
 * What is outside (a button that is held, say) outlasts the lives of the device; a reset lets all pins go. What a real
 * chip does not refuse and should is a mishap: it is recorded, and where it would kill the program it restarts the life.
 */

import type { SimCpu } from "./cpu.js";
import type { Life } from "./life.js";

export type Level = 0 | 1;

export const PIN_MAX = 39;
const FLASH_PINS: readonly number[] = Object.freeze([6, 7, 8, 9, 10, 11]);
const ABSENT_PINS: readonly number[] = Object.freeze([24, 28, 29, 30, 31]);
const INPUT_ONLY_PIN_MIN = 34;
/** What the SDK leaves of the eight: channels 4 to 7 (MODDEF_PWM_LEDC_CHANNEL_MAP). */
const LEDC_CHANNELS = 4;

/** What one life needs of its pins. */
export interface PinBinding {
  readonly pins: SimPins;
  /** The processor of this life; interrupts become its tasks. */
  readonly cpu: SimCpu;
  readonly life: Pick<Life, "assertAlive" | "restart">;
}

interface Pin {
  /** What the board connects it to; nothing when absent. */
  outside?: Level | undefined;
  pull?: Level | undefined;
  /** The share of the time that the chip drives it high; absent while it does not drive. */
  duty?: number | undefined;
  /** What the chain on it shows, 0xRRGGBB each. */
  pixels: readonly number[];
  isClaimed: boolean;
  onChange?: ((level: Level) => void) | undefined;
}

export interface SimPinsOptions {
  /** Pins that the UARTs have claimed: the MCU's, by default. */
  readonly uartPins?: readonly number[];
}

export class SimPins {
  readonly #uartPins: readonly number[];
  #pins: Pin[] = [];
  #channelsFree = LEDC_CHANNELS;
  /** What should never have been done to a pin. */
  readonly mishaps: string[] = [];
  /** Writes of levels, duties and pixels that the chip has made. */
  writes = 0;

  constructor({ uartPins = [16, 17] }: SimPinsOptions = {}) {
    this.#uartPins = uartPins;
    this.reset();
  }

  /** A new life: no pin drives or is in use. */
  reset(): void {
    const before = this.#pins;
    this.#channelsFree = LEDC_CHANNELS;
    this.#pins = Array.from({ length: PIN_MAX + 1 }, (_, pin) => ({
      outside: before[pin]?.outside,
      pixels: [],
      isClaimed: this.#uartPins.includes(pin),
    }));
  }

  // ---- from outside -------------------------------------------------------------------------------------------

  /** Connects the pin to a level, or to nothing. */
  connect(pin: number, outside: Level | undefined): void {
    this.#change(pin, { outside });
  }

  level(pin: number): Level {
    const { duty, outside, pull } = this.#pin(pin);
    return duty === undefined ? (outside ?? pull ?? 0) : duty >= 0.5 ? 1 : 0;
  }

  /** The share of the time that the chip drives the pin high; `undefined` while it does not drive. */
  duty(pin: number): number | undefined {
    return this.#pin(pin).duty;
  }

  /** What the chain of LEDs on the pin shows, 0xRRGGBB each. */
  pixels(pin: number): readonly number[] {
    return this.#pin(pin).pixels;
  }

  /** Pins that some object of the running life has claimed. */
  get claimed(): readonly number[] {
    return [...this.#pins.keys()].filter((pin) => this.#pin(pin).isClaimed && !this.#uartPins.includes(pin));
  }

  // ---- by the chip --------------------------------------------------------------------------------------------

  isThere(pin: number): boolean {
    return Number.isInteger(pin) && pin >= 0 && pin <= PIN_MAX && !ABSENT_PINS.includes(pin);
  }

  canDrive(pin: number): boolean {
    return this.isThere(pin) && pin < INPUT_ONLY_PIN_MIN;
  }

  isFree(pin: number): boolean {
    return this.isThere(pin) && !this.#pin(pin).isClaimed;
  }

  /** Kills the program where the pin is the flash chip's: the next instruction cannot be fetched. */
  assertNoFlashPin(pin: number, life: PinBinding["life"]): void {
    if (FLASH_PINS.includes(pin)) this.crash(`GPIO ${pin} is the flash chip's`, life);
  }

  /** Restarts the life for what the real thing would have crashed on. */
  crash(mishap: string, life: PinBinding["life"]): never {
    this.mishaps.push(mishap);
    return life.restart("crash");
  }

  claim(pin: number, onChange?: (level: Level) => void): void {
    Object.assign(this.#pin(pin), { isClaimed: true, onChange });
  }

  release(pin: number): void {
    Object.assign(this.#pin(pin), { isClaimed: false, onChange: undefined });
  }

  pull(pin: number, pull: Level | undefined): void {
    this.#change(pin, { pull, duty: undefined });
  }

  drive(pin: number, duty: number): void {
    this.writes++;
    this.#change(pin, { duty });
  }

  send(pin: number, pixels: readonly number[]): void {
    this.writes++;
    this.#pin(pin).pixels = pixels;
  }

  takeChannel(): boolean {
    if (this.#channelsFree === 0) return false;
    this.#channelsFree--;
    return true;
  }

  freeChannel(): void {
    this.#channelsFree++;
  }

  #change(number: number, change: Partial<Pin>): void {
    const pin = this.#pin(number);
    const before = this.level(number);
    Object.assign(pin, change);
    const after = this.level(number);
    if (after !== before) pin.onChange?.(after);
  }

  #pin(number: number): Pin {
    const pin = this.#pins[number];
    if (!pin) throw new RangeError(`simulated pins: there is no GPIO ${number}`);
    return pin;
  }
}
