/**
 * One update of the MCU's firmware, from offer to verdict, as a pure machine: (state, event) -> state and effects.
 *
 *   idle --offer--> queued --MCU ready--> offering --yes--> accepted --Start--> serving --taken--> returning --> ended
 *                     ^                      |  (no answer) open --Start or late yes--^                 MCU is back
 *                     '--MCU restarted-------'------------------------'
 *
 * Invariants: an MCU that calls otaUpdateStart is served whenever a whole image, or a way to get one, is at hand,
 * whatever happened before (a boot loader knows nothing of offers); an answer owed is given exactly once; from every
 * phase there is a way to `ended`, by the MCU or by a timeout; after a restart of Ferry an unfinished update is queued
 * again with all that was staged.
 */

import { type Cause, type Failure, failure } from "../base/failure.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { TransferResult } from "./transfer-machine.js";
import {
  IDLE,
  type StagingPhase,
  type UpdateEffect,
  type UpdateEvent,
  type UpdateState,
  type UpdateStep,
  type Wait,
} from "./update-state.js";
import { judgeReturn, sameFirmware, type Verdict } from "./verdict.js";

/** An MCU may erase its whole slot before it answers an offer; after so long the offer is made again. */
export const OFFER_PATIENCE_MS = 60_000;
export const OFFERS_MAX = 5;
/** "Unlimited time" between yes and Start (low battery, work to finish), made finite. */
export const ACCEPTED_PATIENCE_MS = 24 * 3_600_000;
/** Boot loaders that swap megabytes over a slow SPI flash take minutes. */
export const RETURN_PATIENCE_MS = 10 * 60_000;

/** Asking again would end the same way. */
const REFUSED_CAUSES: readonly Cause[] = Object.freeze<Cause[]>(["mismatch", "no-space", "tried-before"]);
const NOTHING_OFFERED = Object.freeze(failure("offer", "nothing-offered", "no update is on offer"));
const ASKED_AGAIN = Object.freeze(failure("download", "superseded", "the MCU did not wait for this answer"));

const SUPERSEDED = Object.freeze(failure("download", "superseded", "another update is offered"));

export function stepUpdate(state: UpdateState, event: UpdateEvent): UpdateStep {
  switch (event.kind) {
    case "offered":
      return onOffered(state, event);
    case "offer-renewed":
      return { state: { ...state, offer: event.offer }, effects: [{ do: "remember" }] };
    case "mcu-ready":
      return onMcuReady(state, event.reported);
    case "mcu-adopted":
      // Only what waits to be offered: a boot loader that is being served, or an MCU on its way back, is left alone.
      return state.phase === "queued" ? offerIfPossible({ ...state, mcuReady: true }) : stay(state);
    case "mcu-lost":
      return onMcuLost(state);
    case "offer-answered":
      return onOfferAnswered(state, event.yes);
    case "offer-unsupported":
      return onOfferUnsupported(state);
    case "offer-silent":
      return state.phase === "offering" ? stay({ ...state, phase: "open" }) : stay(state);
    case "prefetch-asked":
      return onPrefetchAsked(state);
    case "start-asked":
      return onStartAsked(state, event.chunkBytes, event.valid);
    case "staged":
      return onStaged(state, event.tagged);
    case "staging-failed":
      return onStagingFailed(state, event.failure);
    case "staging-held":
      return onStagingHeld(state, event.failure);
    case "staging-released":
      return offerIfPossible({ ...state, staging: "fetching" });
    case "image-lost":
      return stay({ ...state, staging: state.staging === "ready" ? "none" : state.staging });
    case "transferred":
      return onTransferred(state, event.result);
    case "suspend-asked":
      return onSuspendAsked(state, event.seconds);
    case "timeout":
      return onTimeout(state, event.wait);
  }
}

function stay(state: UpdateState): UpdateStep {
  return { state, effects: [] };
}

// ---- offer ------------------------------------------------------------------------------------------------------

