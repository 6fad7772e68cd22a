/**
 * Saves the storage when it has changed: soon after the last change, at the latest some seconds after the first one, and
 * at the end. What a kill -9 loses is what happened since; the chip then comes back as it was at the last save.
 */

import { messageOf } from "../../src/base/failure.js";
import type { SimDevice } from "../sim/device.js";
import type { StateFolder } from "./state-folder.js";

/** Durable operations come in bursts. */
const QUIET_MS = 500;
const DELAY_MS_MAX = 5_000;

export class Keeper {
  readonly #folder: StateFolder;
  readonly #device: SimDevice;
  readonly #onProblem: (problem: string) => void;
  #savedOperations = 0;
  #seenOperations = 0;
  #changedMs: number | undefined;
  #seenMs = 0;
  #isSaving = false;

  /** @param onProblem hears that the storage cannot be saved */
  constructor(folder: StateFolder, device: SimDevice, onProblem: (problem: string) => void) {
    this.#folder = folder;
    this.#device = device;
    this.#onProblem = onProblem;
  }

  /** To be called every few milliseconds. */
  look(nowMs: number): void {
    const { operations } = this.#device.power;
    if (operations !== this.#seenOperations) {
      this.#seenOperations = operations;
      this.#seenMs = nowMs;
      this.#changedMs ??= nowMs;
    }
    if (this.#changedMs === undefined || this.#isSaving) return;
    if (nowMs - this.#seenMs < QUIET_MS && nowMs - this.#changedMs < DELAY_MS_MAX) return;
    this.#isSaving = true;
    this.#save().finally(() => {
      this.#isSaving = false;
    });
  }

  /** Saves what is not saved yet, and lets go of the folder. */
  async close(): Promise<void> {
    if (this.#device.power.operations !== this.#savedOperations) await this.#save();
    await this.#folder.close();
  }

  async #save(): Promise<void> {
    const { operations } = this.#device.power;
    this.#changedMs = undefined;
    try {
      await this.#folder.save(this.#device.storage);
      this.#savedOperations = operations;
    } catch (error) {
      this.#onProblem(`the state cannot be saved in ${this.#folder.path}: ${messageOf(error)}`);
    }
  }
}
