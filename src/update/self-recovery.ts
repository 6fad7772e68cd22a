/**
 * What becomes of Ferry's own update when Ferry starts: an ordered table over what is found, the first row that fits
 * wins, and the last one catches all. docs/recovery.md shows this very table.
 */

import { failure } from "../base/failure.js";
import { deepFreeze } from "../base/freeze.js";
import type { ResetReason } from "../ports.js";
import { beginTrial, endRolledBack, endSucceeded } from "./self-update-machine.js";
import {
  SELF_IDLE,
  type SelfPhase,
  type SelfUpdateEffect,
  type SelfUpdateState,
  type SelfUpdateStep,
} from "./self-update-state.js";

/** A build that never came as far as to say so in its record is started so often: it may not have been its fault. */
export const TRIES_MAX = 2;

/** A build whose trial was ended from outside, by a lost power or by the reset pin, is started so often. */
export const TRIALS_MAX = 3;

/**
 * Before a build is started again. Whoever reset the chip finds Ferry first and sets it up: a restart in the middle of
 * that would have a Zephyr host give up for good. By then every client has come up, or has given up looking.
 */
export const REPEAT_DELAY_MS = 60_000;

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

/** Who reset the chip: the world outside, by taking its power or by its pin, or a build of Ferry, however it did. */
export type ResetCause = "outside" | "Ferry";

/** What Ferry does next. */
export type SelfAction =
  | "try"
  | "succeed"
  | "install"
  | "install-again"
  | "repeat-trial"
  | "roll-back"
  | "queue"
  | "rest";

export interface SelfRecoveryRow {
  readonly record: SelfRecordPhase | "any";
  readonly running: RunningBuild | "any";
  /** What the boot loader keeps of the running slot. */
  readonly slot: "pending-verify" | "any";
  readonly reset: ResetCause | "any";
  readonly action: SelfAction;
  /** For people. */
  readonly next: string;
}

export const SELF_RECOVERY: readonly SelfRecoveryRow[] = deepFreeze<SelfRecoveryRow[]>([
  {
    record: "any",
    running: "any",
    slot: "pending-verify",
    reset: "any",
    action: "try",
    next: "Waits for the proofs, confirms itself by them, and goes back when they do not come in time.",
  },
  {
    record: "any",
    running: "new",
    slot: "any",
    reset: "any",
    action: "succeed",
    next: "It is confirmed already, or its boot loader does no rollback: the update has succeeded.",
  },
  {
    record: "installing",
    running: "old",
    slot: "any",
    reset: "any",
    action: "install",
    next: "The boot loader was never told: checks the staged image and installs it again, or fetches what is missing.",
  },
  {
    record: "restarting",
    running: "old",
    slot: "any",
    reset: "outside",
    action: "repeat-trial",
    next: "It is not the new build's fault: installs it again a minute later, three times in all; then it counts as rolled back.",
  },
  {
    record: "trial",
    running: "old",
    slot: "any",
    reset: "outside",
    action: "repeat-trial",
    next: "The same: the power, or the reset pin, has ended its trial.",
  },
  {
    record: "restarting",
    running: "old",
    slot: "any",
    reset: "any",
    action: "install-again",
    next: "The new build never came to say that it runs: installs it again, twice in all; then it counts as rolled back.",
  },
  {
    record: "trial",
    running: "old",
    slot: "any",
    reset: "any",
    action: "roll-back",
    next: "The new build crashed, hung or restarted before it was confirmed. Rolled back: `restart: reverted`.",
  },
  {
    record: "confirming",
    running: "old",
    slot: "any",
    reset: "any",
    action: "install",
    next: "All proofs were there, and the chip was reset while that was noted: installs it again.",
  },
  {
    record: "reverting",
    running: "old",
    slot: "any",
    reset: "any",
    action: "roll-back",
    next: "The new build gave up. Rolled back, with the reason it left: `restart: unconfirmed`.",
  },
  {
    record: "pending",
    running: "any",
    slot: "any",
    reset: "any",
    action: "queue",
    next: "Begins again, with all that is staged.",
  },
  { record: "any", running: "any", slot: "any", reset: "any", action: "rest", next: "Nothing is under way." },
]);

