/** Ferry's news as sentences for people. What has no sentence of its own is told by its fields. */

import type { Failure } from "../../src/base/failure.js";
import { toHex } from "../../src/base/hex.js";
import type { Verdict } from "../../src/update/verdict.js";
import type { PlainNews } from "./demo/events.js";

/** `undefined` for what other news tell as well. */
export function newsText(news: PlainNews): string | undefined {
  switch (news.kind) {
    case "baud":
      return `UART at ${news.baud} baud`;
    case "initialized":
      return `the MCU is up: ${news.template}, firmware ${news.firmware || "unnamed"}`;
    case "mcu-recalled":
      return `the MCU does not initialize: taken for ${news.template}, firmware ${news.firmware || "unnamed"}`;
    case "mcu-lost":
      return "the MCU is silent: waiting for it at the initial baud";
    case "phase":
      return phaseText(news.phase);
    case "request":
      return `GET ${news.url}${news.offset > 0 ? ` from byte ${news.offset} on` : ""}`;
    case "retry":
      return `${news.reason}; asks again in ${(news.pauseMs / 1000).toFixed(1)} s`;
    case "held":
      return news.failure.detail;
    case "staged":
      return `image staged and verified: CRC-32 ${crcText(news.crc32)}, SHA-256 ${news.sha256.slice(0, 16)}...`;
    case "resend":
      return `sends the chunk at byte ${news.offset} again: ${news.reason}`;
    case "verdict":
      return verdictText(news.verdict);
    case "state":
      return news.lastError === undefined ? undefined : `no connection: error ${news.lastError}`;
    case "not-taken":
      return `the offer of ${news.offer.version || "?"} is not taken: ${news.reason}`;
    case "poll-failed":
      return `no offer from the vendor's server: ${news.problem}`;
    case "gesture":
      return `button: ${news.gesture}`;
    case "fault":
      return `fault: ${news.detail}`;
    default:
      return fieldsText(news);
  }
}

export function failureText({ stage, cause, detail, offset }: Failure): string {
  return `at stage ${stage}, cause ${cause}${offset === undefined ? "" : `, byte ${offset}`}: ${detail}`;
}

/** Eight hexadecimal digits. */
export function crcText(crc32: number): string {
  return toHex(Uint8Array.of(crc32 >>> 24, crc32 >>> 16, crc32 >>> 8, crc32));
}

function phaseText(phase: (PlainNews & { kind: "phase" })["phase"]): string | undefined {
  switch (phase) {
    case "offering":
      return "offers the image to the MCU";
    case "open":
      return "the MCU does not answer the offer: it stays open";
    case "accepted":
      return "the MCU accepts";
    case "serving":
      return "the MCU asks for the image: the ferry leaves";
    case "returning":
      return "the MCU has taken the image: waiting for it to come back";
    default:
      return undefined;
  }
}

function verdictText(verdict: Verdict): string {
  if (verdict.kind === "succeeded") return `update succeeded, proof: ${verdict.proof}`;
  return `update ${verdict.kind === "failed" ? "failed" : "rolled back"} ${failureText(verdict.failure)}`;
}

function fieldsText({ kind, ...fields }: { readonly kind: string }): string {
  const texts = Object.entries(fields).map(([name, value]) => `${name} ${valueText(value)}`);
  return texts.length === 0 ? kind : `${kind}: ${texts.join(", ")}`;
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
