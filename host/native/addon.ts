/** Loads the portable C of src/native, which scripts/setup.mjs has compiled for this computer. Its calls: addon.c. */

import { createRequire } from "node:module";
import { projectPath } from "../node/project.js";

/** What a call got from the addon and can only hand back to it. */
export type Handle = { readonly handle: unique symbol };

/** Status of what a frame is asked of (WireStatus in wire-core.h). */
export const WireStatus = Object.freeze({ OK: 0, BUSY: 1, SIZE: 2 });
/** Bits of takeEvents(). */
export const WIRE_NOISE = 1;
export const WIRE_IDLE = 2;
export const WIRE_HEARD = 4;

/** Times are whole milliseconds modulo 2^32. Flags are numbers: 0 is no. */
export interface Addon {
  crc8(crc: number, bytes: Uint8Array): number;
  crc32(crc: number, bytes: Uint8Array): number;
  encode(payload: Uint8Array, length: number, out: Uint8Array, position: number): number;

  makeDecoder(): Handle;
  resetDecoder(decoder: Handle): void;
  /** Returns how many bytes were used. `payload` gets the length (u16) of a payload that was found, then the payload. */
  decode(decoder: Handle, bytes: Uint8Array, payload: Uint8Array): number;
  takeNoise(decoder: Handle): number;
  decoderCounters(decoder: Handle, into: Uint8Array): void;

  makeWire(nowMs: number): Handle;
  isIdle(wire: Handle): number;
  sendFrame(wire: Handle, payload: Uint8Array, length: number): number;
  prepareFrame(wire: Handle, payload: Uint8Array, length: number, cue: Uint8Array): number;
  sendPrepared(wire: Handle): number;
  dropCue(wire: Handle): number;
  hold(wire: Handle, isHeld: number): void;
  restart(wire: Handle): void;
  take(wire: Handle, payload: Uint8Array, nowMs: number): number;
  takeEvents(wire: Handle): number;
  hasNews(wire: Handle): number;
  pending(wire: Handle, out: Uint8Array): number;
  pendingCount(wire: Handle): number;
  sent(wire: Handle, count: number): void;
  receivable(wire: Handle): number;
  receive(wire: Handle, bytes: Uint8Array, count: number): void;
  see(wire: Handle, nowMs: number): void;
  answersPings(wire: Handle, nowMs: number): number;
  hearPings(wire: Handle): void;
  wireCounters(wire: Handle, decoderInto: Uint8Array, wireInto: Uint8Array): void;

  makeLine(): Handle;
  lineTake(line: Handle, bytes: Uint8Array, count: number): number;
  lineHasRoom(line: Handle): number;
  lineNext(line: Handle, out: Uint8Array): number;
  lineRead(line: Handle, out: Uint8Array): number;
  /** The wire must live on as long as it has something to send. */
  lineSend(line: Handle, wire: Handle): number;
  lineUnsent(line: Handle): number;
  lineHasNext(line: Handle): number;
  lineOpen(line: Handle, isOpen: number): void;
  lineReset(line: Handle): void;
  linePings(line: Handle): number;
}

export const addon: Addon = createRequire(import.meta.url)(projectPath("build/native/wire.node"));
