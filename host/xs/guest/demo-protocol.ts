/** What the demo's guest says to its host, as JSON through callHost(). */

import type { DemoRun } from "../../cli/demo/engine.js";
import type { DemoEvent } from "../../cli/demo/events.js";

/** Bytes of the image that go through the door at once. */
export const PIECE_BYTES = 0x8000;

export type DemoRequest =
  /** Answered with the plan, as JSON. */
  | { readonly ask: "plan" }
  /** Answered with up to PIECE_BYTES of the image from here, in hexadecimal. */
  | { readonly ask: "image"; readonly offset: number }
  | { readonly tell: "event"; readonly event: DemoEvent }
  | { readonly tell: "outcome"; readonly run: Omit<DemoRun, "received"> }
  /** The next bytes of what the MCU received, in hexadecimal. */
  | { readonly tell: "received"; readonly hex: string };
