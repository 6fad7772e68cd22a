/**
 * What a clock on the wall of a zone shows at a moment, and when it is next put forward or back.
 *
 * The edges of the years around a moment are laid out in order, and the last one that is not later decides. So hours
 * beyond the day, edges at New Year, and the southern half of the earth need no cases of their own. Where an end and a
 * beginning fall on one moment, daylight time goes on: that is how permanent daylight time is written (RFC 8536, 3.3.1).
 */

import { DAY_SECONDS, dateOf, daysOf, isLeapYear, weekdayOf } from "./calendar.js";
import type { Edge, EdgeDate, PosixZone, ZoneTime } from "./posix-tz.js";

/** As blynk.getTime has it. */
export const DstStatus = Object.freeze({ UNKNOWN: 0, NOT_APPLICABLE: 1, ACTIVE: 2, INACTIVE: 3 });
export type DstStatus = (typeof DstStatus)[keyof typeof DstStatus];

export interface LocalTime {
  /** East positive, daylight saving included; seconds, which no zone has had for decades, are cut off. */
  readonly offsetMinutes: number;
  /** "CEST" */
  readonly name: string;
  /** Active while clocks are the farther ahead: in summer, in Ireland too, though its TZ string has it the other way. */
  readonly dstStatus: DstStatus;
}

/** A year, and a week either way: a zone that has changes has one in any such span. */
const CHANGE_SECONDS_MAX = (366 + 14) * DAY_SECONDS;

type Daylight = NonNullable<PosixZone["daylight"]>;

interface Change {
  readonly atSeconds: number;
  readonly toDaylight: boolean;
}

export function localTimeAt(zone: PosixZone, unixMs: number): LocalTime {
  const { standard, daylight } = zone;
  if (!daylight) return { ...shown(standard), dstStatus: DstStatus.NOT_APPLICABLE };
  const seconds = Math.floor(unixMs / 1000);
  const isDaylight = isDaylightAt(changesAround(zone, daylight, seconds), seconds);
  const isAhead = isDaylight === daylight.offsetSeconds >= standard.offsetSeconds;
  return { ...shown(isDaylight ? daylight : standard), dstStatus: isAhead ? DstStatus.ACTIVE : DstStatus.INACTIVE };
}

function shown({ name, offsetSeconds }: ZoneTime): Omit<LocalTime, "dstStatus"> {
  return { offsetMinutes: Math.trunc(offsetSeconds / 60), name };
}

/** The first moment after `unixMs` at which the zone's time changes; `undefined` when it never does. */
export function nextTransitionMs(zone: PosixZone, unixMs: number): number | undefined {
  const { daylight } = zone;
  if (!daylight) return undefined;
  const seconds = Math.floor(unixMs / 1000);
  const changes = changesAround(zone, daylight, seconds);
  const isDaylight = isDaylightAt(changes, seconds);
  for (const { atSeconds } of changes) {
    if (atSeconds <= seconds) continue;
    if (atSeconds > seconds + CHANGE_SECONDS_MAX) break;
    if (isDaylightAt(changes, atSeconds) !== isDaylight) return atSeconds * 1000;
  }
  return undefined;
}

function isDaylightAt(changes: readonly Change[], seconds: number): boolean {
  let isDaylight = false;
  for (const change of changes) {
    if (change.atSeconds > seconds) break;
    isDaylight = change.toDaylight;
  }
  return isDaylight;
}

/** The changes of the last, the present and the next two years, in order; of two at one moment the beginning last. */
function changesAround({ standard }: PosixZone, daylight: Daylight, seconds: number): Change[] {
  const { year } = dateOf(Math.floor(seconds / DAY_SECONDS));
  const changes: Change[] = [];
  for (let y = year - 1; y <= year + 2; y++) {
    changes.push({ atSeconds: localSecondsOf(daylight.begin, y) - standard.offsetSeconds, toDaylight: true });
    changes.push({ atSeconds: localSecondsOf(daylight.end, y) - daylight.offsetSeconds, toDaylight: false });
  }
  return changes.sort((a, b) => a.atSeconds - b.atSeconds || Number(a.toDaylight) - Number(b.toDaylight));
}

/** As if the local time were UTC. */
function localSecondsOf(edge: Edge, year: number): number {
  return dayOf(edge.date, year) * DAY_SECONDS + edge.seconds;
}

function dayOf(date: EdgeDate, year: number): number {
  if (date.form === "day") return daysOf(year, 1, 1) + date.day;
  if (date.form === "day without leap day") {
    const isAfterLeapDay = date.day >= 60 && isLeapYear(year);
    return daysOf(year, 1, 1) + date.day - (isAfterLeapDay ? 0 : 1);
  }
  const first = daysOf(year, date.month, 1);
  const day = first + ((date.weekday - weekdayOf(first) + 7) % 7) + (date.week - 1) * 7;
  const nextMonth = date.month === 12 ? daysOf(year + 1, 1, 1) : daysOf(year, date.month + 1, 1);
  return day < nextMonth ? day : day - 7;
}
