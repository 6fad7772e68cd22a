/**
 * The ferrying of one image into the MCU, as a pure machine: (state, event) -> state and what to do.
 *
 * One chunk is outstanding at a time. Blynk's client stores a chunk only at the very offset it expects, so a chunk
 * whose RESULT was lost gets `false` for ever when it is sent again, though nothing is wrong. Therefore `false` after
 * a silence is probed with the next chunk: the MCU takes it if, and only if, it had stored the one before. Whether the
 * image is right in the end, the MCU's own check at Finish decides (blynk-ncp.md, 4 "Client reality").
 *
 *    starved --bytes--> writing --stored--> writing ... --last stored--> finishing --> over
 *       ^------------------'  the next chunk is not staged yet
 */

import { type Failure, failure } from "../base/failure.js";

/** Sends beyond the first, of one chunk and of the probe after it. */
export const CHUNK_RESENDS_MAX = 5;
/** Finish is asked again so often before the MCU's return must tell. */
export const FINISH_RESENDS_MAX = 2;

export type TransferResult =
  | { readonly kind: "accepted" }
  /** Finish was sent and never answered: it may have been taken. */
  | { readonly kind: "unconfirmed" }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface TransferState {
  readonly phase: "starved" | "writing" | "finishing" | "over";
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  /** Bytes from the start that can be read. */
  readonly availableBytes: number;
  /** All chunks before this one are known to be stored. */
  readonly next: number;
  /** The chunk on the wire, or the one waited for: `next`, or beyond it while probing. */
  readonly at: number;
  readonly resends: number;
  /** The chunk on the wire, or Finish, once went without an answer: it may have arrived. */
  readonly doubtful: boolean;
  readonly paused: boolean;
}

export type TransferEvent =
  | { readonly kind: "available"; readonly bytes: number }
  /** The MCU answered true. */
  | { readonly kind: "stored" }
  /** The MCU answered false or with an error. */
  | { readonly kind: "denied"; readonly reason: string }
  | { readonly kind: "silent" }
  | { readonly kind: "paused" }
  | { readonly kind: "resumed" };

export type TransferEffect =
  | { readonly do: "write"; readonly index: number }
  | { readonly do: "finish" }
  | { readonly do: "end"; readonly result: TransferResult };

export interface TransferStep {
  readonly state: TransferState;
  readonly effect?: TransferEffect;
}

/** Waits for its first bytes to be available. */
export function beginTransfer(sizeBytes: number, chunkBytes: number): TransferState {
  const nothing = { availableBytes: 0, next: 0, at: 0, resends: 0, doubtful: false, paused: false };
  return { phase: "starved", sizeBytes, chunkBytes, ...nothing };
}

export function chunkCount(state: TransferState): number {
  return Math.ceil(state.sizeBytes / state.chunkBytes);
}

/** The first byte after chunk `index`. */
export function chunkEnd(state: TransferState, index: number): number {
  return Math.min(state.sizeBytes, (index + 1) * state.chunkBytes);
}

export function stepTransfer(state: TransferState, event: TransferEvent): TransferStep {
  switch (event.kind) {
    case "available": {
      const grown = { ...state, availableBytes: event.bytes };
      return state.phase === "starved" ? proceed(grown) : { state: grown };
    }
    case "paused":
      return { state: { ...state, paused: true } };
    case "resumed": {
      const resumed = { ...state, paused: false };
      return state.phase === "starved" ? proceed(resumed) : { state: resumed };
    }
    case "stored":
      if (state.phase === "finishing") return end(state, { kind: "accepted" });
      if (state.phase !== "writing") return { state };
      return proceed({ ...state, next: state.at + 1, at: state.at + 1, resends: 0, doubtful: false });
    case "denied":
      if (state.phase === "finishing") return finishDenied(state, event.reason);
      return state.phase === "writing" ? chunkDenied(state, event.reason) : { state };
    case "silent":
      if (state.phase === "finishing") return finishSilent(state);
      return state.phase === "writing" ? chunkSilent(state) : { state };
  }
}

/** Goes on with the chunk that is due. */
function proceed(state: TransferState): TransferStep {
  if (state.at * state.chunkBytes >= state.sizeBytes) {
    return { state: { ...state, phase: "finishing", resends: 0, doubtful: false }, effect: { do: "finish" } };
  }
  if (state.paused || chunkEnd(state, state.at) > state.availableBytes)
    return { state: { ...state, phase: "starved" } };
  return {
    state: state.phase === "writing" ? state : { ...state, phase: "writing" },
    effect: { do: "write", index: state.at },
  };
}

function chunkSilent(state: TransferState): TransferStep {
  if (state.resends >= CHUNK_RESENDS_MAX) return fail(state, "no-answer", "the MCU stopped answering");
  return proceed({ ...state, resends: state.resends + 1, doubtful: true });
}

function chunkDenied(state: TransferState, reason: string): TransferStep {
  if (state.resends >= CHUNK_RESENDS_MAX) return fail(state, "rejected", `the MCU keeps refusing: ${reason}`);
  const resends = state.resends + 1;
  if (state.doubtful) return proceed({ ...state, at: state.at + 1, resends, doubtful: false });
  // A probe that is refused shows that the chunk before it is missing: back to it, and it stays doubtful.
  return proceed({ ...state, at: state.next, resends, doubtful: state.at > state.next });
}

function finishSilent(state: TransferState): TransferStep {
  if (state.resends >= FINISH_RESENDS_MAX) return end(state, { kind: "unconfirmed" });
  return { state: { ...state, resends: state.resends + 1, doubtful: true }, effect: { do: "finish" } };
}

function finishDenied(state: TransferState, reason: string): TransferStep {
  if (state.doubtful) return end(state, { kind: "unconfirmed" });
  const detail = `the MCU did not accept the image after its last byte: ${reason}. Its own check failed`;
  return end(state, { kind: "failed", failure: failure("finish", "rejected", detail, state.sizeBytes) });
}

function fail(state: TransferState, cause: "no-answer" | "rejected", what: string): TransferStep {
  const offset = state.next * state.chunkBytes;
  const detail = `${what} at byte ${offset} of ${state.sizeBytes}, after ${CHUNK_RESENDS_MAX} resends`;
  return end(state, { kind: "failed", failure: failure("transfer", cause, detail, offset) });
}

function end(state: TransferState, result: TransferResult): TransferStep {
  return { state: { ...state, phase: "over" }, effect: { do: "end", result } };
}
