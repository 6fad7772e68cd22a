/** Moments as people and programs read them: "2024-03-01T16:47:57-04:00", the form in which Blynk's cloud gives them. */

import { DAY_SECONDS, dateOf } from "./calendar.js";

/** Local time and its offset, east positive; fractions of a second are dropped. For the years 0 to 9999. */
export function formatIso8601(unixMs: number, offsetMinutes: number): string {
  const localSeconds = Math.floor(unixMs / 1000) + offsetMinutes * 60;
  const days = Math.floor(localSeconds / DAY_SECONDS);
  const { year, month, day } = dateOf(days);
  const seconds = localSeconds - days * DAY_SECONDS;
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const time = `${clockOf(Math.floor(seconds / 60))}:${digits(seconds % 60, 2)}`;
  return `${date}T${time}${offsetMinutes < 0 ? "-" : "+"}${clockOf(Math.abs(offsetMinutes))}`;
}

function clockOf(minutes: number): string {
  return `${digits(Math.floor(minutes / 60), 2)}:${digits(minutes % 60, 2)}`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