function onOffered(state: UpdateState, event: UpdateEvent & { kind: "offered" }): UpdateStep {
  const { mcuReady, suspended } = state;
  const previous = event.running;
  const lastGood = state.verdict?.kind === "succeeded" ? event.before : state.lastGood;
  const fresh: UpdateState = {
    ...IDLE,
    phase: "queued",
    staging: event.tagged ? "ready" : "none",
    offer: event.offer,
    ...(event.tagged ? { tagged: event.tagged } : {}),
    ...(previous ? { previous } : {}),
    ...(lastGood ? { lastGood } : {}),
    ...(state.mcuGone ? { mcuGone: true as const } : {}),
    mcuReady,
    suspended,
  };
  const next = offerIfPossible(fresh);
  const owed: UpdateEffect[] = state.prefetchOwed ? [{ do: "answer-prefetch", failure: SUPERSEDED }] : [];
  return { state: next.state, effects: [...owed, { do: "remember" }, ...next.effects] };
}

/** Offers a queued update as soon as there is an MCU that wants to hear of it. */
function offerIfPossible(state: UpdateState): UpdateStep {
  if (state.phase !== "queued" || state.staging === "held" || !state.mcuReady || state.suspended) return stay(state);
  if (state.offersMade >= OFFERS_MAX) {
    const detail = `the MCU restarted or stayed silent through ${OFFERS_MAX} offers; it will still be served if it calls otaUpdateStart`;
    return end(state, { kind: "failed", failure: failure("offer", "no-answer", detail) });
  }
  return {
    state: { ...state, phase: "offering", offersMade: state.offersMade + 1 },
    effects: [{ do: "make-offer" }, { do: "wait", wait: "offer", ms: OFFER_PATIENCE_MS }],
  };
}

function onOfferAnswered(state: UpdateState, yes: boolean): UpdateStep {
  if (state.phase !== "offering" && state.phase !== "open") return stay(state);
  if (!yes) return end(state, { kind: "failed", failure: failure("offer", "declined", "the MCU declined the offer") });
  return {
    state: { ...state, phase: "accepted" },
    effects: [{ do: "wait", wait: "accepted", ms: ACCEPTED_PATIENCE_MS }],
  };
}

function onOfferUnsupported(state: UpdateState): UpdateStep {
  if (state.phase !== "offering" && state.phase !== "open") return stay(state);
  const detail = "the MCU's firmware cannot take updates: it answered otaUpdateAvailable with an error";
  return end(state, { kind: "failed", failure: failure("offer", "unsupported", detail) });
}

// ---- the MCU comes and goes ---------------------------------------------------------------------------------------

function onMcuReady(before: UpdateState, reported: FirmwareInfo | undefined): UpdateStep {
  const { mcuGone, ...state } = before;
  const step = onMcuHere(state, reported);
  return mcuGone ? { state: step.state, effects: [{ do: "remember" }, ...step.effects] } : step;
}

function onMcuHere(state: UpdateState, reported: FirmwareInfo | undefined): UpdateStep {
  const taken = state.phase === "returning" || state.phase === "ended";
  const before = taken ? state.previous : (state.previous ?? reported);
  const ready: UpdateState = { ...state, ...(before ? { previous: before } : {}), mcuReady: true, prefetchOwed: false };
  if (state.phase === "idle") return stay(ready);
  if (taken) return onReturned(ready, reported);
  // Whatever became of the answers: an MCU that changed to the offered firmware has taken the image.
  const arrived = reported && isArrival(ready, reported);
  const next = arrived
    ? end(ready, { kind: "succeeded", proof: "version" })
    : offerIfPossible({ ...ready, phase: "queued", wholeFirst: false });
  const wasServing: UpdateEffect[] = state.phase === "serving" ? [{ do: "stop-serving" }] : [];
  return { state: next.state, effects: [...wasServing, ...next.effects] };
}

function isArrival(state: UpdateState, reported: FirmwareInfo): boolean {
  const target = targetOf(state);
  const { previous } = state;
  if (!target.version || !previous?.version || sameFirmware(previous, target)) return false;
  return sameFirmware(reported, target);
}

