/**
 * POSIX TZ strings, the form in which the cloud tells a device its time zone (its `tz_rule`):
 *
 *   zone   = name offset [ name [offset] [ "," edge "," edge ] ]     "CET-1CEST,M3.5.0,M10.5.0/3"
 *   name   = 3 or more letters, or "<" 3 or more of letters, digits, + and - ">"
 *   offset = [+-] h[h] [ ":" mm [ ":" ss ] ]                         west is positive here, and only here
 *   edge   = date [ "/" time ]                                       first: daylight time begins; second: it ends
 *   date   = "M" month "." week "." weekday                          week 5 is the last, weekday 0 is Sunday
 *          | "J" day                                                 1 to 365: February 29 is never counted
 *          | day                                                     0 to 365: February 29 is counted
 *   time   = [+-] h[h[h]] [ ":" mm [ ":" ss ] ]                      local time before the edge; 2 o'clock if absent
 *
 * Times of an edge reach from -167 to 167 hours (RFC 8536, 3.3.1). A daylight name without edges gets the rules of the
 * United States, as glibc and newlib have it. Anything else is refused with a reason: the text comes from outside.
 */

import { isDigit, isLetter } from "../base/text.js";

export const POSIX_TZ_LENGTH_MAX = 64;
/** So that getTime stays small; the longest in use have six characters. */
export const ZONE_NAME_LENGTH_MAX = 10;

const OFFSET_HOURS_MAX = 24;
const EDGE_HOURS_MAX = 167;
const HOUR_SECONDS = 3_600;
const EDGE_SECONDS_DEFAULT = 2 * HOUR_SECONDS;
const EDGES_DEFAULT = ",M3.2.0,M11.1.0";

/** A time that the zone keeps: standard or daylight. */
export interface ZoneTime {
  readonly name: string;
  /** East positive. */
  readonly offsetSeconds: number;
}

export type EdgeDate =
  | { readonly form: "month"; readonly month: number; readonly week: number; readonly weekday: number }
  | { readonly form: "day without leap day"; readonly day: number }
  | { readonly form: "day"; readonly day: number };

export interface Edge {
  readonly date: EdgeDate;
  /** From midnight of that day, in the local time that ends here. */
  readonly seconds: number;
}

export interface PosixZone {
  readonly standard: ZoneTime;
  /** Its offset may be the smaller one: Ireland's winter time is its daylight time. */
  readonly daylight?: ZoneTime & { readonly begin: Edge; readonly end: Edge };
}

/** Returns the zone, or what is wrong as a phrase that follows "the time zone". */
export function parsePosixTz(text: string): PosixZone | string {
  if (text.length > POSIX_TZ_LENGTH_MAX) return `is longer than ${POSIX_TZ_LENGTH_MAX} characters`;
  const scanner = new Scanner(text);
  const zone = scanZone(scanner);
  if (scanner.failedAt >= 0) return `is not a POSIX TZ string from character ${scanner.failedAt + 1} on: "${text}"`;
  return zone;
}

function scanZone(scanner: Scanner): PosixZone {
  const standard = { name: scanName(scanner), offsetSeconds: scanOffset(scanner) };
  if (scanner.atEnd) return { standard };
  const name = scanName(scanner);
  const hasOffset = !scanner.atEnd && scanner.next !== ",";
  const offsetSeconds = hasOffset ? scanOffset(scanner) : standard.offsetSeconds + HOUR_SECONDS;
  const edges = scanner.atEnd && scanner.failedAt < 0 ? new Scanner(EDGES_DEFAULT) : scanner;
  const begin = scanEdge(edges);
  const end = scanEdge(edges);
  if (!edges.atEnd) edges.fail();
  return { standard, daylight: { name, offsetSeconds, begin, end } };
}

function scanName(scanner: Scanner): string {
  const isQuoted = scanner.take("<");
  const name = scanner.takeWhile(isQuoted ? isQuotedNameCharacter : isLetter);
  if (name.length < 3 || name.length > ZONE_NAME_LENGTH_MAX) scanner.fail();
  if (isQuoted && !scanner.take(">")) scanner.fail();
  return name;
}

/** In seconds, east positive. */
function scanOffset(scanner: Scanner): number {
  return 0 - scanTime(scanner, OFFSET_HOURS_MAX, 2);
}

/** In seconds. */
function scanTime(scanner: Scanner, hoursMax: number, hourDigitsMax: number): number {
  const sign = scanner.take("-") ? -1 : 1;
  if (sign > 0) scanner.take("+");
  let seconds = scanner.number(0, hoursMax, hourDigitsMax) * HOUR_SECONDS;
  if (scanner.take(":")) {
    seconds += scanner.number(0, 59, 2) * 60;
    if (scanner.take(":")) seconds += scanner.number(0, 59, 2);
  }
  return sign < 0 ? 0 - seconds : seconds;
}

function scanEdge(scanner: Scanner): Edge {
  if (!scanner.take(",")) scanner.fail();
  const date = scanDate(scanner);
  return { date, seconds: scanner.take("/") ? scanTime(scanner, EDGE_HOURS_MAX, 3) : EDGE_SECONDS_DEFAULT };
}

function scanDate(scanner: Scanner): EdgeDate {
  if (scanner.take("J")) return { form: "day without leap day", day: scanner.number(1, 365, 3) };
  if (!scanner.take("M")) return { form: "day", day: scanner.number(0, 365, 3) };
  const month = scanner.number(1, 12, 2);
  if (!scanner.take(".")) scanner.fail();
  const week = scanner.number(1, 5, 1);
  if (!scanner.take(".")) scanner.fail();
  return { form: "month", month, week, weekday: scanner.number(0, 6, 1) };
}

/** Reads from left to right. After the first failure it takes nothing more, so that callers check once, at the end. */
class Scanner {
  readonly #text: string;
  #at = 0;
  /** Where the text stopped making sense, or -1. */
  failedAt = -1;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  get next(): string {
    return this.#text.charAt(this.#at);
  }

  fail(): void {
    if (this.failedAt < 0) this.failedAt = this.#at;
  }

  take(character: string): boolean {
    if (this.failedAt >= 0 || this.next !== character) return false;
    this.#at++;
    return true;
  }

  takeWhile(accepts: (code: number) => boolean): string {
    const start = this.#at;
    if (this.failedAt >= 0) return "";
    while (!this.atEnd && accepts(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  number(min: number, max: number, digitsMax: number): number {
    const start = this.#at;
    const digits = this.takeWhile(isDigit);
    const value = Number(digits);
    if (digits !== "" && digits.length <= digitsMax && value >= min && value <= max) return value;
    this.#at = start;
    this.fail();
    return min;
  }
}

function isQuotedNameCharacter(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 0x2b || code === 0x2d;
}
