/** What a simulated MCU has seen and done since it was made, over all its lives: for tests and the demo to look into. */

import type { Args, Results } from "../../src/rpc/catalogue.js";
import type { RpcCounters } from "./mcu-rpc.js";

export type DigestVerdict = "same" | "different" | "not told";

/** The NCP's digests against the MCU's own of what it has stored. */
export interface DigestVerdicts {
  readonly md5: DigestVerdict;
  readonly sha256: DigestVerdict;
  readonly crc32: DigestVerdict;
}

/** An event that the NCP sent; `text` is a readable form of its arguments. */
export interface ReceivedEvent {
  readonly atMs: number;
  readonly name: "client.blynkStateChange" | "client.blynkVPinChange" | "client.processEvent";
  readonly text: string;
}

export interface UpdateRecord {
  readonly offers: Args<"client.otaUpdateAvailable">[];
  /** What otaUpdateStart answered each time; `undefined` for no answer. */
  readonly startAnswers: (boolean | undefined)[];
  /** What otaUpdatePrefetch answered; 0 for no answer. */
  readonly prefetchStatuses: number[];
  readonly suspendAnswers: boolean[];
  readonly digestVerdicts: DigestVerdicts[];
  /** Writes that were served, and their bytes, repeats included. */
  writes: number;
  receivedBytes: number;
  writesAnsweredFalse: number;
  finishes: number;
  cancels: number;
  installs: number;
}

/** Keeps the last so many lines. */
const LOG_LINES_MAX = 10_000;

export class McuRecord {
  readonly log: string[] = [];
  readonly counters: RpcCounters = {
    framesReceived: 0,
    framesSent: 0,
    badCrcs: 0,
    invokesSent: 0,
    timeouts: 0,
    strayResults: 0,
    invokesServed: 0,
    eventsServed: 0,
    unknownCalls: 0,
    badArguments: 0,
    nestingMax: 0,
  };
  readonly update: UpdateRecord = {
    offers: [],
    startAnswers: [],
    prefetchStatuses: [],
    suspendAnswers: [],
    digestVerdicts: [],
    writes: 0,
    receivedBytes: 0,
    writesAnsweredFalse: 0,
    finishes: 0,
    cancels: 0,
    installs: 0,
  };
  readonly events: ReceivedEvent[] = [];
  /** The firmware's start, after each reset. */
  boots = 0;
  /** initialize was answered true so often. */
  initializations = 0;
  /** The application has begun its bring-up anew without a reset. */
  reinitializations = 0;
  /** Last words of getNcpVersion. */
  ncpVersion: Results<"blynk.getNcpVersion">["version"] = "";
  readonly #now: () => number;
  readonly #onNote: (text: string) => void;

  constructor(now: () => number, onNote: (text: string) => void = () => {}) {
    this.#now = now;
    this.#onNote = onNote;
  }

  readonly note = (text: string): void => {
    if (this.log.length >= LOG_LINES_MAX) this.log.shift();
    this.log.push(`${this.#now().toFixed(3).padStart(12)} ms  ${text}`);
    this.#onNote(text);
  };
}
