/** What NVS keeps of an update, as JSON in a two-slot record: enough to go on, or to judge the MCU's return. */

import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import { type FirmwareInfo, isFirmwareInfo } from "../image/info-tag.js";
import { isOffer, type Offer } from "../image/offer.js";
import { IDLE, type UpdateState } from "./update-machine.js";
import type { Verdict } from "./verdict.js";

interface UpdateRecord {
  readonly offer: Offer;
  readonly previous?: FirmwareInfo;
  readonly tagged?: FirmwareInfo;
  /** Everything before the MCU took the image is "pending": it is offered again from the start. */
  readonly phase: "pending" | "returning" | "ended";
  readonly verdict?: Verdict;
  readonly lastGood?: Offer;
}

/** `undefined` when there is nothing to keep. */
export function encodeUpdate(state: UpdateState): Uint8Array | undefined {
  const { offer, previous, tagged, verdict, lastGood } = state;
  if (!offer) return undefined;
  const phase = state.phase === "returning" || state.phase === "ended" ? state.phase : "pending";
  const record: UpdateRecord = {
    offer,
    phase,
    ...(previous ? { previous } : {}),
    ...(tagged ? { tagged } : {}),
    ...(phase === "ended" && verdict ? { verdict } : {}),
    ...(lastGood ? { lastGood } : {}),
  };
  return encodeUtf8(JSON.stringify(record));
}

/** The state to begin a life with, nothing staged; idle for anything that this version of Ferry did not write. */
export function decodeUpdate(body: Uint8Array): UpdateState {
  const record = parseJson(decodeUtf8(body));
  if (!isRecord(record) || !isOffer(record.offer)) return IDLE;
  const phase = record.phase === "returning" || record.phase === "ended" ? record.phase : "queued";
  const verdict = phase === "ended" && isVerdict(record.verdict) ? record.verdict : undefined;
  return {
    ...IDLE,
    phase,
    offer: record.offer,
    ...(isFirmwareInfo(record.previous) ? { previous: record.previous } : {}),
    ...(isFirmwareInfo(record.tagged) ? { tagged: record.tagged } : {}),
    ...(verdict ? { verdict } : {}),
    ...(isOffer(record.lastGood) ? { lastGood: record.lastGood } : {}),
  };
}

function isVerdict(value: unknown): value is Verdict {
  if (!isRecord(value)) return false;
  if (value.kind === "succeeded") return value.proof === "version" || value.proof === "finish";
  return (value.kind === "failed" || value.kind === "rolled-back") && isRecord(value.failure);
}
