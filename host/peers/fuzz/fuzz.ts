/**
 * Feeds a whole Ferry with bytes from nowhere and with conversations gone wrong, and looks after each whether it is
 * still the Ferry that it was: it answers the next good call, has kept its settings, and holds nothing more than before.
 */

import { Random } from "../../sim/random.js";
import { Conversations } from "./conversations.js";
import { FuzzRig } from "./rig.js";

/** Bytes that come in one go. */
const BURST_BYTES_MAX = 200;
/** So much is fed in before the next good call; and before the settings are looked at. */
const BURSTS_BEFORE_CALL = 20;
const CONVERSATIONS_BEFORE_CALL = 5;
const CALLS_BEFORE_SETTINGS = 10;
/** Heartbeat, lifecycle, cloud, panel, link, and the calls that wait for an answer. */
const TIMERS_MAX = 32;
const CONNECTIONS_MAX = 8;

export interface FuzzPlan {
  readonly seed: number;
  readonly bytes: number;
  readonly conversations: number;
  /** Frames of Blynk's own driver, to be among those that are spoken. */
  readonly recorded: readonly Uint8Array[];
  /** Hears how far it is, from 0 to 1. */
  readonly onProgress?: (done: number) => void;
}

export interface FuzzReport {
  readonly bytes: number;
  readonly conversations: number;
  /** Good calls that were answered in between. */
  readonly answers: number;
  /** Well-formed calls among what was fed in. */
  readonly delivered: number;
  /** Different ones of them. */
  readonly callsReached: number;
  readonly ferryBoots: number;
  readonly longestSilenceMs: number;
  readonly timersMax: number;
  readonly connectionsMax: number;
}

/** Throws an Error that names the seed and the place when Ferry breaks a promise. */
export function fuzzFerry(plan: FuzzPlan): FuzzReport {
  return new Fuzzing(plan).run();
}

class Fuzzing {
  readonly #plan: FuzzPlan;
  readonly #random: Random;
  readonly #rig: FuzzRig;
  readonly #conversations: Conversations;
  #bytes = 0;
  #held = 0;
  #answers = 0;
  #timersMax = 0;
  #connectionsMax = 0;

  constructor(plan: FuzzPlan) {
    this.#plan = plan;
    this.#random = new Random(plan.seed);
    this.#rig = new FuzzRig(plan.seed);
    this.#conversations = new Conversations(this.#random, plan.recorded);
  }

  run(): FuzzReport {
    try {
      while (this.#bytes < this.#plan.bytes) this.#feedGarbage();
      while (this.#held < this.#plan.conversations) this.#holdConversations();
      this.#rig.checkSettings();
    } catch (error) {
      const place = `seed ${this.#plan.seed}, byte ${this.#bytes}, conversation ${this.#held}`;
      throw new Error(`${place}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
    const { delivered, device, longestSilenceMs } = this.#rig;
    return {
      bytes: this.#bytes,
      conversations: this.#held,
      answers: this.#answers,
      delivered: this.#rig.heard,
      callsReached: delivered.size,
      ferryBoots: device.boots,
      longestSilenceMs,
      timersMax: this.#timersMax,
      connectionsMax: this.#connectionsMax,
    };
  }

  #feedGarbage(): void {
    const { operations } = this.#rig;
    const heard = this.#rig.heard;
    for (let i = 0; i < BURSTS_BEFORE_CALL && this.#bytes < this.#plan.bytes; i++) {
      const burst = this.#conversations.garbage(1 + this.#random.below(BURST_BYTES_MAX));
      this.#rig.send(burst, this.#random.below(20));
      this.#bytes += burst.length;
    }
    if (this.#rig.heard === heard && this.#rig.operations !== operations) {
      throw new Error("the storage was written to, and no call had arrived");
    }
    this.#check(this.#bytes / this.#plan.bytes);
  }

  #holdConversations(): void {
    for (let i = 0; i < CONVERSATIONS_BEFORE_CALL && this.#held < this.#plan.conversations; i++) {
      for (const { bytes, pauseMs } of this.#conversations.next()) this.#rig.send(bytes, pauseMs);
      this.#held++;
    }
    this.#check(this.#held / this.#plan.conversations);
  }

  #check(done: number): void {
    const { sizes, handlerFaults, lastFault } = this.#rig;
    this.#rig.ask("ncp.ping", {});
    this.#answers++;
    if (this.#answers % CALLS_BEFORE_SETTINGS === 0) this.#rig.checkSettings();
    this.#timersMax = Math.max(this.#timersMax, sizes.timers);
    this.#connectionsMax = Math.max(this.#connectionsMax, sizes.connections);
    if (sizes.timers > TIMERS_MAX) throw new Error(`${sizes.timers} timers are pending`);
    if (sizes.connections > CONNECTIONS_MAX) throw new Error(`${sizes.connections} connections are open`);
    if (handlerFaults > 0) throw new Error(`a handler of Ferry's threw; the last fault told is: ${lastFault}`);
    this.#plan.onProgress?.(done);
  }
}
