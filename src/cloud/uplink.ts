/**
 * What the MCU sends to the cloud, on its way: paced, merged, bounded, and kept while the cloud is away.
 *
 * Clouds throw devices out that send too fast (blynk-ncp.md, 5.1: 10 values a second), and MCUs write in loops. So
 * messages leave at a bounded rate; a value that still waits is replaced by a newer one of its pin; and what waits is
 * bounded in count and bytes: the oldest makes room, counted. While the cloud is away and the time is known, values are
 * kept as a series instead, each with its time, where the transport can tell it.
 *
 * A group is one entry: its values leave together, or not at all.
 */

import type { Clock, TimerHandle } from "../ports.js";
import type { CloudUplink } from "./cloud.js";

/** In any second: Blynk's flood limit. All of them may leave at once. */
export const MESSAGES_PER_SECOND_MAX = 10;
export const ENTRIES_MAX = 64;
export const ENTRY_BYTES_MAX = 8 * 1024;
/** Messages of one group. */
export const GROUP_MESSAGES_MAX = 32;
/** A transport that refuses a message is asked again so much later. */
const REFUSED_PAUSE_MS = 1_000;
/** Then it is one that the transport never takes, too long for example, and must not hold up the others. */
const REFUSALS_MAX = 5;

const SECOND_MS = 1_000;

export interface UplinkCounters {
  sent: number;
  /** Values replaced by a newer one of their pin before they left. */
  merged: number;
  /** Entries that made room for newer ones. */
  dropped: number;
  /** What is longer than the buffer, beyond the bound of its group, or never taken by the transport. */
  refused: number;
}

export interface UplinkOptions {
  clock: Clock;
  transport: CloudUplink;
  /** Whether beginGroup() of the transport honours a time. */
  tellsTime: boolean;
  /** Unix milliseconds; `undefined` while unknown. */
  wallTimeMs(): number | undefined;
}

type Send = (transport: CloudUplink) => boolean;

interface Message {
  readonly bytes: number;
  readonly send: Send;
}

/** Of `vpin` only a single value has one: it may be replaced. */
interface Entry {
  readonly vpin: number | undefined;
  messages: Message[];
  bytes: number;
  /** How many of its messages have left: an entry in the middle of its way is not touched. */
  sent: number;
  /** How often the transport has refused the next one in a row. */
  refusals: number;
}

export class Uplink implements CloudUplink {
  readonly #options: UplinkOptions;
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #group: Entry | undefined;
  #online = false;
  /** When the last messages left, as a ring. */
  readonly #sentAtMs: number[] = new Array(MESSAGES_PER_SECOND_MAX).fill(Number.NEGATIVE_INFINITY);
  #oldest = 0;
  #timer: TimerHandle;
  readonly counters: UplinkCounters = { sent: 0, merged: 0, dropped: 0, refused: 0 };

  constructor(options: UplinkOptions) {
    this.#options = options;
  }

  /** Entries that wait. */
  get waiting(): number {
    return this.#entries.length;
  }

  onCloudUp(): void {
    this.#online = true;
    this.#pump();
  }

  onCloudLost(): void {
    this.#online = false;
    this.#options.clock.clear(this.#timer);
    // What was cut in the middle starts over: half a group would be a wrong group.
    const first = this.#entries[0];
    if (first) {
      first.sent = 0;
      first.refusals = 0;
    }
  }

  /** The MCU has restarted: a group that it had open will never end. */
  onMcuRestarted(): void {
    this.#group = undefined;
  }

  close(): void {
    this.#options.clock.clear(this.#timer);
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    const kept = value.slice();
    const message: Message = { bytes: kept.length, send: (transport) => transport.virtualWrite(vpin, kept) };
    if (this.#group) return this.#addToGroup(this.#group, message);
    const timeMs = this.#online || !this.#options.tellsTime ? undefined : this.#options.wallTimeMs();
    if (timeMs !== undefined) return this.#enqueue(entryOf(undefined, ...stamped(message, timeMs)));
    return this.#replace(vpin, message) || this.#enqueue(entryOf(vpin, message));
  }

  syncAll(): boolean {
    return this.#call(0, (transport) => transport.syncAll());
  }

  syncVirtual(vpins: Uint8Array): boolean {
    const kept = vpins.slice();
    return this.#call(kept.length, (transport) => transport.syncVirtual(kept));
  }

  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    const kept = value.slice();
    return this.#call(property.length + kept.length, (transport) => transport.setProperty(vpin, property, kept));
  }

