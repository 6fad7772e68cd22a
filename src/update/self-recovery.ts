/**
 * What becomes of Ferry's own update when Ferry starts: an ordered table over what is found, the first row that fits
 * wins, and the last one catches all. docs/recovery.md shows this very table.
 */

import { failure } from "../base/failure.js";
import { deepFreeze } from "../base/freeze.js";
import { beginTrial, endRolledBack, endSucceeded } from "./self-update-machine.js";
import { SELF_IDLE, type SelfPhase, type SelfUpdateState, type SelfUpdateStep } from "./self-update-state.js";

/** A build that never came as far as to say so in its record is started so often: a power cut may be to blame. */
export const TRIES_MAX = 2;

/** How far the record says that it had come. "pending": before the slot was touched. */
export type SelfRecordPhase =
  | "idle"
  | "pending"
  | "installing"
  | "restarting"
  | "trial"
  | "confirming"
  | "reverting"
  | "ended";

/** Which build runs: the one that was being installed, or the one before. */
export type RunningBuild = "new" | "old";

/** What Ferry does next. */
export type SelfAction = "try" | "succeed" | "install" | "install-again" | "roll-back" | "queue" | "rest";

export interface SelfRecoveryRow {
  readonly record: SelfRecordPhase | "any";
  readonly running: RunningBuild | "any";
  /** What the boot loader keeps of the running slot. */
  readonly slot: "pending-verify" | "any";
  readonly action: SelfAction;
  /** For people. */
  readonly next: string;
}

export const SELF_RECOVERY: readonly SelfRecoveryRow[] = deepFreeze<SelfRecoveryRow[]>([
  {
    record: "any",
    running: "any",
    slot: "pending-verify",
    action: "try",
    next: "Waits for the proofs, confirms itself by them, and goes back when they do not come in time.",
  },
  {
    record: "any",
    running: "new",
    slot: "any",
    action: "succeed",
    next: "It is confirmed already, or its boot loader does no rollback: the update has succeeded.",
  },
  {
    record: "installing",
    running: "old",
    slot: "any",
    action: "install",
    next: "The boot loader was never told: checks the staged image and installs it again, or fetches what is missing.",
  },
  {
    record: "restarting",
    running: "old",
    slot: "any",
    action: "install-again",
    next: "The new build never came to say that it runs: installs it again, twice in all; then it counts as rolled back.",
  },
  {
    record: "trial",
    running: "old",
    slot: "any",
    action: "roll-back",
    next: "The new build restarted, or lost its power, before it was confirmed. Rolled back: `restart: reverted`.",
  },
  {
    record: "confirming",
    running: "old",
    slot: "any",
    action: "install",
    next: "All proofs were there, and the power failed while that was noted: fetches and installs it again.",
  },
  {
    record: "reverting",
    running: "old",
    slot: "any",
    action: "roll-back",
    next: "The new build gave up. Rolled back, with the reason it left: `restart: unconfirmed`.",
  },
  { record: "pending", running: "any", slot: "any", action: "queue", next: "Begins again, with all that is staged." },
  { record: "any", running: "any", slot: "any", action: "rest", next: "Nothing is under way." },
]);

/** The action of the first row that fits. */
export function selfActionFor(record: SelfRecordPhase, running: RunningBuild, isPending: boolean): SelfAction {
  const fits = (row: SelfRecoveryRow) =>
    (row.record === "any" || row.record === record) &&
    (row.running === "any" || row.running === running) &&
    (row.slot === "any" || isPending);
  return SELF_RECOVERY.find(fits)?.action ?? "rest";
}

export function recordPhaseOf(phase: SelfPhase): SelfRecordPhase {
  switch (phase) {
    case "queued":
    case "staging":
    case "checking":
    case "waiting":
      return "pending";
    default:
      return phase;
  }
}

/** What a life finds. */
export interface SelfFindings {
  /** From the record; idle when there is none. */
  readonly state: SelfUpdateState;
  readonly recorded: SelfRecordPhase;
  /** Label of the slot that does not run. */
  readonly passiveSlot: string | undefined;
  readonly isPending: boolean;
  readonly confirmationMs: number;
}

/** The first step of a life. */
export function resumeSelfUpdate(found: SelfFindings): SelfUpdateStep {
  const { state, recorded, passiveSlot, isPending, confirmationMs } = found;
  // An update goes to the passive slot: once that is another one, the update runs.
  const running = state.slot !== undefined && state.slot !== passiveSlot ? "new" : "old";
  switch (selfActionFor(recorded, running, isPending)) {
    case "try":
      return beginTrial(running === "new" ? state : withoutBuild(state), confirmationMs);
    case "succeed":
      return endSucceeded(state);
    case "install":
    case "queue":
      return { state: { ...withoutBuild(state), phase: "queued" }, effects: [] };
    case "install-again":
      if (state.tries < TRIES_MAX) return { state: { ...withoutBuild(state), phase: "queued" }, effects: [] };
      return endRolledBack(state, failure("restart", "reverted", neverStarted(state)));
    case "roll-back":
      return endRolledBack(state, state.failure ?? failure("restart", "reverted", revertedDetail(state)));
    case "rest":
      return { state: { ...state, phase: state.verdict ? "ended" : "idle" }, effects: [] };
  }
}

/** Nothing is known of the image before it is checked in this life. */
function withoutBuild(state: SelfUpdateState): SelfUpdateState {
  const { build: _, slot: __, failure: ___, ...rest } = state;
  return rest;
}

function neverStarted({ build }: SelfUpdateState): string {
  return `version ${build?.version} was booted ${TRIES_MAX} times and never came up; the boot loader went back`;
}

function revertedDetail({ build }: SelfUpdateState): string {
  return `version ${build?.version} restarted, or lost its power, before it was confirmed; the boot loader went back`;
}

/** For a record that is absent, damaged, or of another version of Ferry. */
export const NOTHING_RECORDED = deepFreeze<{ state: SelfUpdateState; recorded: SelfRecordPhase }>({
  state: SELF_IDLE,
  recorded: "idle",
});
