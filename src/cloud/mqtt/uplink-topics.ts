/**
 * The MCU's data calls as topics and payloads (blynk-ncp.md, 5.1).
 *
 * A value travels as the text that it is. JSON knows types, and a datastream refuses the wrong one, but the MCU's values
 * have none: in JSON, what looks like a number is written as one. So values of a group leave in a batch only where the
 * product says that its datastreams agree with that; by default each has a message of its own. Values with a time have no
 * other form than JSON. Resolving events has no topic at all.
 */

import { cutAt, isDecimal, isNumeral } from "../../base/text.js";
import { decodeUtf8, encodeUtf8, utf8Length } from "../../base/utf8.js";
import type { CloudUplink } from "../cloud.js";
import { numberOf, type PinNames } from "./pin-names.js";

/** Where messages go. */
export interface UplinkOut {
  readonly isUp: boolean;
  /** The longest payload under this topic. */
  payloadBytesMax(topic: string): number;
  /** False when nothing was taken: there is no room, it is too long, or nobody is logged in. */
  publish(topic: string, payload: Uint8Array): boolean;
  /** There is no topic for it, now or later. */
  onUnsupported(): void;
}

export interface UplinkTopicsOptions {
  readonly pins: PinNames;
  readonly batchesGroups: boolean;
  readonly out: UplinkOut;
}

const NOTHING = new Uint8Array(0);
const BATCH = "batch_ds";
/** Of a number that a double keeps, before the point and behind it. */
const DIGITS_MAX = 15;

export class UplinkTopics implements CloudUplink {
  readonly #pins: PinNames;
  readonly #batchesGroups: boolean;
  readonly #out: UplinkOut;
  /** Of the open group. 0: now. */
  #timestampMs: bigint | undefined;
  /** Values by name, in JSON: a second value of the same pin replaces the first. */
  readonly #batch = new Map<string, string>();

  constructor({ pins, batchesGroups, out }: UplinkTopicsOptions) {
    this.#pins = pins;
    this.#batchesGroups = batchesGroups;
    this.#out = out;
  }

  /** The session is over: its open group is gone. */
  reset(): void {
    this.#timestampMs = undefined;
    this.#batch.clear();
  }

  virtualWrite(vpin: number, value: Uint8Array): boolean {
    const name = this.#pins.nameOf(vpin);
    // Several items in one value have no form in JSON.
    if (this.#timestampMs !== undefined && !value.includes(0)) {
      if (this.#timestampMs !== 0n) return this.#publishAt(this.#timestampMs, name, value);
      if (this.#batchesGroups) return this.#addToBatch(name, value);
    }
    return this.#out.publish(`ds/${name}`, value);
  }

  syncAll(): boolean {
    return this.#out.publish("get/ds/all", NOTHING);
  }

  /** In as many messages as it takes. */
  syncVirtual(vpins: Uint8Array): boolean {
    const pins = decodeUtf8(vpins).split("\0").map(numberOf);
    const names = pins.filter((pin) => pin !== undefined).map((pin) => this.#pins.nameOf(pin));
    if (names.length === 0) return this.#unsupported();
    const bytesMax = this.#out.payloadBytesMax("get/ds");
    let wanted = "";
    for (const name of names) {
      const longer = wanted ? `${wanted},${name}` : name;
      if (longer.length <= bytesMax) {
        wanted = longer;
        continue;
      }
      if (!this.#publishText("get/ds", wanted)) return false;
      wanted = name;
    }
    return this.#publishText("get/ds", wanted);
  }

  setProperty(vpin: number, property: string, value: Uint8Array): boolean {
    if (!isTopicLevel(property)) return this.#unsupported();
    return this.#out.publish(`ds/${this.#pins.nameOf(vpin)}/prop/${property}`, value);
  }

  beginGroup(timestampMs: bigint): boolean {
    if (!this.#out.isUp) return false;
    this.reset();
    this.#timestampMs = timestampMs;
    return true;
  }

  /** Stays open when there was no room for its last message. */
  endGroup(): boolean {
    if (!this.#out.isUp || !this.#flushBatch()) return false;
    this.reset();
    return true;
  }

  logEvent(code: string, description: string): boolean {
    return isTopicLevel(code) ? this.#publishText(`event/${code}`, description) : this.#unsupported();
  }

  resolveEvent(): boolean {
    return this.#unsupported();
  }

  resolveAllEvents(): boolean {
    return this.#unsupported();
  }

  setMetadata(field: string, value: string): boolean {
    return isTopicLevel(field) ? this.#publishText(`meta/${field}`, value) : this.#unsupported();
  }

  #publishAt(timestampMs: bigint, name: string, value: Uint8Array): boolean {
    return this.#publishText(`ds/${name}/timestamped_batch`, `[[${timestampMs},${jsonOf(value)}]]`);
  }

  /** What was collected leaves when one more would be too much for one message. */
  #addToBatch(name: string, value: Uint8Array): boolean {
    const json = jsonOf(value);
    const bytesMax = this.#out.payloadBytesMax(BATCH);
    if (batchBytes([[name, json]]) > bytesMax) return this.#out.publish(`ds/${name}`, value);
    const longer = new Map(this.#batch).set(name, json);
    if (batchBytes(longer) > bytesMax && !this.#flushBatch()) return false;
    this.#batch.set(name, json);
    return true;
  }

  #flushBatch(): boolean {
    if (this.#batch.size === 0) return true;
    if (!this.#publishText(BATCH, textOf(this.#batch))) return false;
    this.#batch.clear();
    return true;
  }

  #publishText(topic: string, text: string): boolean {
    return this.#out.publish(topic, encodeUtf8(text));
  }

  /** Nothing that could be sent later: it counts as taken. */
  #unsupported(): boolean {
    if (!this.#out.isUp) return false;
    this.#out.onUnsupported();
    return true;
  }
}

function textOf(batch: Iterable<readonly [name: string, json: string]>): string {
  return `{${Array.from(batch, ([name, json]) => `"${name}":${json}`).join(",")}}`;
}

function batchBytes(batch: Iterable<readonly [name: string, json: string]>): number {
  return utf8Length(textOf(batch));
}

function jsonOf(value: Uint8Array): string {
  const text = decodeUtf8(value);
  return isJsonNumber(text) ? text : JSON.stringify(text);
}

/** Leading zeros and exponents are none of JSON's, or none of the MCU's: such a value stays a text. */
function isJsonNumber(text: string): boolean {
  const [whole, decimals] = cutAt(text.startsWith("-") ? text.slice(1) : text, ".");
  return isNumeral(whole, DIGITS_MAX) && (decimals === undefined || isDecimal(decimals, DIGITS_MAX));
}

/** Text from the MCU must not reach into other topics; and brokers hang up at characters that are none. */
export function isTopicLevel(text: string): boolean {
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const isNoCharacter = (code & 0xfffe) === 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
    if (isControl || isNoCharacter || "/+#".includes(letter)) return false;
  }
  return text !== "";
}
