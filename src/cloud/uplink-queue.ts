/**
 * What the MCU has said and the cloud has not heard yet: one block of bytes, so that it takes the same RAM full or
 * empty. The oldest makes room.
 *
 *   | sent of a group whose end has not left | waiting | gathered for a group that has not ended |
 *   0                                        #sentEnd  #released                                 #end
 *
 * What was sent of a group is kept until its end has left, for a session that breaks there takes the group with it.
 */

import { decodeUtf8, utf8Length, writeUtf8 } from "../base/utf8.js";
import type { CloudUplink } from "./cloud.js";

export const UplinkKind = Object.freeze({
  VALUE: 1,
  PROPERTY: 2,
  SYNC_ALL: 3,
  SYNC: 4,
  EVENT: 5,
  RESOLVE: 6,
  RESOLVE_ALL: 7,
  METADATA: 8,
} as const);

export type UplinkKind = (typeof UplinkKind)[keyof typeof UplinkKind];

/** One call of the MCU. `name` is that of a property, an event or a field. */
export interface UplinkMessage {
  readonly kind: UplinkKind;
  readonly vpin: number;
  readonly name: string;
  readonly value: Uint8Array;
}

/** What belongs together has the same id, and the time at which it was so; 0: now. */
export interface UplinkGroup {
  readonly id: number;
  readonly timeMs: bigint;
}

/** u16 length of all, u8 kind, u16 pin, u16 id of the group or 0, u16 length of the name; in a group i64 its time. */
const HEADER_BYTES = 9;
const TIME_BYTES = 8;
const At = Object.freeze({ LENGTH: 0, KIND: 2, PIN: 3, GROUP: 5, NAME_LENGTH: 7 });

export class UplinkQueue {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #onDropped: () => void;
  #sentEnd = 0;
  #released = 0;
  #end = 0;

