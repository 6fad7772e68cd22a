/**
 * Lets messages leave, one after another, as the pace and the transport allow: Ferry's own first, from whoever has
 * some, then what the MCU has said. A group of the MCU's that has begun is not interrupted, and always ends.
 *
 * What a transport refuses waits and is asked again; only a single message that is refused for REFUSALS_MAX pauses is
 * left out.
 */

import type { Clock, TimerHandle } from "../ports.js";
import type { CloudUplink } from "./cloud.js";
import { Pace } from "./pace.js";
import { perform, type UplinkGroup, type UplinkQueue } from "./uplink-queue.js";

/** A transport that has no room is asked again so much later. */
const REFUSED_PAUSE_MS = 1_000;
/** A minute: longer than transports take to find out that their network is gone. */
export const REFUSALS_MAX = 60;

/** Somebody of Ferry's own with messages for the cloud. It is asked, so that nothing else can take its place. */
export interface UplinkSource {
  /** Sends the next message; false: there was no room. `undefined` while there is none. */
  readonly next: (() => boolean) | undefined;
  /** The next message has left, or is left out. Wakes nobody. */
  onDone(hasLeft: boolean): void;
  /** A session begins; and it has ended. */
  onCloudUp(): void;
  onCloudLost(): void;
}

export interface UplinkPumpOptions {
  clock: Clock;
  transport: CloudUplink;
  /** Whether the beginning and the end of a group are messages, which count. */
  marksGroups: boolean;
  queue: UplinkQueue;
  onSent(): void;
  onLeftOut(): void;
}

/** The next thing to do. */
interface Step {
  readonly send: () => boolean;
  readonly onDone: (hasLeft: boolean) => void;
  /** A mark of a group that is no message. */
  readonly isFree?: boolean;
  /** A mark of a group: what belongs into it would be lost, or more would fall into it. */
  readonly mustLeave?: boolean;
}

export class UplinkPump {
  readonly #options: UplinkPumpOptions;
  readonly #pace: Pace;
  readonly #sources: UplinkSource[] = [];
  #isOnline = false;
  /** The group that the transport has open; 0: none. */
  #openGroup = 0;
  /** Of the next message, in a row. */
  #refusals = 0;
  #timer: TimerHandle;
  #isPausing = false;

  constructor(options: UplinkPumpOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock);
  }

  get isOnline(): boolean {
    return this.#isOnline;
  }

  /** Whoever joined earlier is asked first. */
  join(source: UplinkSource): void {
    this.#sources.push(source);
  }

  onCloudUp(): void {
    this.#isOnline = true;
    for (const source of this.#sources) source.onCloudUp();
    this.run();
  }

  /** What of a group was sent starts over: half a group would be a wrong group. */
  onCloudLost(): void {
    this.#stop();
    if (!this.#isOnline) return;
    this.#isOnline = false;
    this.#openGroup = 0;
    this.#options.queue.rewind();
    for (const source of this.#sources) source.onCloudLost();
  }

  close(): void {
    this.#stop();
    this.#isOnline = false;
  }

  /** There may be something to do. */
  run(): void {
    while (this.#isOnline && !this.#isPausing) {
      const step = this.#nextStep();
      if (!step) return;
      const earlyMs = step.isFree ? 0 : this.#pace.earlyMs;
      if (earlyMs > 0) return this.#pause(earlyMs);
      const hasLeft = step.send();
      if (!hasLeft && (step.mustLeave || ++this.#refusals < REFUSALS_MAX)) return this.#pause(REFUSED_PAUSE_MS);
      this.#refusals = 0;
      if (hasLeft && !step.isFree) this.#pace.note();
      if (hasLeft) this.#options.onSent();
      else this.#options.onLeftOut();
      step.onDone(hasLeft);
    }
  }

  #nextStep(): Step | undefined {
    const { transport, queue } = this.#options;
    const { head } = queue;
    if (this.#openGroup !== 0 && head?.group?.id !== this.#openGroup) return this.#endOfGroup();
    if (this.#openGroup === 0) {
      for (const source of this.#sources) {
        const { next } = source;
        if (next) return { send: next, onDone: (hasLeft) => source.onDone(hasLeft) };
      }
      if (head?.group) return this.#beginOfGroup(head.group);
    }
    if (!head) return undefined;
    return {
      send: () => perform(head, transport),
      onDone: (hasLeft) => (hasLeft ? queue.onHeadSent() : queue.removeHead()),
    };
  }

  #beginOfGroup({ id, timeMs }: UplinkGroup): Step {
    const { transport, marksGroups } = this.#options;
    return {
      send: () => transport.beginGroup(timeMs),
      onDone: () => {
        this.#openGroup = id;
      },
      isFree: !marksGroups,
      mustLeave: true,
    };
  }

  #endOfGroup(): Step {
    const { transport, marksGroups, queue } = this.#options;
    return {
      send: () => transport.endGroup(),
      onDone: () => {
        this.#openGroup = 0;
        queue.forgetSent();
      },
      isFree: !marksGroups,
      mustLeave: true,
    };
  }

  /** Nothing that comes meanwhile makes it shorter: a transport would be asked as often as the MCU writes. */
  #pause(delayMs: number): void {
    this.#isPausing = true;
    this.#timer = this.#options.clock.set(() => {
      this.#isPausing = false;
      this.run();
    }, delayMs);
  }

  #stop(): void {
    this.#options.clock.clear(this.#timer);
    this.#isPausing = false;
    this.#refusals = 0;
  }
}
