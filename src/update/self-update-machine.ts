/**
 * One update of Ferry itself, from offer to verdict, as a pure machine: (state, event) -> state and effects.
 *
 *   idle --> queued --> staging --> checking --> waiting --> installing --> restarting ~~ the new build: ~~.
 *              ^___________|                       ^_____________|                                         |
 *              the MCU's update comes first         the MCU comes first                                    v
 *                        ended <-- confirming <-- all proofs are there ----------------------------------- trial
 *     the old build: ended <~~~~~~~ reverting <-- time is up ------------------------------------------------'
 *
 * Invariants: the MCU comes first, up to the moment when the boot loader has been told; nothing is written into the
 * slot before the whole image has been checked; what is about to happen is remembered before it happens, so that
 * whichever build runs next knows what to make of it (self-recovery.ts); the new build is confirmed by proofs only,
 * and a build that was rolled back is not tried again, unless an operator insists. From every phase there is a way to
 * `ended`.
 */

import { type Failure, failure } from "../base/failure.js";
import { wrongTarget } from "../image/offer.js";
import type { Target } from "../image/target.js";
import type {
  Activity,
  OwnBuild,
  SelfUpdateEffect,
  SelfUpdateEvent,
  SelfUpdateState,
  SelfUpdateStep,
  SelfWait,
} from "./self-update-state.js";
import type { Verdict } from "./verdict.js";

/** For all proofs of a new build: an MCU needs up to two minutes to notice the restart, networks minutes to come up. */
export const CONFIRMATION_MS = 10 * 60_000;
/** Between two pings to an MCU that has not answered yet. */
export const PROBE_INTERVAL_MS = 5_000;
/** After the flash has refused to store the confirmation. */
export const CONFIRM_RETRY_MS = 10_000;
/** Builds remembered as rolled back: the oldest is forgotten. */
export const REVERTED_BUILDS_MAX = 8;

export function stepSelfUpdate(state: SelfUpdateState, event: SelfUpdateEvent): SelfUpdateStep {
  switch (event.kind) {
    case "offered":
      return onOffered(state, event);
    case "offer-renewed":
      return { state: { ...state, offer: event.offer, force: event.force }, effects: [{ do: "remember" }] };
    case "activity":
      return onActivity(state, event.activity);
    case "staged":
      return state.phase === "staging" ? onStaged(state, event.target) : stay(state);
    case "staging-failed":
      return state.phase === "staging" ? fail(state, event.failure) : stay(state);
    case "checked":
      return state.phase === "checking" ? onChecked(state, event.build, event.slot) : stay(state);
    case "check-failed":
      return state.phase === "checking" ? fail(state, event.failure) : stay(state);
    case "image-lost":
      return state.phase === "checking" || state.phase === "installing" ? onImageLost(state) : stay(state);
    case "installed":
      return state.phase === "installing" ? onInstalled(state) : stay(state);
    case "install-failed":
      return state.phase === "installing" ? onInstallFailed(state, event.failure) : stay(state);
    case "mcu-answered":
      return onProof({ ...state, missing: { ...state.missing, mcu: false } });
    case "cloud-accepted":
      return onProof({ ...state, missing: { ...state.missing, cloud: false } });
    case "factory-reset":
      return onFactoryReset(state, event.confirmationMs);
    case "confirmed":
      return state.phase === "confirming" ? onConfirmed(state) : stay(state);
    case "confirm-failed":
      return { state, effects: [{ do: "wait", wait: "proof", ms: CONFIRM_RETRY_MS }] };
    case "revert-failed":
      return state.phase === "reverting" ? confirm(state) : stay(state);
    case "timeout":
      return onTimeout(state, event.wait);
  }
}

function stay(state: SelfUpdateState): SelfUpdateStep {
  return { state, effects: [] };
}

// ---- up to the check ----------------------------------------------------------------------------------------------

function onOffered(state: SelfUpdateState, event: SelfUpdateEvent & { kind: "offered" }): SelfUpdateStep {
  const { revertedBuilds, activity, missing } = state;
  const { offer, force } = event;
  const next = proceed({ phase: "queued", offer, force, tries: 0, isHeld: false, revertedBuilds, activity, missing });
  return { state: next.state, effects: [...stopEffects(state), { do: "remember" }, ...next.effects] };
}

