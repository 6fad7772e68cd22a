/** What the update's guest (guest/update.ts) asks its host, as JSON. */

import type { Offer } from "../../src/image/offer.js";
import type { NcpNews } from "../../src/ncp.js";

export interface UpdatePlan {
  readonly offer: Offer;
  readonly initialBaud: number;
  /** Who vouches for the server of an https offer, DER in hexadecimal. */
  readonly authority?: string;
  /** Collects garbage and looks this often; never when absent. */
  readonly sampleEveryMs?: number;
}

export type UpdateRequest =
  /** Answered with the plan. */
  | { readonly ask: "plan" }
  | { readonly tell: "news"; readonly news: NcpNews }
  | { readonly tell: "over"; readonly report: UpdateReport };

export interface UpdateReport {
  /** What Ferry was refused with, when its own offer() said no. */
  readonly refusal?: string;
  /** In use before Ferry was constructed: the engine's, the ports', and this test's own. */
  readonly own: HeapFigures;
  /** In use when Ferry has been constructed. */
  readonly started: HeapFigures;
  /** The most that was in use after a collection, over all samples and at the end. */
  readonly heap: HeapFigures;
  readonly longestTurnUs: number;
}

/** What the machine's memory is used for. */
export interface HeapFigures {
  readonly slots: number;
  readonly slotsReserved: number;
  readonly chunkBytes: number;
  readonly chunkBytesReserved: number;
  /** Slots of the stack that were ever used. */
  readonly stackSlots: number;
  readonly stackSlotsReserved: number;
  readonly keys: number;
  readonly keysReserved: number;
  readonly slotBytes: number;
}
