/**
 * The power supply of a simulated device, and the counter of its durable operations.
 *
 * Every operation that changes what survives a reset (program, erase, flush, close, move, delete, key-value write,
 * update write and complete ...) goes through perform(). A run without a cut counts them; a later run of the same
 * scenario cuts at the n-th, before, after or inside it. From the cut on the device is dead: every port throws
 * PowerCut, whatever the code that catches it tries next, until restore().
 */

export type CutKind = "before" | "torn" | "after";

/** Thrown through the device's code when its power fails. Only the simulator may catch it. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

export interface PlannedCut {
  /** Counts from 1, over the whole life of this supply. */
  readonly operation: number;
  readonly kind: CutKind;
}

export class Power {
  #operations = 0;
  #on = true;
  #restorations = 0;
  #planned: PlannedCut | undefined;
  #onCut: (operation: string, kind: CutKind) => void;
  readonly counts = new Map<string, number>();

  constructor(onCut: (operation: string, kind: CutKind) => void = () => {}) {
    this.#onCut = onCut;
  }

  get on(): boolean {
    return this.#on;
  }

  /** How often power has come back: tells the lives of a device apart. */
  get restorations(): number {
    return this.#restorations;
  }

  /** Durable operations so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Plans the next cut; replaces one that has not come yet. */
  plan(cut: PlannedCut | undefined): void {
    this.#planned = cut;
  }

  /**
   * Performs a durable operation, or dies at it. `torn` leaves the storage as a cut in the middle would; an operation
   * that is atomic on the real device has none, and a torn cut then strikes before it.
   */
  perform<T>(name: string, whole: () => T, torn?: () => void): T {
    this.assertOn();
    this.#operations++;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const cut = this.#planned?.operation === this.#operations ? this.#planned.kind : undefined;
    if (!cut) return whole();
    if (cut === "torn") torn?.();
    if (cut === "after") whole();
    this.cut(`${name} #${this.#operations}`, cut);
    throw new PowerCut(`power cut ${cut} ${name} #${this.#operations}`);
  }

  /** Throws PowerCut when there is no power: every port call begins with it. */
  assertOn(): void {
    if (!this.#on) throw new PowerCut("no power");
  }

  cut(operation = "pulled plug", kind: CutKind = "before"): void {
    if (!this.#on) return;
    this.#on = false;
    this.#planned = undefined;
    this.#onCut(operation, kind);
  }

  restore(): void {
    if (this.#on) return;
    this.#on = true;
    this.#restorations++;
  }
}
