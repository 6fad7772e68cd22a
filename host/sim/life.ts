/**
 * One life of a simulated device, from one boot to the next reset: the handle through which its ports use the storage.
 *
 * When a life has ended, by a power cut or by a restart, each call of its ports throws PowerCut, also after power has
 * come back for the next life.
 */

import type { ResetReason } from "../../src/ports.js";
import { boot } from "./bootloader.js";
import type { SimCpu } from "./cpu.js";
import type { Medium } from "./medium.js";
import { type Power, PowerCut, type Tears } from "./power.js";
import type { Random } from "./random.js";
import type { SimStorage } from "./storage.js";

const BYTE_VIEWS = Object.freeze([Uint8Array, Int8Array, Uint8ClampedArray, DataView]);

/** A file that is open for writing. */
export interface Unsynced {
  /** Something is written and not flushed. */
  readonly isUnsynced: boolean;
  /** Makes a part of it durable: what a cut may leave where a file system does not hold back unflushed data. */
  keepPart(random: Random): void;
}

export interface LifeOptions {
  readonly storage: SimStorage;
  readonly power: Power;
  readonly cpu: SimCpu;
  /** Begins the next life, for a reason that it will be told; by default nobody does. */
  readonly restart?: (reason: ResetReason) => void;
}

export class Life implements Medium {
  readonly storage: SimStorage;
  /** Label of the slot that was booted. */
  readonly running: string;
  /** How long the boot loader has written before. */
  readonly bootLoaderMs: number;
  readonly #power: Power;
  readonly #cpu: SimCpu;
  readonly #restart: (reason: ResetReason) => void;
  readonly #restorations: number;
  #openFiles: ReadonlySet<Unsynced> = new Set();

  /** Goes through the boot loader: throws PowerCut where the power fails there, and NothingToBoot. */
  constructor({ storage, power, cpu, restart = () => {} }: LifeOptions) {
    const { app, durationMs } = boot(storage, power);
    this.storage = storage;
    this.running = app.label;
    this.bootLoaderMs = durationMs;
    this.#power = power;
    this.#cpu = cpu;
    this.#restart = restart;
    this.#restorations = power.restorations;
  }

  /** Throws PowerCut when this life has ended: every port call begins with it. */
  assertAlive(): void {
    if (this.#cpu.alive && this.#power.on && this.#power.restorations === this.#restorations) return;
    this.#cpu.kill();
    throw new PowerCut("used by code whose device has lost power or restarted");
  }

  /** A reset without a loss of power. Throws PowerCut, for nothing comes behind it. */
  restart(reason: ResetReason = "software"): never {
    this.assertAlive();
    this.#restart(reason);
    this.#cpu.kill();
    throw new PowerCut("restarted");
  }

  /** Charges the time of a flash operation to the processor. */
  spend(durationMs: number): void {
    this.#cpu.stall(durationMs);
  }

  /** The files that this life has open, as a set that changes. */
  watchUnsynced(openFiles: ReadonlySet<Unsynced>): void {
    this.#openFiles = openFiles;
  }

  /** Performs one durable operation, or dies at it. See Power.perform. */
  perform<T>(name: string, whole: () => T, tears?: Tears): T {
    this.assertAlive();
    try {
      return this.#power.perform(name, whole, this.#withUnsynced(tears));
    } catch (error) {
      if (error instanceof PowerCut) this.#cpu.kill();
      throw error;
    }
  }

  #withUnsynced(tears: Tears | undefined): Tears | undefined {
    const unsynced: Unsynced[] = [];
    for (const file of this.#openFiles) if (file.isUnsynced) unsynced.push(file);
    if (unsynced.length === 0) return tears;
    return {
      ...tears,
      "unsynced-kept": () => {
        for (const file of unsynced) file.keepPart(this.storage.random);
      },
    };
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
