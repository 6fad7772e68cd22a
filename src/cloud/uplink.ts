/**
 * What the MCU sends to the cloud, on its way: paced, merged, bounded, and kept while the cloud is away.
 *
 * MCUs write in loops, so a value that still waits is replaced by a newer one of its pin; and what waits is bounded in
 * bytes: the oldest makes room, counted. What no message could ever hold is refused at once. While the cloud is away
 * and the time is known, values are kept as a series instead, each with its time, where the transport can tell it.
 *
 * A group takes in values and properties; all else has its own place in the order, before a group that has not ended.
 * Groups leave when they end. One that grows too large, or is not ended in time, leaves as if it had ended: an MCU that
 * never ends a group has its values told all the same, in several groups.
 */

import { encodeUtf8 } from "../base/utf8.js";
import type { Clock, TimerHandle } from "../ports.js";
import type { CloudUplink } from "./cloud.js";
import { UplinkPump, type UplinkSource } from "./uplink-pump.js";
import { perform, type UplinkGroup, UplinkKind, type UplinkMessage, UplinkQueue } from "./uplink-queue.js";

/** Of all that waits: some 200 values of a few letters with their times, or 300 without. */
export const UPLINK_BYTES_MAX = 4_096;
/** Of one group: a larger one leaves in parts. */
export const GROUP_MESSAGES_MAX = 32;
export const GROUP_BYTES_MAX = 1_024;
/** From its beginning. The slowest wire needs two seconds for the largest group. */
export const GROUP_OPEN_MS_MAX = 5_000;
/** More pins than any message may not hold leave in several. */
const SYNC_PINS_MAX = 15;

const GROUP_ID_MAX = 0xffff;
const NOTHING = new Uint8Array(0);

export interface UplinkCounters {
  /** Messages, Ferry's own among them. */
  sent: number;
  /** Values replaced by a newer one of their pin before they left. */
  merged: number;
  /** Messages that made room for newer ones. */
  dropped: number;
  /** What no message can hold, or the transport would not take for a minute. */
  refused: number;
}

/** A transport, as far as it is needed here. */
export interface UplinkTransport extends CloudUplink {
  readonly ruler: CloudUplink;
  readonly marksGroups: boolean;
}

export interface UplinkOptions {
  clock: Clock;
  transport: UplinkTransport;
  /** Whether the other side keeps the time of a group. */
  tellsTime(): boolean;
  /** Unix milliseconds; `undefined` while unknown. */
  wallTimeMs(): number | undefined;
}

export class Uplink implements CloudUplink {
  readonly #options: UplinkOptions;
  readonly #queue: UplinkQueue;
  readonly #pump: UplinkPump;
  #lastGroupId = 0;
  /** The group that the MCU has open, and how much of it was gathered and has not been released. */
  #group: UplinkGroup | undefined;
  #gathered = 0;
  #groupTimer: TimerHandle;
  readonly counters: UplinkCounters = { sent: 0, merged: 0, dropped: 0, refused: 0 };