/** Of a brownout the supply is to blame; where nobody knows, the build is. */
export function resetCauseOf(reason: ResetReason): ResetCause {
  return reason === "power" || reason === "pin" || reason === "brownout" ? "outside" : "Ferry";
}

/** The action of the first row that fits. */
export function selfActionFor(
  record: SelfRecordPhase,
  running: RunningBuild,
  isPending: boolean,
  reset: ResetCause,
): SelfAction {
  const fits = (row: SelfRecoveryRow) =>
    (row.record === "any" || row.record === record) &&
    (row.running === "any" || row.running === running) &&
    (row.slot === "any" || isPending) &&
    (row.reset === "any" || row.reset === reset);
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
  readonly resetReason: ResetReason;
  readonly confirmationMs: number;
}

/** The first step of a life. */
export function resumeSelfUpdate(found: SelfFindings): SelfUpdateStep {
  const { state, recorded, passiveSlot, isPending, resetReason, confirmationMs } = found;
  // An update goes to the passive slot: once that is another one, the update runs.
  const running = state.slot !== undefined && state.slot !== passiveSlot ? "new" : "old";
  switch (selfActionFor(recorded, running, isPending, resetCauseOf(resetReason))) {
    case "try":
      return beginTrial(running === "new" ? state : withoutBuild(state), confirmationMs);
    case "succeed":
      return endSucceeded(state);
    case "install":
    case "queue":
      return takeUp(state, recorded);
    case "install-again":
      if (state.tries < TRIES_MAX) return takeUp(state, recorded);
      return endRolledBack(state, failure("restart", "reverted", neverStarted(state)));
    case "repeat-trial":
      if (state.tries < TRIALS_MAX) return takeUp(state, recorded);
      return endRolledBack(state, failure("restart", "reverted", interrupted(state)));
    case "roll-back":
      return endRolledBack(state, state.failure ?? failure("restart", "reverted", revertedDetail(state, resetReason)));
    case "rest":
      return { state: { ...state, phase: state.verdict ? "ended" : "idle" }, effects: [] };
  }
}

/**
 * Begins again with what is staged. A build that was started before has to wait: the record says at once how far this
 * has come, for another reset meanwhile says nothing of that build.
 */
function takeUp(state: SelfUpdateState, recorded: SelfRecordPhase): SelfUpdateStep {
  const queued: SelfUpdateState = { ...withoutBuild(state), phase: "queued" };
  if (state.tries === 0) return { state: queued, effects: [] };
  const remember: SelfUpdateEffect[] = recorded === "pending" ? [] : [{ do: "remember" }];
  const wait: SelfUpdateEffect = { do: "wait", wait: "repeat", ms: REPEAT_DELAY_MS };
  return { state: { ...queued, isHeld: true }, effects: [...remember, wait] };
}

/** Nothing is known of the image before it is checked in this life. */
function withoutBuild(state: SelfUpdateState): SelfUpdateState {
  const { build: _, slot: __, failure: ___, ...rest } = state;
  return rest;
}

function neverStarted({ build }: SelfUpdateState): string {
  return `version ${build?.version} was booted ${TRIES_MAX} times and never came up; the boot loader went back`;
}

function interrupted({ build }: SelfUpdateState): string {
  const version = build?.version;
  return `version ${version} lost its power, or was reset by its pin, before it was confirmed, at the last of ${TRIALS_MAX} boots`;
}

const DEEDS: Readonly<Partial<Record<ResetReason, string>>> = Object.freeze({ crash: "crashed", watchdog: "hung" });

function revertedDetail({ build }: SelfUpdateState, reason: ResetReason): string {
  return `version ${build?.version} ${DEEDS[reason] ?? "restarted"} before it was confirmed; the boot loader went back`;
}

/** For a record that is absent, damaged, or of another version of Ferry. */
export const NOTHING_RECORDED = deepFreeze<{ state: SelfUpdateState; recorded: SelfRecordPhase }>({
  state: SELF_IDLE,
  recorded: "idle",
});