function stopEffects({ phase }: SelfUpdateState): SelfUpdateEffect[] {
  if (phase === "staging") return [{ do: "stop-staging" }];
  return phase === "checking" ? [{ do: "stop-checking" }] : [];
}

function onActivity(before: SelfUpdateState, activity: Activity): SelfUpdateStep {
  const state: SelfUpdateState = { ...before, activity };
  if (state.phase === "staging" && activity.mcuBusy) {
    return { state: { ...state, phase: "queued" }, effects: [{ do: "stop-staging" }] };
  }
  if (state.phase === "installing" && (activity.mcuBusy || activity.suspended)) {
    const effects: SelfUpdateEffect[] = [{ do: "stop-installing" }, { do: "announce" }, { do: "remember" }];
    return { state: { ...state, phase: "waiting" }, effects };
  }
  return proceed(state);
}

/** Goes on as far as the MCU leaves it. */
function proceed(state: SelfUpdateState): SelfUpdateStep {
  const { phase, offer, activity, build } = state;
  if (activity.mcuBusy || state.isHeld || !offer) return stay(state);
  if (phase === "queued") return { state: { ...state, phase: "staging" }, effects: [{ do: "stage" }] };
  if (phase !== "waiting") return stay(state);
  if (!build) {
    const { offer: _, ...rest } = state;
    return { state: { ...rest, phase: "idle" }, effects: [{ do: "hand-over", offer }, { do: "remember" }] };
  }
  if (activity.suspended) return stay(state);
  const effects: SelfUpdateEffect[] = [{ do: "announce" }, { do: "remember" }, { do: "install" }];
  return { state: { ...state, phase: "installing" }, effects };
}

/** The image's own word counts where the offer left it open. */
function onStaged(state: SelfUpdateState, target: Target | undefined): SelfUpdateStep {
  const { offer } = state;
  if (!offer) return stay(state);
  if (offer.target !== "ncp" && target !== "ncp") return proceed({ ...state, phase: "waiting" });
  if (target === "mcu") return fail(state, failure("verify", "mismatch", wrongTarget(target)));
  return { state: { ...state, phase: "checking", offer: { ...offer, target: "ncp" } }, effects: [{ do: "check" }] };
}

function onChecked(state: SelfUpdateState, build: OwnBuild, slot: string): SelfUpdateStep {
  if (!state.force && state.revertedBuilds.includes(build.sha256)) {
    const detail = `this build of version ${build.version} was tried before and rolled back; it is only tried again by force`;
    return fail(state, failure("verify", "tried-before", detail));
  }
  return proceed({ ...state, phase: "waiting", build, slot });
}

function onImageLost(state: SelfUpdateState): SelfUpdateStep {
  const { build: _, slot: __, ...rest } = state;
  const next = proceed({ ...rest, phase: "queued" });
  const announced: SelfUpdateEffect[] = state.phase === "installing" ? [{ do: "announce" }] : [];
  return { state: next.state, effects: [...announced, { do: "remember" }, ...next.effects] };
}

// ---- installation -------------------------------------------------------------------------------------------------

/** The first time the MCU hears of it. Then no more: it may be a host that resets its NCP by pin when it does. */
function onInstalled(state: SelfUpdateState): SelfUpdateStep {
  const effects: SelfUpdateEffect[] = [{ do: "remember" }, { do: "restart", silently: state.tries > 0 }];
  return { state: { ...state, phase: "restarting", tries: state.tries + 1 }, effects };
}

function onInstallFailed(state: SelfUpdateState, failed: Failure): SelfUpdateStep {
  const ended = fail(state, failed);
  return { state: ended.state, effects: [{ do: "announce" }, ...ended.effects] };
}

// ---- the trial of the new build -----------------------------------------------------------------------------------

