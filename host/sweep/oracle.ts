/**
 * Who judges a run from outside the device: of the MCU's firmware by the MCU's flash, of Ferry's own by what the boot
 * loader has started. Each is told of the steps as they begin, looks after every event, and knows when a step is done.
 */

import type { Offer } from "../../src/image/offer.js";
import type { Verdict } from "../../src/update/verdict.js";
import { SERVER_HOST, type Workbench } from "../peers/workbench.js";
import type { CloudImage, Step } from "./scenarios.js";

export type ProblemKind = "brick" | "wrong-bytes" | "refetched" | "flash-misuse" | "missed";

export interface Problem {
  readonly kind: ProblemKind;
  readonly detail: string;
}

/** Thrown by whoever judges: there is no use in going on. */
export class Failed extends Error {
  readonly problem: Problem;

  constructor(kind: ProblemKind, detail: string) {
    super(detail);
    this.problem = { kind, detail };
  }
}

export interface Oracle {
  /** A step begins. */
  expect(step: Step): void;
  offerOf(step: Step): Offer;
  /** Ferry's own word on the last step that it took up. */
  readonly verdict: Verdict | undefined;
  /** Everything is as the step wants it, and Ferry knows that the update is over. */
  isDone(step: Step): boolean;
  /** Looks at what has changed; throws Failed. */
  judge(): void;
  /** How things stand, for people. */
  readonly story: string;
}

export class McuOracle implements Oracle {
  readonly #bench: Workbench;
  readonly #replacement: Uint8Array | undefined;
  /** Images that the MCU may run, the one before the step first. */
  #allowed: readonly Uint8Array[];
  #judged: Uint8Array;

  constructor(bench: Workbench, replacement: Uint8Array | undefined) {
    this.#bench = bench;
    this.#replacement = replacement;
    this.#judged = bench.mcu.running.image;
    this.#allowed = [this.#judged];
  }

  expect({ image, outcome }: Step): void {
    const replacements = this.#replacement ? [this.#replacement] : [];
    this.#allowed = [this.#image, ...(outcome === "refused" ? [] : [image.bytes, ...replacements])];
  }

  offerOf({ image }: Step): Offer {
    const { type, version, build } = image.firmware;
    return { ...contentOf(image), type, version, build };
  }

  get verdict(): Verdict | undefined {
    return this.#bench.device.ncp?.verdict;
  }

  isDone({ outcome }: Step): boolean {
    const [old, ...targets] = this.#allowed;
    const { verdict } = this;
    if (outcome === "refused") {
      return verdict?.kind === "failed" && verdict.failure.cause === "no-space" && sameBytes(this.#image, old);
    }
    return verdict?.kind === "succeeded" && targets.some((target) => sameBytes(this.#image, target));
  }

  judge(): void {
    const image = this.#image;
    if (image === this.#judged) return;
    this.#judged = image;
    if (this.#allowed.some((allowed) => sameBytes(image, allowed))) return;
    throw new Failed("wrong-bytes", `the MCU runs ${image.length} bytes that are no image of the cloud's`);
  }

  get story(): string {
    const runs = sameBytes(this.#image, this.#allowed[0]) ? "its old image" : "another image";
    return `the MCU runs ${runs}; ${describe(this.verdict)}`;
  }

  get #image(): Uint8Array {
    return this.#bench.mcu.running.image;
  }
}

/**
 * There is always a whole build of Ferry to boot: the boot loader says so, for the simulator throws where it finds
 * none. In the end it is the new one, confirmed, whenever the power failed; or the old one, where the new one is no good.
 */
export class FerryOracle implements Oracle {
  readonly #bench: Workbench;
  readonly #old: Uint8Array;
  readonly #mcuImage: Uint8Array;
  #new: Uint8Array | undefined;
  #bootsJudged = 0;

  constructor(bench: Workbench, old: Uint8Array) {
    this.#bench = bench;
    this.#old = old;
    this.#mcuImage = bench.mcu.running.image;
  }

  expect({ image }: Step): void {
    this.#new = image.bytes;
  }

  offerOf({ image, outcome, leavesTargetOpen }: Step): Offer {
    const offer = { ...contentOf(image), type: "", version: "", build: "" };
    return leavesTargetOpen && outcome !== "refused" ? offer : { ...offer, target: "ncp" };
  }

  get verdict(): Verdict | undefined {
    return this.#bench.device.ncp?.selfVerdict;
  }

  isDone({ outcome }: Step): boolean {
    const { verdict } = this;
    if (verdict?.kind === "rolled-back") return outcome === "rolled-back" && this.#runs(this.#old);
    if (verdict?.kind !== "succeeded" || outcome === "rolled-back") return false;
    const { storage, running } = this.#bench.device;
    return storage.bootSlot === running?.slot && storage.bootSlotIsConfirmed && this.#runs(this.#new);
  }

  judge(): void {
    const { device, mcu } = this.#bench;
    if (mcu.running.image !== this.#mcuImage) throw new Failed("wrong-bytes", "the MCU's image has changed");
    if (device.boots === this.#bootsJudged || !device.running) return;
    this.#bootsJudged = device.boots;
    if (this.#runs(this.#old) || this.#runs(this.#new)) return;
    throw new Failed("wrong-bytes", `${device.running.slot} is booted, and holds no build of the cloud's`);
  }

  get story(): string {
    const { running } = this.#bench.device;
    return `Ferry ${running?.version} runs from ${running?.slot}; ${describe(this.verdict)}`;
  }

  /** Whether the slot that runs has this build. */
  #runs(build: Uint8Array | undefined): boolean {
    const { storage, running } = this.#bench.device;
    return (
      build !== undefined && running !== undefined && sameBytes(storage.peek(running.slot, 0, build.length), build)
    );
  }
}

function contentOf({ path, bytes }: CloudImage) {
  return { url: `http://${SERVER_HOST}${path}`, sizeBytes: bytes.length };
}

function describe(verdict: Verdict | undefined): string {
  if (!verdict) return "Ferry has no verdict";
  return `Ferry says ${verdict.kind}${verdict.kind === "succeeded" ? "" : `: ${verdict.failure.detail}`}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  if (a === b) return true;
  return a.length === b?.length && a.every((byte, index) => byte === b[index]);
}
