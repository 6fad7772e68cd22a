/**
 * Why an update failed: the one form in which every part says so, to the log, to the cloud and, as far as the
 * protocol has room, to the MCU. Users of Blynk see "Download Failure" and nothing else; this is the cure.
 */

/** Where in an update it happened. */
export type Stage = "offer" | "download" | "verify" | "transfer" | "finish" | "install" | "restart";

/** What it was; programs decide by this, people read the detail. */
export type Cause =
  | "nothing-offered"
  | "declined"
  | "superseded"
  | "connect"
  | "request"
  | "stalled"
  | "budget"
  | "no-space"
  | "storage"
  | "mismatch"
  | "damaged"
  | "wrong-chip"
  | "not-newer"
  | "untrusted"
  | "tried-before"
  | "unsupported"
  | "no-answer"
  | "rejected"
  | "wrong-version"
  | "no-return"
  | "unconfirmed"
  | "reverted";

export interface Failure {
  readonly stage: Stage;
  readonly cause: Cause;
  /** A sentence for people: what happened, where, and what to do next where that is known. */
  readonly detail: string;
  /** The byte of the image at which it happened, where there is one. */
  readonly offset?: number;
}

export function failure(stage: Stage, cause: Cause, detail: string, offset?: number): Failure {
  return offset === undefined ? { stage, cause, detail } : { stage, cause, detail, offset };
}

/** What LittleFS says through the SDK when it is full: a release build, and a debug build (files-littlefs.c). */
const FILES_FULL: readonly string[] = Object.freeze(["LFS ERR -28", "No space left on device"]);

/** Storage has thrown: tells a file system that is full from one that fails. `what` failed, as a phrase. */
export function storageFailure(stage: Stage, what: string, error: unknown, offset?: number): Failure {
  const message = messageOf(error);
  if (!FILES_FULL.includes(message)) return failure(stage, "storage", `${what}: ${message}`, offset);
  const detail =
    `${what}: the storage partition is full (${message}), and not with Ferry's images; ` +
    "erase it, or what else is on it, and offer the image again";
  return failure(stage, "no-space", detail, offset);
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : String(error);
}
