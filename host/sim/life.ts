/**
 * One life of a simulated device, from one boot to the next reset: the handle through which its ports use the storage.
 *
 * When a life has ended, by a power cut or by a restart, each call of its ports throws PowerCut, also after power has
 * come back for the next life.
 */

import type { SimCpu } from "./cpu.js";
import { type Power, PowerCut } from "./power.js";
import type { SimStorage } from "./storage.js";

const BYTE_VIEWS = Object.freeze([Uint8Array, Int8Array, Uint8ClampedArray, DataView]);

export interface LifeOptions {
  readonly storage: SimStorage;
  readonly power: Power;
  readonly cpu: SimCpu;
}

export class Life {
  readonly storage: SimStorage;
  /** Label of the slot that was booted. */
  readonly running: string;
  readonly #power: Power;
  readonly #cpu: SimCpu;
  readonly #restorations: number;

  constructor({ storage, power, cpu }: LifeOptions) {
    this.storage = storage;
    this.running = storage.bootSlot;
    this.#power = power;
    this.#cpu = cpu;
    this.#restorations = power.restorations;
  }

  /** Throws PowerCut when this life has ended: every port call begins with it. */
  assertAlive(): void {
    if (this.#cpu.alive && this.#power.on && this.#power.restorations === this.#restorations) return;
    this.#cpu.kill();
    throw new PowerCut("used by code whose device has lost power or restarted");
  }

  /** Charges blocking work to the processor. */
  spend(durationMs: number): void {
    this.#cpu.spend(durationMs);
  }

  /** Performs one durable operation, or dies at it. See Power.perform. */
  perform<T>(name: string, whole: () => T, torn?: () => void): T {
    this.assertAlive();
    try {
      return this.#power.perform(name, whole, torn);
    } catch (error) {
      if (error instanceof PowerCut) this.#cpu.kill();
      throw error;
    }
  }
}

/** What XS throws when a method is called on an object that has been closed. */
export function throwClosed(): never {
  throw new SyntaxError("C: xsGetHostData: invalid host data");
}

/** The bytes of a buffer, as XS's native functions accept them: nothing with elements wider than a byte. */
export function bytesOf(buffer: unknown): Uint8Array {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  const isBytes = BYTE_VIEWS.some((View) => buffer instanceof View);
  if (!isBytes || !ArrayBuffer.isView(buffer)) throw new TypeError("invalid buffer");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
