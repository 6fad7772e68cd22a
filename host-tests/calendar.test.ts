/** Dates, against a count of days by the plain rule; and moments as text. */

import { assert } from "chai";
import { dateOf, daysOf, isLeapYear, weekdayOf } from "../src/time/calendar.js";
import { formatIso8601 } from "../src/time/iso8601.js";

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

describe("The calendar", () => {
  it("counts each day from 1600 to 2400 once, and finds its date and its weekday again", () => {
    let days = daysOf(1600, 1, 1);
    let weekday = 6; // Saturday, January 1, 1600
    for (let year = 1600; year <= 2400; year++) {
      MONTH_DAYS.forEach((length, index) => {
        const count = index === 1 && isLeapYear(year) ? 29 : length;
        for (let day = 1; day <= count; day++) {
          const date = dateOf(days);
          const isRight = date.year === year && date.month === index + 1 && date.day === day;
          if (!isRight || daysOf(year, index + 1, day) !== days || weekdayOf(days) !== weekday) {
            assert.fail(`day ${days} is ${JSON.stringify(date)}, not ${year}-${index + 1}-${day}`);
          }
          days++;
          weekday = (weekday + 1) % 7;
        }
      });
    }
    assert.equal(days - daysOf(1600, 1, 1), 801 * 365 + 195);
  });

  it("begins on Thursday, January 1, 1970", () => {
    assert.deepEqual(dateOf(0), { year: 1970, month: 1, day: 1 });
    assert.equal(weekdayOf(0), 4);
    assert.equal(weekdayOf(-1), 3);
  });

  it("leaps every fourth year, in centuries only every fourth", () => {
    assert.deepEqual([1900, 2000, 2023, 2024, 2100].map(isLeapYear), [false, true, false, true, false]);
  });
});

describe("A moment as text", () => {
  it("is as Blynk's cloud writes it", () => {
    assert.equal(formatIso8601(1_709_326_077_759, -240), "2024-03-01T16:47:57-04:00");
  });

  it("has its offset in hours and minutes, also for UTC", () => {
    assert.equal(formatIso8601(0, 0), "1970-01-01T00:00:00+00:00");
    assert.equal(formatIso8601(0, -210), "1969-12-31T20:30:00-03:30");
    assert.equal(formatIso8601(0, 765), "1970-01-01T12:45:00+12:45");
    assert.equal(formatIso8601(0, -30), "1969-12-31T23:30:00-00:30");
  });

  it("drops fractions of a second, before 1970 too", () => {
    assert.equal(formatIso8601(999, 0), "1970-01-01T00:00:00+00:00");
    assert.equal(formatIso8601(-1, 0), "1969-12-31T23:59:59+00:00");
  });

  it("has four digits for the year", () => {
    assert.equal(formatIso8601(253_402_300_799_000, 0), "9999-12-31T23:59:59+00:00");
    assert.equal(formatIso8601(daysOf(987, 6, 5) * 86_400_000, 0), "0987-06-05T00:00:00+00:00");
  });
});
