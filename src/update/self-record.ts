/** What NVS keeps of Ferry's own update, as JSON in a two-slot record: for whichever build runs next. */

import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import { isOffer, type Offer } from "../image/offer.js";
import { NOTHING_RECORDED, recordPhaseOf, type SelfRecordPhase } from "./self-recovery.js";
import { REVERTED_BUILDS_MAX } from "./self-update-machine.js";
import { type OwnBuild, SELF_IDLE, type SelfUpdateState } from "./self-update-state.js";
import { isFailure, isVerdict } from "./verdict.js";

/** Another Ferry reads what this one wrote: a phase that it does not know counts as "idle". */
const PHASES: readonly string[] = Object.freeze([
  "idle",
  "pending",
  "installing",
  "restarting",
  "trial",
  "confirming",
  "reverting",
  "ended",
] satisfies SelfRecordPhase[]);

export function encodeSelfUpdate(state: SelfUpdateState): Uint8Array {
  const { phase, activity: _, missing: __, isHeld: ___, ...rest } = state;
  return encodeUtf8(JSON.stringify({ ...rest, phase: recordPhaseOf(phase) }));
}

/** Each part for itself: what cannot be read is as if it had never been there. */
export function decodeSelfUpdate(body: Uint8Array): { state: SelfUpdateState; recorded: SelfRecordPhase } {
  const record = parseJson(decodeUtf8(body));
  if (!isRecord(record)) return NOTHING_RECORDED;
  const { offer, build, slot, tries, failure, verdict, revertedBuilds } = record;
  const reverted = Array.isArray(revertedBuilds) ? revertedBuilds.filter((sha256) => typeof sha256 === "string") : [];
  const state: SelfUpdateState = {
    ...SELF_IDLE,
    ...(isOffer(offer) ? { offer } : {}),
    force: record.force === true,
    ...(isOwnBuild(build) ? { build } : {}),
    ...(typeof slot === "string" ? { slot } : {}),
    tries: typeof tries === "number" ? tries : 0,
    ...(isFailure(failure) ? { failure } : {}),
    ...(isVerdict(verdict) ? { verdict } : {}),
    revertedBuilds: reverted.slice(0, REVERTED_BUILDS_MAX),
  };
  return { state, recorded: phaseIn(record.phase, state.offer) };
}

function phaseIn(value: unknown, offer: Offer | undefined): SelfRecordPhase {
  return offer && typeof value === "string" && PHASES.includes(value) ? (value as SelfRecordPhase) : "idle";
}

function isOwnBuild(value: unknown): value is OwnBuild {
  return isRecord(value) && typeof value.version === "string" && typeof value.sha256 === "string";
}