  /** Calls back for each message that makes room without having been sent. */
  constructor(bytesMax: number, onDropped: () => void) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
    this.#onDropped = onDropped;
  }

  /** Messages that have not been sent. */
  get waiting(): number {
    let count = 0;
    for (let at = this.#sentEnd; at < this.#end; at += this.#lengthAt(at)) count++;
    return count;
  }

  get gatheredBytes(): number {
    return this.#end - this.#released;
  }

  /** The next one to be sent. Its value is valid until the queue changes. */
  get head(): (UplinkMessage & { readonly group: UplinkGroup | undefined }) | undefined {
    const at = this.#sentEnd;
    if (at === this.#released) return undefined;
    const id = this.#groupAt(at);
    const nameAt = at + HEADER_BYTES + (id === 0 ? 0 : TIME_BYTES);
    const valueAt = nameAt + this.#view.getUint16(at + At.NAME_LENGTH);
    return {
      kind: this.#bytes[at + At.KIND] as UplinkKind,
      vpin: this.#view.getUint16(at + At.PIN),
      name: decodeUtf8(this.#bytes, nameAt, valueAt),
      value: this.#bytes.subarray(valueAt, at + this.#lengthAt(at)),
      group: id === 0 ? undefined : { id, timeMs: this.#view.getBigInt64(at + HEADER_BYTES) },
    };
  }

  /** False, and nothing changes, when it is longer than all the room. */
  add(message: UplinkMessage, group?: UplinkGroup): boolean {
    return this.#insert(message, group, false);
  }

  /** The same, for a group that has not ended: it waits for release(). */
  gather(message: UplinkMessage, group: UplinkGroup): boolean {
    return this.#insert(message, group, true);
  }

  /** What was gathered may leave. */
  release(): void {
    this.#released = this.#end;
  }

  /** The last value of the pin becomes this one, in its place, if it still waits and belongs to no group. */
  replaceValue(vpin: number, value: Uint8Array): boolean {
    const at = this.#lastValueOf(vpin);
    const length = HEADER_BYTES + value.length;
    if (at < 0 || this.#groupAt(at) !== 0 || length > this.#bytes.length) return false;
    const growth = length - this.#lengthAt(at);
    if (this.#end + growth > this.#bytes.length) {
      // Others make room, this one among them perhaps: it goes to the end instead.
      this.#remove(at, this.#lengthAt(at));
      return this.add({ kind: UplinkKind.VALUE, vpin, name: "", value });
    }
    this.#bytes.copyWithin(at + length, at + length - growth, this.#end);
    this.#released += growth;
    this.#end += growth;
    this.#view.setUint16(at + At.LENGTH, length);
    this.#bytes.set(value, at + HEADER_BYTES);
    return true;
  }

  /** The head has left. One of a group stays until forgetSent(). */
  onHeadSent(): void {
    const length = this.#lengthAt(this.#sentEnd);
    if (this.#groupAt(this.#sentEnd) === 0) this.#remove(this.#sentEnd, length);
    else this.#sentEnd += length;
  }

  removeHead(): void {
    this.#remove(this.#sentEnd, this.#lengthAt(this.#sentEnd));
  }

  forgetSent(): void {
    this.#remove(0, this.#sentEnd);
  }

  clear(): void {
    this.#end = 0;
    this.#released = 0;
    this.#sentEnd = 0;
  }

  /** What was sent of a group waits again. */
  rewind(): void {
    this.#sentEnd = 0;
  }

  #lengthAt(at: number): number {
    return this.#view.getUint16(at + At.LENGTH);
  }

  #groupAt(at: number): number {
    return this.#view.getUint16(at + At.GROUP);
  }

  #lastValueOf(vpin: number): number {
    let last = -1;
    for (let at = this.#sentEnd; at < this.#end; at += this.#lengthAt(at)) {
      const isOne = this.#bytes[at + At.KIND] === UplinkKind.VALUE && this.#view.getUint16(at + At.PIN) === vpin;
      if (isOne) last = at;
    }
    return last;
  }

  #insert({ kind, vpin, name, value }: UplinkMessage, group: UplinkGroup | undefined, isGathered: boolean): boolean {
    const nameBytes = utf8Length(name);
    const length = HEADER_BYTES + (group ? TIME_BYTES : 0) + nameBytes + value.length;
    if (length > this.#bytes.length) return false;
    while (this.#end + length > this.#bytes.length) this.#dropOldest();
    const at = isGathered ? this.#end : this.#released;
    this.#bytes.copyWithin(at + length, at, this.#end);
    this.#view.setUint16(at + At.LENGTH, length);
    this.#bytes[at + At.KIND] = kind;
    this.#view.setUint16(at + At.PIN, vpin);
    this.#view.setUint16(at + At.GROUP, group?.id ?? 0);
    this.#view.setUint16(at + At.NAME_LENGTH, nameBytes);
    if (group) this.#view.setBigInt64(at + HEADER_BYTES, group.timeMs);
    const nameAt = at + HEADER_BYTES + (group ? TIME_BYTES : 0);
    this.#bytes.set(value, writeUtf8(name, this.#bytes, nameAt));
    this.#end += length;
    if (!isGathered) this.#released += length;
    return true;
  }

  /** What has been sent is no loss, unless the session breaks before its group's end. */
  #dropOldest(): void {
    if (this.#sentEnd === 0) this.#onDropped();
    this.#remove(0, this.#lengthAt(0));
  }

  #remove(at: number, length: number): void {
    this.#bytes.copyWithin(at, at + length, this.#end);
    this.#end -= length;
    if (at < this.#released) this.#released -= length;
    if (at < this.#sentEnd) this.#sentEnd -= length;
  }
}

/** Makes the call that the message is. */
export function perform({ kind, vpin, name, value }: UplinkMessage, uplink: CloudUplink): boolean {
  switch (kind) {
    case UplinkKind.VALUE:
      return uplink.virtualWrite(vpin, value);
    case UplinkKind.PROPERTY:
      return uplink.setProperty(vpin, name, value);
    case UplinkKind.SYNC_ALL:
      return uplink.syncAll();
    case UplinkKind.SYNC:
      return uplink.syncVirtual(value);
    case UplinkKind.EVENT:
      return uplink.logEvent(name, decodeUtf8(value));
    case UplinkKind.RESOLVE:
      return uplink.resolveEvent(name);
    case UplinkKind.RESOLVE_ALL:
      return uplink.resolveAllEvents(name);
    case UplinkKind.METADATA:
      return uplink.setMetadata(name, decodeUtf8(value));
  }
}
