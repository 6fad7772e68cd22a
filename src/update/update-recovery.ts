/**
 * What becomes of the MCU's update when Ferry starts: an ordered table over what its record says, the first row that
 * fits wins, and the last one catches all. docs/recovery.md shows this very table.
 */

import { deepFreeze } from "../base/freeze.js";
import type { Phase } from "./update-state.js";

/** `unreadable`: whole, and not written by this version of Ferry. */
export type UpdateFound = "absent" | "damaged" | "unreadable" | UpdateRecordPhase;

/** Everything before the MCU took the image is "pending". */
export type UpdateRecordPhase = "pending" | "returning" | "ended";

export interface UpdateRecoveryRow {
  readonly record: UpdateFound | "any";
  /** With which the life begins. */
  readonly phase: Phase;
  /** For people. */
  readonly next: string;
}

export const UPDATE_RECOVERY: readonly UpdateRecoveryRow[] = deepFreeze<UpdateRecoveryRow[]>([
  {
    record: "pending",
    phase: "queued",
    next: "The update is offered when the MCU initializes, with all that is staged of its image.",
  },
  {
    record: "returning",
    phase: "returning",
    next: "The MCU has taken the image. Ferry waits for its return, ten minutes from now on.",
  },
  {
    record: "ended",
    phase: "ended",
    next: "The verdict is known. It is corrected if the MCU comes back changed; the image is still served if the MCU asks.",
  },
  {
    record: "any",
    phase: "idle",
    next: "No update is known: `otaUpdateStart` gets `false`, a Prefetch status 2. The next offer is written over the record.",
  },
]);

/** The phase of the first row that fits. */
export function firstPhaseFor(record: UpdateFound): Phase {
  return UPDATE_RECOVERY.find((row) => row.record === "any" || row.record === record)?.phase ?? "idle";
}