/** The MCU is silent for good. A boot loader may still be at work, so an open update stays open. */
function onMcuLost(state: UpdateState): UpdateStep {
  return stay({ ...state, mcuReady: false });
}

/** Judges the MCU's return; an MCU that comes back later still, changed, corrects the verdict. */
function onReturned(state: UpdateState, reported: FirmwareInfo | undefined): UpdateStep {
  const verdict = judgeReturn(targetOf(state), state.previous, reported);
  if (state.phase === "returning") return end(state, verdict);
  const was = state.verdict;
  const better = verdict.kind === "succeeded" && verdict.proof === "version" && was?.kind !== "succeeded";
  const worse = verdict.kind === "rolled-back" && was?.kind === "succeeded";
  return better || worse ? end(state, verdict) : stay(state);
}

function targetOf(state: UpdateState): FirmwareInfo {
  const { offer, tagged } = state;
  return {
    type: offer?.type || tagged?.type || "",
    version: offer?.version || tagged?.version || "",
    build: tagged?.build || offer?.build || "",
  };
}

// ---- staging ------------------------------------------------------------------------------------------------------

function onPrefetchAsked(state: UpdateState): UpdateStep {
  if (state.phase === "idle") return { state, effects: [{ do: "answer-prefetch", failure: NOTHING_OFFERED }] };
  if (state.staging === "held" && state.stagingFailure) {
    return { state, effects: [{ do: "answer-prefetch", failure: state.stagingFailure }] };
  }
  // An MCU that asks again has given up waiting for the first answer.
  const effects: UpdateEffect[] = state.prefetchOwed ? [{ do: "answer-prefetch", failure: ASKED_AGAIN }] : [];
  const accepted: UpdateState = { ...acceptedBy(state), wholeFirst: true, prefetchOwed: false };
  if (state.staging === "ready") return { state: accepted, effects: [...effects, { do: "answer-prefetch" }] };
  if (state.staging === "refused" && state.stagingFailure) {
    return { state: accepted, effects: [...effects, { do: "answer-prefetch", failure: state.stagingFailure }] };
  }
  if (state.staging !== "fetching") effects.push({ do: "fetch" });
  return { state: { ...accepted, staging: "fetching", prefetchOwed: true }, effects };
}

/** An MCU that prefetches or starts has said yes, however its answer to the offer fared. */
function acceptedBy(state: UpdateState): UpdateState {
  const waiting = state.phase === "queued" || state.phase === "offering" || state.phase === "open";
  return waiting ? { ...state, phase: "accepted" } : state;
}

function onStaged(state: UpdateState, tagged: FirmwareInfo): UpdateStep {
  const effects: UpdateEffect[] = state.prefetchOwed ? [{ do: "answer-prefetch" }] : [];
  effects.push({ do: "remember" });
  return { state: { ...state, staging: "ready", tagged, prefetchOwed: false }, effects };
}

function onStagingFailed(state: UpdateState, failed: Failure): UpdateStep {
  const staging: StagingPhase = REFUSED_CAUSES.includes(failed.cause) ? "refused" : "failed";
  const effects: UpdateEffect[] = [];
  if (state.prefetchOwed) effects.push({ do: "answer-prefetch", failure: failed });
  if (state.phase === "serving") effects.push({ do: "stop-serving" }, { do: "cancel-mcu" });
  const ended = end(
    { ...state, staging, stagingFailure: failed, prefetchOwed: false },
    { kind: "failed", failure: failed },
  );
  return { state: ended.state, effects: [...effects, ...ended.effects] };
}

