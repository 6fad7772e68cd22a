/**
 * What becomes of a stored image when Ferry starts: an ordered table over what is found, the first row that fits wins,
 * and the last one catches all. docs/recovery.md shows this very table.
 */

import { deepFreeze } from "../base/freeze.js";

/** `damaged`: something was there and cannot be trusted, or this version did not write it. */
export type RecordFound = "absent" | "damaged" | "under way" | "complete";

/** `partial`: of the bytes that the record promises some are missing, perhaps all. */
export type BodyFound = "absent" | "partial" | "whole";

/** What Ferry does next. */
export type ImageAction = "nothing" | "resume" | "verify" | "serve" | "discard";

export interface ImageRecoveryRow {
  readonly record: RecordFound | "any";
  readonly body: BodyFound | "any";
  readonly action: ImageAction;
  /** For people. */
  readonly next: string;
}

export const IMAGE_RECOVERY: readonly ImageRecoveryRow[] = deepFreeze<ImageRecoveryRow[]>([
  { record: "absent", body: "absent", action: "nothing", next: "The place is free." },
  {
    record: "complete",
    body: "whole",
    action: "serve",
    next: "The image is staged: served at once, not read again before.",
  },
  {
    record: "under way",
    body: "whole",
    action: "verify",
    next: "Reads it once, when it is wanted, and verifies it. No request leaves.",
  },
  {
    record: "under way",
    body: "partial",
    action: "resume",
    next: "Keeps what is durable from the first byte on. The download goes on from there when it is wanted.",
  },
  {
    record: "any",
    body: "any",
    action: "discard",
    next: "Deletes record and body: the image is fetched anew when it is wanted.",
  },
]);

/** The action of the first row that fits. */
export function imageActionFor(record: RecordFound, body: BodyFound): ImageAction {
  const fits = (row: ImageRecoveryRow) =>
    (row.record === "any" || row.record === record) && (row.body === "any" || row.body === body);
  return IMAGE_RECOVERY.find(fits)?.action ?? "discard";
}
