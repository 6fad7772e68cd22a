/**
 * The pins of the chip as the panel sees them: types only, ECMA-419 classes and a driver of the Moddable SDK (8.2.3), each
 * with a remark on how the real one behaves on the ESP32. See ../ports.ts.
 */

// ---- embedded:io/digital --------------------------------------------------------------------------------------

/**
 * One pin as a digital input or output. Two objects of the SDK's digital, pwm and serial classes never share a pin: the
 * second constructor throws "in use". But nothing keeps a pin from them that the flash chip, PSRAM or the console uses.
 */
export interface Digital {
  /** 1 or 0; with `activeLow`, 1 is low. Throws on an output. */
  read(): number;
  /** Throws on an input. */
  write(value: number): void;
  /** Final and idempotent. The pin is an input with a pull-up from then on, whatever it was before. */
  close(): void;
}

export interface DigitalOptions {
  pin: number;
  /** One of the class's constants. Pulls that a pin does not have (34 to 39) are silently missing. */
  mode: number;
  /** Turns read, write, initialValue and the edges round. */
  activeLow?: boolean;
  /** Of an output; 0 by default. It is on the pin before the pin drives. */
  initialValue?: number;
  /** Needed with onReadable: the class's Rising, Falling, or both added. */
  edge?: number;
  /**
   * There were edges. Interrupts only note them: one call may stand for many, comes as a task of the engine, so late
   * after a long step, and by then the level may be any. Nothing is debounced.
   */
  onReadable?(): void;
}

export interface DigitalClass {
  /** Throws for a pin that the chip has not, one in use, and an output on an input-only pin. */
  new (options: DigitalOptions & Record<string, unknown>): Digital;
  readonly Input: number;
  readonly InputPullUp: number;
  readonly InputPullDown: number;
  readonly Output: number;
  readonly Rising: number;
  readonly Falling: number;
}

// ---- embedded:io/pwm --------------------------------------------------------------------------------------------

/**
 * A pin that is high for a share of the time: 1024 Hz and 10 bits unless told otherwise. The SDK gives out four of the
 * chip's LEDC channels in all. From construction to the first write the pin is low.
 */
export interface Pwm {
  /** Of the values that write takes, in bits. */
  readonly resolution: number;
  /** From 0, always low, to 2 ** resolution - 1, always high. Throws a RangeError beyond. */
  write(value: number): void;
  /** Final and idempotent. Leaves the pin driven low: what is lit by a low pin stays lit. */
  close(): void;
}

/** Throws for a pin that the chip has not, one in use, an input-only one, and when no channel is left. */
export type PwmClass = new (options: { pin: number } & Record<string, unknown>) => Pwm;

// ---- neopixel ---------------------------------------------------------------------------------------------------

/**
 * A chain of WS2812 (800 kHz), sent by the RMT unit while the engine goes on. The SDK's driver asks nobody for the pin:
 * it takes one that is in use away from its user, and one that cannot drive restarts the chip. Nor does close() give
 * the memory of the pixels back (8 bytes each), so do not close and construct without need. After close() any call may
 * crash the chip.
 */
export interface LedStrip {
  /** Scales what is sent by 0 to 255 over 256; 64 at the start. */
  brightness: number;
  /** A colour as this chain wants it. Components from 0 to 255; higher bits are dropped. */
  makeRGB(red: number, green: number, blue: number): number;
  /** Sets all pixels; nothing is sent yet. */
  fill(color: number): void;
  /** Sends all pixels, 30 us each. Waits for the end of the sending before. */
  update(): void;
  /** Sends black first. */
  close(): void;
}

export interface LedStripOptions {
  pin: number;
  /** Pixels; at least one. */
  length: number;
  /** Of the bytes of a pixel on the line; "GRB" by default. */
  order?: string;
}

export type LedStripClass = new (options: LedStripOptions & Record<string, unknown>) => LedStrip;
