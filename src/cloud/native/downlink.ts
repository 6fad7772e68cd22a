/**
 * What the cloud sends down, understood: bodies are strings joined by NUL (blynk-ncp.md, 5.2). What is not understood
 * is counted and otherwise ignored: clouds grow commands faster than devices are flashed.
 */

import { isHost } from "../../base/host.js";
import { isDecimal } from "../../base/text.js";
import { decodeUtf8 } from "../../base/utf8.js";
import type { Offer } from "../../image/offer.js";
import type { CloudEvents, CloudTime } from "../cloud.js";
import { coordinatesFrom } from "../coordinates.js";
import { Command } from "./message.js";

const PIN_MAX = 0xffff;
const PORT_MAX = 0xffff;

export interface DownlinkCounters {
  notUnderstood: number;
}

export class Downlink {
  readonly #events: CloudEvents;
  readonly #counters: DownlinkCounters;

  constructor(events: CloudEvents, counters: DownlinkCounters) {
    this.#events = events;
    this.#counters = counters;
  }

  onMessage(command: Command, bytes: Uint8Array, start: number, end: number): void {
    const understood =
      (command === Command.HARDWARE && this.#onHardware(bytes, start, end)) ||
      (command === Command.INTERNAL && this.#onInternal(textsOf(bytes, start, end)));
    if (!understood) this.#counters.notUnderstood++;
  }

  /** `undefined` when it names no place to go to. */
  redirectOf(bytes: Uint8Array, start: number, end: number): { host: string; port?: number } | undefined {
    const [host, port] = textsOf(bytes, start, end);
    const number = port ? numberIn(port, PORT_MAX) : undefined;
    if (host === undefined || !isHost(host) || (port && !number)) {
      this.#counters.notUnderstood++;
      return undefined;
    }
    return number === undefined ? { host } : { host, port: number };
  }

  /** "vw", the pin, and its value: everything after the second NUL, as it is. */
  #onHardware(bytes: Uint8Array, start: number, end: number): boolean {
    const kindEnd = endOfText(bytes, start, end);
    const pinEnd = endOfText(bytes, kindEnd + 1, end);
    if (pinEnd >= end || decodeUtf8(bytes, start, kindEnd) !== "vw") return false;
    const vpin = numberIn(decodeUtf8(bytes, kindEnd + 1, pinEnd), PIN_MAX);
    if (vpin === undefined) return false;
    this.#events.onPin(vpin, bytes.subarray(pinEnd + 1, end));
    return true;
  }

  #onInternal(texts: readonly string[]): boolean {
    const [kind, first = "", second = ""] = texts;
    switch (kind) {
      case "ota":
        return this.#onOta(texts);
      case "utc":
        return this.#onUtc(first, second);
      case "loc":
        return this.#onLocation(first, second);
      case "meta":
        if (!first) return false;
        this.#events.onMetadata(first, second);
        return true;
      case "dbg":
        if (first !== "reboot") return false;
        this.#events.onReboot();
        return true;
      case "config":
        this.#events.onReconfigure();
        return true;
      case "rtc": {
        const seconds = numberIn(first, Number.MAX_SAFE_INTEGER);
        if (seconds === undefined) return false;
        this.#events.onTime({ timeMs: seconds * 1000 });
        return true;
      }
      // The app has come or gone: nothing that Ferry or the MCU's protocol has a use for.
      case "acon":
      case "adis":
        return true;
      default:
        return false;
    }
  }

  #onLocation(first: string, second: string): boolean {
    const place = coordinatesFrom(first, second);
    if (place) this.#events.onLocation(place.latitude, place.longitude);
    return place !== undefined;
  }

  /**
   * Positional: url, size, type, version, build; all but the first may be missing. Without a size, as old servers send
   * it, it is an offer all the same: its refusal says what is missing.
   */
  #onOta(texts: readonly string[]): boolean {
    const [, url, size, type = "", version = "", build = ""] = texts;
    if (!url) return false;
    const sizeBytes = (size && numberIn(size, Number.MAX_SAFE_INTEGER)) || 0;
    const offer: Offer = { url, sizeBytes, type, version, build };
    this.#events.onOffer(offer);
    return true;
  }

  #onUtc(kind: string, value: string): boolean {
    const time = timeOf(kind, value);
    if (time) this.#events.onTime(time);
    return time !== undefined;
  }
}

function timeOf(kind: string, value: string): CloudTime | undefined {
  switch (kind) {
    case "time": {
      const timeMs = numberIn(value, Number.MAX_SAFE_INTEGER);
      return timeMs === undefined ? undefined : { timeMs };
    }
    case "tz_name":
      return value ? { zoneName: value } : undefined;
    case "tz_rule":
      return value ? { posixTz: value } : undefined;
    default:
      return undefined;
  }
}

/** A decimal number without sign, at most `max`; `undefined` for anything else. */
function numberIn(text: string, max: number): number | undefined {
  if (!isDecimal(text, 16)) return undefined;
  const number = Number(text);
  return number <= max ? number : undefined;
}

function endOfText(bytes: Uint8Array, start: number, end: number): number {
  const nul = start < end ? bytes.indexOf(0, start) : -1;
  return nul < 0 || nul > end ? end : nul;
}

function textsOf(bytes: Uint8Array, start: number, end: number): string[] {
  const texts: string[] = [];
  for (let at = start; at < end; ) {
    const textEnd = endOfText(bytes, at, end);
    texts.push(decodeUtf8(bytes, at, textEnd));
    at = textEnd + 1;
  }
  return texts;
}
