/** What NVS keeps of an update, as JSON in a two-slot record: enough to go on, or to judge the MCU's return. */

import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import { type FirmwareInfo, isFirmwareInfo } from "../image/info-tag.js";
import { isOffer, type Offer } from "../image/offer.js";
import type { DurableRecord } from "./update-needs.js";
import { firstPhaseFor, type UpdateRecordPhase } from "./update-recovery.js";
import { IDLE, type UpdateState } from "./update-state.js";
import { isVerdict, type Verdict } from "./verdict.js";

interface UpdateRecord {
  readonly offer: Offer;
  readonly previous?: FirmwareInfo;
  readonly tagged?: FirmwareInfo;
  readonly phase: UpdateRecordPhase;
  readonly verdict?: Verdict;
  readonly lastGood?: Offer;
  readonly mcuGone?: true;
}

/** `undefined` when there is nothing to keep. */
export function encodeUpdate(state: UpdateState): Uint8Array | undefined {
  const { offer, previous, tagged, verdict, lastGood, mcuGone } = state;
  if (!offer) return undefined;
  const phase = state.phase === "returning" || state.phase === "ended" ? state.phase : "pending";
  const record: UpdateRecord = {
    offer,
    phase,
    ...(previous ? { previous } : {}),
    ...(tagged ? { tagged } : {}),
    ...(phase === "ended" && verdict ? { verdict } : {}),
    ...(lastGood ? { lastGood } : {}),
    ...(mcuGone ? { mcuGone } : {}),
  };
  return encodeUtf8(JSON.stringify(record));
}

/** The state to begin a life with, nothing staged; the phase is that of the table in update-recovery.ts. */
export function recallUpdate(stored: ReturnType<DurableRecord["read"]>): UpdateState {
  if (stored.kind !== "valid") return { ...IDLE, phase: firstPhaseFor(stored.kind) };
  const record = parseJson(decodeUtf8(stored.body));
  if (!isRecord(record) || !isOffer(record.offer)) return { ...IDLE, phase: firstPhaseFor("unreadable") };
  // A phase that this version does not know comes from an update that was under way.
  const recorded = record.phase === "returning" || record.phase === "ended" ? record.phase : "pending";
  const verdict = recorded === "ended" && isVerdict(record.verdict) ? record.verdict : undefined;
  return {
    ...IDLE,
    phase: firstPhaseFor(recorded),
    offer: record.offer,
    ...(isFirmwareInfo(record.previous) ? { previous: record.previous } : {}),
    ...(isFirmwareInfo(record.tagged) ? { tagged: record.tagged } : {}),
    ...(verdict ? { verdict } : {}),
    ...(isOffer(record.lastGood) ? { lastGood: record.lastGood } : {}),
    ...(record.mcuGone === true ? { mcuGone: true as const } : {}),
  };
}
