/**
 * A schedule: where in which scenario the power is cut, and how. Its text names it for replays:
 *
 *   prefetch@s1:17.torn-prefix+23.after
 *   scenario @ geometry seed : operation . kind [+ operation . kind]
 *
 * Operations are counted from 1 where the scenario begins to be swept, through all lives of the device.
 */

import { CUT_KINDS, type CutKind } from "../sim/power.js";

/** "s": small images on a small partition. "r": real sizes on the table of a 4 MB module. */
export type Geometry = "s" | "r";

export interface Cut {
  readonly operation: number;
  readonly kind: CutKind;
}

export interface Schedule {
  readonly scenario: string;
  readonly geometry: Geometry;
  readonly seed: number;
  /** In the order in which they strike. None: a rehearsal. */
  readonly cuts: readonly Cut[];
}

export const SEED_MAX = 0xffff_ffff;

const ID = /^([a-z-]+)@([sr])(\d+):(\d+\.[a-z-]+(?:\+\d+\.[a-z-]+)*)$/;

export function idOf({ scenario, geometry, seed, cuts }: Schedule): string {
  return `${scenario}@${geometry}${seed}:${cuts.map(({ operation, kind }) => `${operation}.${kind}`).join("+")}`;
}

/** Returns what is wrong with the id where it is none. Whether its scenario exists, the caller sees. */
export function parseId(id: string): Schedule | string {
  const [, scenario = "", geometry, seedText, cutsText = ""] = ID.exec(id) ?? [];
  if (!geometry) return "it is not of the form prefetch@s1:17.torn-prefix+23.after";
  const seed = Number(seedText);
  if (seed > SEED_MAX) return `its seed ${seed} is above ${SEED_MAX}`;
  const cuts: Cut[] = [];
  for (const text of cutsText.split("+")) {
    const [operationText, kindText] = text.split(".");
    const kind = CUT_KINDS.find((candidate) => candidate === kindText);
    if (!kind) return `there is no cut kind ${kindText}; there are ${CUT_KINDS.join(", ")}`;
    const operation = Number(operationText);
    if (operation <= (cuts.at(-1)?.operation ?? 0)) return "its operations do not ascend from 1";
    cuts.push({ operation, kind });
  }
  return { scenario, geometry: geometry as Geometry, seed, cuts };
}
