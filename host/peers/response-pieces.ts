/** A planned response as what goes on the wire, in order: the part that a simulated and a real server perform. */

import { asciiBytes } from "../sim/ascii.js";
import type { Knob, ResponsePlan } from "./file-response.js";

/** One TCP segment: what is not cut shorter by an oddity is counted in these. */
const PIECE_BYTES = 1436;

export type ResponsePiece =
  /** `bodyBytes` of them are the file's. Goes out before the next piece is taken. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly bodyBytes: number }
  /** `undefined`: for ever. */
  | { readonly kind: "pause"; readonly forMs: number | undefined }
  | { readonly kind: "fired"; readonly knob: Knob }
  /** The connection ends; nothing follows. */
  | { readonly kind: "end"; readonly how: "closed" | "reset" };

export function* responsePieces(plan: ResponsePlan): Generator<ResponsePiece, void> {
  if (plan.latencyMs > 0) yield { kind: "pause", forMs: plan.latencyMs };
  for (const knob of plan.fired) yield { kind: "fired", knob };
  if (plan.bytesPerSecond !== undefined) yield { kind: "fired", knob: "slowBytesPerSecond" };
  yield { kind: "bytes", bytes: headOf(plan), bodyBytes: 0 };

  const { body, stall, stop, chunkBytes } = plan;
  const end = stop?.byte ?? body.length;
  let sent = 0;
  let isStalled = false;
  while (sent < end || (stall?.byte === sent && !isStalled)) {
    if (stall?.byte === sent && !isStalled) {
      isStalled = true;
      yield { kind: "fired", knob: "stallAtByte" };
      yield { kind: "pause", forMs: stall.forMs };
      continue;
    }
    const stallByte = stall && !isStalled && stall.byte < end ? stall.byte : end;
    const chunkEnd = chunkBytes === undefined ? end : (Math.floor(sent / chunkBytes) + 1) * chunkBytes;
    const next = Math.min(sent + PIECE_BYTES, end, stallByte, chunkEnd);
    const bytes = chunkBytes === undefined ? body.subarray(sent, next) : inChunk(body, sent, next, chunkBytes);
    yield { kind: "bytes", bytes, bodyBytes: next - sent };
    sent = next;
  }
  if (stop) {
    yield { kind: "fired", knob: stop.knob };
    yield { kind: "end", how: stop.how };
    return;
  }
  if (chunkBytes !== undefined) yield { kind: "bytes", bytes: asciiBytes("0\r\n\r\n"), bodyBytes: 0 };
  if (plan.closes) yield { kind: "end", how: "closed" };
}

/** Bytes [from, to) of the body, with what chunked coding puts before and behind them. */
function inChunk(body: Uint8Array, from: number, to: number, chunkBytes: number): Uint8Array {
  const chunkStart = from - (from % chunkBytes);
  const chunkEnd = Math.min(chunkStart + chunkBytes, body.length);
  const before = asciiBytes(from === chunkStart ? `${(chunkEnd - chunkStart).toString(16)}\r\n` : "");
  const behind = asciiBytes(to === chunkEnd ? "\r\n" : "");
  const bytes = new Uint8Array(before.length + to - from + behind.length);
  bytes.set(before);
  bytes.set(body.subarray(from, to), before.length);
  bytes.set(behind, before.length + to - from);
  return bytes;
}

function headOf(plan: ResponsePlan): Uint8Array {
  const lines = plan.headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return asciiBytes(`HTTP/1.1 ${plan.status} ${reasonOf(plan.status)}\r\n${lines.join("")}\r\n`);
}

function reasonOf(status: number): string {
  if (status < 300) return "OK";
  return status < 400 ? "Moved" : "Error";
}
