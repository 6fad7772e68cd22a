/**
 * Why an update failed: the one form in which every part says so, to the log, to the cloud and, as far as the
 * protocol has room, to the MCU. Users of Blynk see "Download Failure" and nothing else; this is the cure.
 */

/** Where in an update it happened. */
export type Stage = "offer" | "download" | "verify" | "transfer" | "finish" | "restart";

/** What it was; programs decide by this, people read the detail. */
export type Cause =
  | "nothing-offered"
  | "declined"
  | "superseded"
  | "connect"
  | "request"
  | "stalled"
  | "no-space"
  | "storage"
  | "mismatch"
  | "unsupported"
  | "no-answer"
  | "rejected"
  | "wrong-version"
  | "no-return";

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

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : String(error);
}