/** The MCU is let go, and offered the update again when the download goes on. */
function onStagingHeld(state: UpdateState, failed: Failure): UpdateStep {
  const effects: UpdateEffect[] = [];
  if (state.prefetchOwed) effects.push({ do: "answer-prefetch", failure: failed });
  if (state.phase === "serving") effects.push({ do: "stop-serving" }, { do: "cancel-mcu" });
  const phase = state.phase === "ended" ? "ended" : "queued";
  const held: UpdateState = { ...state, phase, staging: "held", stagingFailure: failed };
  return { state: { ...held, prefetchOwed: false, wholeFirst: false, offersMade: 0 }, effects };
}

// ---- transfer -----------------------------------------------------------------------------------------------------

function onStartAsked(state: UpdateState, chunkBytes: number, valid: boolean): UpdateStep {
  if (!valid || state.phase === "idle" || state.staging === "refused" || state.staging === "held") {
    return { state, effects: [{ do: "answer-start", ok: false }] };
  }
  // The answer leaves first; a transfer under way starts over, from flash.
  const effects: UpdateEffect[] = [{ do: "answer-start", ok: true }];
  if (state.phase === "serving") effects.push({ do: "stop-serving" });
  const fetching = state.staging === "none" || state.staging === "failed";
  if (fetching) effects.push({ do: "fetch" });
  // The MCU has given up waiting for its prefetch; a prefetch that is not answered would hold back all events.
  if (state.prefetchOwed) effects.push({ do: "answer-prefetch", failure: ASKED_AGAIN });
  effects.push({ do: "serve", chunkBytes });
  const { verdict: _, ...rest } = state;
  const staging = fetching ? "fetching" : state.staging;
  return { state: { ...rest, phase: "serving", staging, suspended: false, prefetchOwed: false }, effects };
}

function onTransferred(state: UpdateState, result: TransferResult): UpdateStep {
  if (state.phase !== "serving") return stay(state);
  if (result.kind === "failed") {
    const ended = end(state, { kind: "failed", failure: result.failure });
    return { state: ended.state, effects: [{ do: "cancel-mcu" }, ...ended.effects] };
  }
  return {
    state: { ...state, phase: "returning" },
    effects: [{ do: "remember" }, { do: "wait", wait: "return", ms: RETURN_PATIENCE_MS }],
  };
}

// ---- suspension and timeouts ----------------------------------------------------------------------------------------

function onSuspendAsked(state: UpdateState, seconds: number): UpdateStep {
  if (seconds === 0) return onResumed(state);
  const effects: UpdateEffect[] = [{ do: "wait", wait: "suspension", ms: seconds * 1000 }];
  if (state.phase === "serving") effects.push({ do: "pause" });
  return { state: { ...state, suspended: true }, effects };
}

function onResumed(state: UpdateState): UpdateStep {
  const resumed: UpdateState = { ...state, suspended: false };
  if (state.phase === "serving") return { state: resumed, effects: [{ do: "resume" }] };
  return offerIfPossible(resumed);
}

function onTimeout(state: UpdateState, wait: Wait): UpdateStep {
  switch (wait) {
    case "suspension":
      return state.suspended ? onResumed(state) : stay(state);
    case "offer":
      if (state.phase !== "offering" && state.phase !== "open") return stay(state);
      return offerIfPossible({ ...state, phase: "queued" });
    case "accepted": {
      if (state.phase !== "accepted") return stay(state);
      const hours = ACCEPTED_PATIENCE_MS / 3_600_000;
      const detail = `the MCU accepted the offer and did not call otaUpdateStart for ${hours} hours; it will still be served if it does`;
      return end(state, { kind: "failed", failure: failure("offer", "no-answer", detail) });
    }
    case "return": {
      if (state.phase !== "returning") return stay(state);
      const detail = `the MCU took the image and did not come back within ${RETURN_PATIENCE_MS / 60_000} minutes`;
      return end({ ...state, mcuGone: true }, { kind: "failed", failure: failure("restart", "no-return", detail) });
    }
  }
}

function end(state: UpdateState, verdict: Verdict): UpdateStep {
  return {
    state: { ...state, phase: "ended", verdict },
    effects: [{ do: "remember" }, { do: "report-verdict", verdict }],
  };
}