  constructor(options: UplinkOptions) {
    this.#options = options;
    const { clock, transport } = options;
    this.#queue = new UplinkQueue(UPLINK_BYTES_MAX, () => {
      this.counters.dropped++;
    });
    this.#pump = new UplinkPump({
      clock,
      transport,
      marksGroups: transport.marksGroups,
      queue: this.#queue,
      onSent: () => {
        this.counters.sent++;
      },
      onLeftOut: () => {
        this.counters.refused++;
      },
    });
  }

  /** Messages of the MCU that wait. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Somebody with messages of Ferry's own: they leave before the MCU's, in the order in which they joined. */
  join(source: UplinkSource): void {
    this.#pump.join(source);
  }

  /** A source has something again. */
  wake(): void {
    this.#pump.run();
  }

  onCloudUp(): void {
    this.#pump.onCloudUp();
  }

  onCloudLost(): void {
    this.#pump.onCloudLost();
  }

  /** A group that it had open is not ended by anybody else. */
  onMcuRestarted(): void {
    this.endGroup();
  }

  /** What waits is not for the next cloud. */
  forget(): void {
    this.#options.clock.clear(this.#groupTimer);
    this.#group = undefined;
    this.#gathered = 0;
    this.#queue.clear();
  }

  close(): void {
    this.#options.clock.clear(this.#groupTimer);
    this.#pump.close();
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    const message: UplinkMessage = { kind: UplinkKind.VALUE, vpin, name: "", value };
    if (this.#group) return this.#addToGroup(message, this.#group);
    const timeMs = this.#timeOfSeries;
    const group = timeMs === undefined ? undefined : this.#makeGroup(timeMs);
    if (!this.#fits(message, group)) return this.#refuse();
    if (group || !this.#queue.replaceValue(vpin, value)) return this.#add(message, group);
    this.counters.merged++;
    return true;
  }

  syncAll(): boolean {
    return this.#add({ kind: UplinkKind.SYNC_ALL, vpin: 0, name: "", value: NOTHING });
  }

  syncVirtual(vpins: Uint8Array): boolean {
    let isTaken = true;
    for (const value of partsOf(vpins)) {
      isTaken = this.#call({ kind: UplinkKind.SYNC, vpin: 0, name: "", value }) && isTaken;
    }
    return isTaken;
  }

  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    const message: UplinkMessage = { kind: UplinkKind.PROPERTY, vpin, name: property, value };
    return this.#group ? this.#addToGroup(message, this.#group) : this.#call(message);
  }

  /** A group that is open ends. One of now whose values will leave later is of this time. */
  beginGroup(timestampMs: bigint): boolean {
    this.endGroup();
    this.#group = this.#makeGroup(timestampMs === 0n ? (this.#timeOfSeries ?? 0n) : timestampMs);
    this.#groupTimer = this.#options.clock.set(() => this.endGroup(), GROUP_OPEN_MS_MAX);
    return true;
  }

  endGroup(): boolean {
    if (!this.#group) return false;
    this.#options.clock.clear(this.#groupTimer);
    this.#group = undefined;
    this.#release();
    return true;
  }

  logEvent(code: string, description: string): boolean {
    return this.#call({ kind: UplinkKind.EVENT, vpin: 0, name: code, value: encodeUtf8(description) });
  }

  resolveEvent(code: string): boolean {
    return this.#call({ kind: UplinkKind.RESOLVE, vpin: 0, name: code, value: NOTHING });
  }

  resolveAllEvents(code: string): boolean {
    return this.#call({ kind: UplinkKind.RESOLVE_ALL, vpin: 0, name: code, value: NOTHING });
  }

  setMetadata(field: string, value: string): boolean {
    return this.#call({ kind: UplinkKind.METADATA, vpin: 0, name: field, value: encodeUtf8(value) });
  }

  /** With which time a value of now is kept; `undefined`: with none. */
  get #timeOfSeries(): bigint | undefined {
    const { tellsTime, wallTimeMs } = this.#options;
    const timeMs = this.#pump.isOnline || !tellsTime() ? undefined : wallTimeMs();
    return timeMs === undefined ? undefined : BigInt(Math.trunc(timeMs));
  }

  #makeGroup(timeMs: bigint): UplinkGroup {
    this.#lastGroupId = (this.#lastGroupId % GROUP_ID_MAX) + 1;
    return { id: this.#lastGroupId, timeMs };
  }

  #fits(message: UplinkMessage, group: UplinkGroup | undefined): boolean {
    const { ruler } = this.#options.transport;
    if (group) ruler.beginGroup(group.timeMs);
    const fits = perform(message, ruler);
    if (group) ruler.endGroup();
    return fits;
  }

  #refuse(): boolean {
    this.counters.refused++;
    return false;
  }

  #call(message: UplinkMessage): boolean {
    return this.#fits(message, undefined) ? this.#add(message) : this.#refuse();
  }

  #add(message: UplinkMessage, group?: UplinkGroup): boolean {
    if (!this.#queue.add(message, group)) return this.#refuse();
    this.#pump.run();
    return true;
  }

  #addToGroup(message: UplinkMessage, group: UplinkGroup): boolean {
    if (!this.#fits(message, group) || !this.#queue.gather(message, group)) return this.#refuse();
    this.#gathered++;
    if (this.#gathered < GROUP_MESSAGES_MAX && this.#queue.gatheredBytes < GROUP_BYTES_MAX) return true;
    this.#group = this.#makeGroup(group.timeMs);
    this.#release();
    return true;
  }

  #release(): void {
    this.#gathered = 0;
    this.#queue.release();
    this.#pump.run();
  }
}

/** Pins joined by NUL, in parts of SYNC_PINS_MAX. */
function partsOf(vpins: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  let pins = 1;
  for (let at = 0; at < vpins.length; at++) {
    if (vpins[at] !== 0 || pins++ < SYNC_PINS_MAX) continue;
    parts.push(vpins.subarray(start, at));
    start = at + 1;
    pins = 1;
  }
  return [...parts, vpins.subarray(start)];
}
