/**
 * The power supply of a simulated device, and the counter of its durable operations.
 *
 * Every operation that changes what survives a reset (program, erase, flush, close, move, delete, key-value write,
 * update write and complete ...) goes through perform(). A run without a cut counts them; a later run of the same
 * scenario cuts at the n-th, before, after or inside it. From the cut on the device is dead: every port throws
 * PowerCut, whatever the code that catches it tries next, until restore().
 *
 * What a cut inside leaves, each where the operation says that it can (its Tears):
 *
 *   torn-prefix     some of the bytes, from the first                flash program; key-value write *
 *   torn-bits       all of the bytes, from somewhere on half         flash program; key-value write *
 *   erase-torn      what was there, with some of its bits set        flash erase; key-value write and delete *
 *   unsynced-kept   what it was, and of each open file a part of     every operation, while a file is open that has
 *                   what was written and never flushed               been written and not flushed **
 *   torn            as the real part tears, anywhere                 flash program, flash erase
 *
 * "before" is also the case of unflushed data that are lost.
 *  * Harsher than NVS, which is atomic: a store that writes in place. Two-slot records must not rely on NVS.
 * ** Harsher than LittleFS 2.5: see open-file.ts.
 */

export type TearKind = "torn" | "torn-prefix" | "torn-bits" | "erase-torn" | "unsynced-kept";
export type CutKind = "before" | TearKind | "after";

/** What a sweep tries. Without "torn", which stands for the prefix and the bits of one operation at once. */
export const CUT_KINDS: readonly CutKind[] = Object.freeze([
  "before",
  "torn-prefix",
  "torn-bits",
  "erase-torn",
  "unsynced-kept",
  "after",
]);

/** How an operation can be torn: each entry leaves the storage as that cut would. */
export type Tears = { readonly [K in TearKind]?: () => void };

/** Thrown through the device's code when its power fails. Only the simulator may catch it. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

export interface PlannedCut {
  /** Counts from 1, over the whole life of this supply. */
  readonly operation: number;
  readonly kind: CutKind;
}

export interface Operation {
  readonly number: number;
  readonly name: string;
  /** The kinds of cut that make a difference here. */
  readonly kinds: readonly CutKind[];
}

export interface StruckCut extends PlannedCut {
  readonly name: string;
  /** False: the operation has no such kind, and the cut struck before it instead. */
  readonly applied: boolean;
}

export class Power {
  #operations = 0;
  #on = true;
  #restorations = 0;
  #planned: PlannedCut | undefined;
  #onCut: (operation: string, kind: CutKind) => void;
  readonly counts = new Map<string, number>();
  /** The planned cuts that have struck. */
  readonly struck: StruckCut[] = [];
  /** Hears of each operation as it begins. */
  onOperation: ((operation: Operation) => void) | undefined;

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

  /** Performs a durable operation, or dies at it. A cut of a kind that it does not have strikes before it. */
  perform<T>(name: string, whole: () => T, tears: Tears = {}): T {
    const kind = this.#begin(name, () => ["before", ...(Object.keys(tears) as TearKind[]), "after"]);
    if (!kind) return whole();
    const tear = kind === "before" || kind === "after" ? undefined : tears[kind];
    if (kind === "after") whole();
    else tear?.();
    throw this.#strike(name, kind, tear !== undefined || kind === "before" || kind === "after");
  }

  /** A moment between durable operations, counted as one of them, so that a cut can be planned at it: only "before". */
  moment(name: string): void {
    const kind = this.#begin(name, () => ["before"]);
    if (kind) throw this.#strike(name, kind, kind === "before");
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

  /** Counts an operation, and returns the kind of the cut that is planned for it. */
  #begin(name: string, kinds: () => CutKind[]): CutKind | undefined {
    this.assertOn();
    const number = ++this.#operations;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    this.onOperation?.({ number, name, kinds: kinds() });
    return this.#planned?.operation === number ? this.#planned.kind : undefined;
  }

  #strike(name: string, kind: CutKind, applied: boolean): PowerCut {
    this.struck.push({ operation: this.#operations, kind, name, applied });
    this.cut(`${name} #${this.#operations}`, kind);
    return new PowerCut(`power cut ${kind} ${name} #${this.#operations}`);
  }
}
