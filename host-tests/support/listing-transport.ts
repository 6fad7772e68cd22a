/** A transport to no cloud: a list of what it was given, with virtual times. */

import { asciiText } from "../../host/sim/ascii.js";
import type { VirtualClock } from "../../host/sim/clock.js";
import type { CloudUplink } from "../../src/cloud/cloud.js";
import type { UplinkTransport } from "../../src/cloud/uplink.js";

/** Takes everything that is not longer than `longest`, while `takes`. */
class Calls implements CloudUplink {
  readonly clock: VirtualClock;
  readonly sent: { readonly atMs: number; readonly what: string }[] = [];
  takes = true;
  longest = Number.POSITIVE_INFINITY;
  /** Never takes what begins so, though its ruler does. */
  dislikes: string | undefined;
  refusals = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  get whats(): string[] {
    return this.sent.map(({ what }) => what);
  }

  #take(what: string): boolean {
    const isDisliked = this.dislikes !== undefined && what.startsWith(this.dislikes);
    if (!this.takes || what.length > this.longest || isDisliked) {
      this.refusals++;
      return false;
    }
    this.sent.push({ atMs: this.clock.now(), what });
    return true;
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    return this.#take(`V${vpin}=${asciiText(value)}`);
  }
  syncAll(): boolean {
    return this.#take("sync");
  }
  syncVirtual(vpins: Uint8Array): boolean {
    return this.#take(`sync ${asciiText(vpins)}`);
  }
  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    return this.#take(`V${vpin}.${property}=${asciiText(value)}`);
  }
  beginGroup(timestampMs: bigint): boolean {
    return this.#take(`begin ${timestampMs}`);
  }
  endGroup(): boolean {
    return this.#take("end");
  }
  logEvent(code: string, description: string): boolean {
    return this.#take(`event ${code} ${description}`);
  }
  resolveEvent(code: string): boolean {
    return this.#take(`resolve ${code}`);
  }
  resolveAllEvents(code: string): boolean {
    return this.#take(`resolve all ${code}`);
  }
  setMetadata(field: string, value: string): boolean {
    return this.#take(`meta ${field}=${value}`);
  }
}

export class ListingTransport extends Calls implements UplinkTransport {
  readonly ruler = new Calls(this.clock);
  readonly marksGroups: boolean;

  constructor(clock: VirtualClock, marksGroups = true) {
    super(clock);
    this.marksGroups = marksGroups;
  }

  /** The most that it took in a second. */
  get mostInSecond(): number {
    const inSecondOf = (atMs: number) => this.sent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000);
    return Math.max(...this.sent.map(({ atMs }) => inSecondOf(atMs).length));
  }
}