  /** A group that is open ends. */
  beginGroup(timestampMs: bigint): boolean {
    this.endGroup();
    this.#group = entryOf(undefined, { bytes: 8, send: (transport) => transport.beginGroup(timestampMs) });
    return true;
  }

  endGroup(): boolean {
    const group = this.#group;
    this.#group = undefined;
    if (!group || group.messages.length === 1) return group !== undefined;
    group.messages.push({ bytes: 0, send: (transport) => transport.endGroup() });
    return this.#enqueue(group);
  }

  logEvent(code: string, description: string): boolean {
    return this.#call(code.length + description.length, (transport) => transport.logEvent(code, description));
  }

  resolveEvent(code: string): boolean {
    return this.#call(code.length, (transport) => transport.resolveEvent(code));
  }

  resolveAllEvents(code: string): boolean {
    return this.#call(code.length, (transport) => transport.resolveAllEvents(code));
  }

  setMetadata(field: string, value: string): boolean {
    return this.#call(field.length + value.length, (transport) => transport.setMetadata(field, value));
  }

  /** Properties belong to a group as values do; everything else has its own place in the order. */
  #call(bytes: number, send: Send): boolean {
    if (this.#group) return this.#addToGroup(this.#group, { bytes, send });
    return this.#enqueue(entryOf(undefined, { bytes, send }));
  }

  #addToGroup(group: Entry, message: Message): boolean {
    if (group.messages.length > GROUP_MESSAGES_MAX || group.bytes + message.bytes > ENTRY_BYTES_MAX) {
      this.counters.refused++;
      return false;
    }
    group.messages.push(message);
    group.bytes += message.bytes;
    return true;
  }

  #replace(vpin: number, message: Message): boolean {
    const waiting = this.#entries.find((entry) => entry.vpin === vpin && entry.sent === 0);
    if (!waiting) return false;
    this.#bytes += message.bytes - waiting.bytes;
    waiting.messages = [message];
    waiting.bytes = message.bytes;
    this.counters.merged++;
    this.#pump();
    return true;
  }

  #enqueue(entry: Entry): boolean {
    if (entry.bytes > ENTRY_BYTES_MAX) {
      this.counters.refused++;
      return false;
    }
    while (this.#entries.length >= ENTRIES_MAX || this.#bytes + entry.bytes > ENTRY_BYTES_MAX) this.#dropOldest();
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    this.#pump();
    return true;
  }

  /** Not one that is half way out, unless it is the only one. */
  #dropOldest(): void {
    const [first, second] = this.#entries;
    const index = first && first.sent > 0 && second ? 1 : 0;
    const [dropped] = this.#entries.splice(index, 1);
    this.#bytes -= dropped?.bytes ?? 0;
    this.counters.dropped++;
  }

  #pump(): void {
    if (!this.#online) return;
    const { clock, transport } = this.#options;
    for (let entry = this.#entries[0]; entry; entry = this.#entries[0]) {
      const message = entry.messages[entry.sent];
      if (!message) {
        this.#entries.shift();
        this.#bytes -= entry.bytes;
        continue;
      }
      const earlyMs = (this.#sentAtMs[this.#oldest] as number) + SECOND_MS - clock.now();
      if (earlyMs > 0) return this.#pumpLater(Math.ceil(earlyMs));
      if (!message.send(transport)) {
        if (++entry.refusals < REFUSALS_MAX) return this.#pumpLater(REFUSED_PAUSE_MS);
        this.counters.refused++;
        entry.sent = entry.messages.length;
        continue;
      }
      this.#sentAtMs[this.#oldest] = clock.now();
      this.#oldest = (this.#oldest + 1) % MESSAGES_PER_SECOND_MAX;
      this.counters.sent++;
      entry.sent++;
      entry.refusals = 0;
    }
    clock.clear(this.#timer);
  }

  #pumpLater(delayMs: number): void {
    const { clock } = this.#options;
    clock.clear(this.#timer);
    this.#timer = clock.set(() => this.#pump(), delayMs);
  }
}

function entryOf(vpin: number | undefined, ...messages: Message[]): Entry {
  return { vpin, messages, bytes: messages.reduce((sum, message) => sum + message.bytes, 0), sent: 0, refusals: 0 };
}

/** A value that tells its time travels as a group of its own. */
function stamped(message: Message, timeMs: number): Message[] {
  const begin: Send = (transport) => transport.beginGroup(BigInt(Math.trunc(timeMs)));
  return [{ bytes: 8, send: begin }, message, { bytes: 0, send: (transport) => transport.endGroup() }];
}