/** How a new build begins: it runs, and nobody has heard of it yet. */
export function beginTrial(before: SelfUpdateState, confirmationMs: number): SelfUpdateStep {
  const state: SelfUpdateState = { ...before, phase: "trial" };
  const wait: SelfUpdateEffect = { do: "wait", wait: "proof", ms: confirmationMs };
  const { missing } = state;
  if (!missing.mcu && !missing.cloud) return confirm(state);
  const probes: SelfUpdateEffect[] = missing.mcu ? [{ do: "wait", wait: "probe", ms: PROBE_INTERVAL_MS }] : [];
  return { state, effects: [...rememberTrial(state), wait, ...probes] };
}

function onProof(state: SelfUpdateState): SelfUpdateStep {
  const { phase, missing } = state;
  return phase !== "trial" || missing.mcu || missing.cloud ? stay(state) : confirm(state);
}

/** Nobody logs in before the device is set up anew, and the build is not to blame for that. */
function onFactoryReset(state: SelfUpdateState, confirmationMs: number): SelfUpdateStep {
  if (state.phase !== "trial") return stay(state);
  return { state, effects: [{ do: "wait", wait: "proof", ms: confirmationMs }] };
}

function confirm(state: SelfUpdateState): SelfUpdateStep {
  return { state: { ...state, phase: "confirming" }, effects: [...rememberTrial(state), { do: "confirm" }] };
}

/** A build that came by other ways than an offer leaves the record to what it is about. */
function rememberTrial({ slot }: SelfUpdateState): SelfUpdateEffect[] {
  return slot === undefined ? [] : [{ do: "remember" }];
}

/** Of a build that came by other ways there is nothing to judge. */
function onConfirmed(state: SelfUpdateState): SelfUpdateStep {
  if (state.failure) return fail(state, state.failure);
  if (state.slot !== undefined) return end(state, { kind: "succeeded", proof: "confirmed" });
  const phase = state.verdict ? "ended" : state.offer ? "queued" : "idle";
  const next = proceed({ ...state, phase });
  return { state: next.state, effects: [{ do: "remember" }, ...next.effects] };
}

function onTimeout(state: SelfUpdateState, wait: SelfWait): SelfUpdateStep {
  const { phase, missing } = state;
  if (wait === "probe") {
    if (phase !== "trial" || !missing.mcu) return stay(state);
    return { state, effects: [{ do: "ask-mcu" }, { do: "wait", wait: "probe", ms: PROBE_INTERVAL_MS }] };
  }
  if (wait === "repeat") return proceed({ ...state, isHeld: false });
  if (phase === "confirming") return { state, effects: [{ do: "confirm" }] };
  if (phase !== "trial") return stay(state);
  const silent = [
    ...(missing.mcu ? ["the MCU did not answer"] : []),
    ...(missing.cloud ? ["no cloud login, nor an answer to a poll"] : []),
  ];
  const detail = `version ${state.build?.version ?? "unknown"} ran and was not confirmed in time: ${silent.join(", ")}`;
  const effects: SelfUpdateEffect[] = [...rememberTrial(state), { do: "revert" }];
  return { state: { ...state, phase: "reverting", failure: failure("restart", "unconfirmed", detail) }, effects };
}

// ---- the end ------------------------------------------------------------------------------------------------------

/** The old build runs again. */
export function endRolledBack(state: SelfUpdateState, failed: Failure): SelfUpdateStep {
  const { build, revertedBuilds } = state;
  const others = revertedBuilds.filter((sha256) => sha256 !== build?.sha256);
  const reverted = build ? [build.sha256, ...others].slice(0, REVERTED_BUILDS_MAX) : others;
  return end({ ...state, revertedBuilds: reverted }, { kind: "rolled-back", failure: failed });
}

/** The new build runs, and nobody waits for its proof. */
export function endSucceeded(state: SelfUpdateState): SelfUpdateStep {
  return end(state, { kind: "succeeded", proof: "confirmed" });
}

function fail(state: SelfUpdateState, failed: Failure): SelfUpdateStep {
  return end(state, { kind: "failed", failure: failed });
}

function end(state: SelfUpdateState, verdict: Verdict): SelfUpdateStep {
  const { slot: _, failure: __, ...rest } = state;
  const effects: SelfUpdateEffect[] = [{ do: "remember" }, { do: "report-verdict", verdict }];
  return { state: { ...rest, phase: "ended", verdict }, effects };
}
