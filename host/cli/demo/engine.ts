/** What the demo's engines have in common: on-node.ts and on-xs.ts turn a preparation into a run. */

import type { FiredKnobs } from "../../peers/file-response.js";
import type { DemoEvent } from "./events.js";
import type { DemoOutcome } from "./scenario.js";

export interface DemoRun {
  readonly outcome: DemoOutcome;
  /** The image that the MCU runs in the end. */
  readonly received: Uint8Array;
  /** Requests that reached the file server. */
  readonly requests: number;
  /** What the server did to them. */
  readonly fired: FiredKnobs;
  /** Engine steps of the whole run, where an engine counts them. */
  readonly steps?: number;
}

export interface DemoListener {
  /** The image is to be had here: tells before anything happens. */
  onServed(url: string): void;
  onEvent(event: DemoEvent): void;
}
