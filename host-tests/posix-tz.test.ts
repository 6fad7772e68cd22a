/** Time zones as POSIX TZ strings: what is read, what is refused, and what time it is in them. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { DAY_SECONDS, daysOf } from "../src/time/calendar.js";
import { formatIso8601 } from "../src/time/iso8601.js";
import { POSIX_TZ_LENGTH_MAX, type PosixZone, parsePosixTz } from "../src/time/posix-tz.js";
import { DstStatus, localTimeAt, nextTransitionMs } from "../src/time/zone-time.js";

const BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3";
const GAZA = "EET-2EEST,M3.4.4/50,M10.4.4/50";

function zoneOf(text: string): PosixZone {
  const zone = parsePosixTz(text);
  if (typeof zone === "string") throw new Error(`the time zone ${zone}`);
  return zone;
}

function utc(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  return (daysOf(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second) * 1000;
}

/** "2024-03-31T01:59:59+01:00 CET 3" */
function shownAt(text: string, unixMs: number): string {
  const { offsetMinutes, name, dstStatus } = localTimeAt(zoneOf(text), unixMs);
  return `${formatIso8601(unixMs, offsetMinutes)} ${name} ${dstStatus}`;
}

/** What is shown a second before and at the zone's next transition. */
function aroundNext(text: string, afterMs: number): string[] {
  const at = nextTransitionMs(zoneOf(text), afterMs);
  return at === undefined ? [] : [shownAt(text, at - 1000), shownAt(text, at)];
}

describe("A POSIX TZ string", () => {
  describe("that is sound", () => {
    it("may have a standard time only", () => {
      assert.deepEqual(parsePosixTz("IST-5:30"), { standard: { name: "IST", offsetSeconds: 19_800 } });
      assert.deepEqual(parsePosixTz("UTC0"), { standard: { name: "UTC", offsetSeconds: 0 } });
      assert.deepEqual(parsePosixTz("<-0930>9:30"), { standard: { name: "-0930", offsetSeconds: -34_200 } });
      assert.deepEqual(parsePosixTz("LMT+1:02:03"), { standard: { name: "LMT", offsetSeconds: -3_723 } });
      assert.deepEqual(parsePosixTz("AAA-24"), { standard: { name: "AAA", offsetSeconds: 86_400 } });
    });

    it("has edges by month, week and weekday, at two o'clock unless it says otherwise", () => {
      assert.deepEqual(parsePosixTz(BERLIN), {
        standard: { name: "CET", offsetSeconds: 3_600 },
        daylight: {
          name: "CEST",
          offsetSeconds: 7_200,
          begin: { date: { form: "month", month: 3, week: 5, weekday: 0 }, seconds: 7_200 },
          end: { date: { form: "month", month: 10, week: 5, weekday: 0 }, seconds: 10_800 },
        },
      });
    });

    it("has edges by day of the year, and times with sign, minutes and seconds, up to a week away", () => {
      assert.deepEqual(zoneOf("<+1030>-10:30<+11>-11,J60/-167,365/+167:59:58").daylight, {
        name: "+11",
        offsetSeconds: 39_600,
        begin: { date: { form: "day without leap day", day: 60 }, seconds: -601_200 },
        end: { date: { form: "day", day: 365 }, seconds: 604_798 },
      });
    });

    it("has daylight time an hour ahead unless it says otherwise", () => {
      assert.equal(zoneOf("EST5EDT,M3.2.0,M11.1.0").daylight?.offsetSeconds, -4 * 3600);
      assert.equal(zoneOf("EST5EDT3:30,M3.2.0,M11.1.0").daylight?.offsetSeconds, -3.5 * 3600);
    });

    it("has the edges of the United States where it names none", () => {
      assert.deepEqual(parsePosixTz("EST5EDT"), parsePosixTz("EST5EDT,M3.2.0,M11.1.0"));
      assert.deepEqual(parsePosixTz("EST5EDT4"), parsePosixTz("EST5EDT,M3.2.0/2,M11.1.0/2"));
    });
  });

  describe("that is not sound", () => {
    const BAD: readonly (readonly [text: string, character: number])[] = [
      ["", 1],
      [":Europe/Berlin", 1],
      ["Europe/Berlin", 7],
      ["CET", 4],
      ["CE-1", 3],
      ["<CE>-1", 4],
      ["<CET-1", 7],
      ["<C T>-1", 3],
      ["ABCDEFGHIJK-1", 12],
      ["CET-25", 5],
      ["CET-001", 5],
      ["CET--1", 5],
      ["CET-1:60", 7],
      ["CET-1:00:60", 10],
      ["CET-1 ", 6],
      ["CET-1CE", 8],
      ["CET-1CEST,", 11],
      ["CET-1CEST,M3.5.0", 17],
      ["CET-1CEST,M3.5.0,", 18],
      ["CET-1CEST,M3.5.0,M10.5.0/3,", 27],
      ["CET-1CEST,M3.5.0,M10.5.0/", 26],
      ["CET-1CEST,M3.5.0,M10.5.0/168", 26],
      ["CET-1CEST,M0.5.0,M10.5.0", 12],
      ["CET-1CEST,M13.5.0,M10.5.0", 12],
      ["CET-1CEST,M3.0.0,M10.5.0", 14],
      ["CET-1CEST,M3.6.0,M10.5.0", 14],
      ["CET-1CEST,M3.5.7,M10.5.0", 16],
      ["CET-1CEST,M3-5-0,M10.5.0", 13],
      ["CET-1CEST,J0,J365", 12],
      ["CET-1CEST,J366,J365", 12],
      ["CET-1CEST,366,1", 11],
      ["CÉT-1", 2],
      ["CET−1", 4],
    ];

    for (const [text, character] of BAD) {
      it(`is refused with the place where it stops making sense: "${text}"`, () => {
        assert.equal(parsePosixTz(text), `is not a POSIX TZ string from character ${character} on: "${text}"`);
      });
    }

    it("is refused for its length alone beyond the limit", () => {
      const longest = `AAA${"0".repeat(POSIX_TZ_LENGTH_MAX)}`;
      assert.equal(parsePosixTz(longest), `is longer than ${POSIX_TZ_LENGTH_MAX} characters`);
    });
  });

  describe("that is anything at all", () => {
    const ALPHABET = "CET<>+-0123456789:,./JMn \0é";

    it("is refused, or gives a time at every moment and transitions that lie ahead", () => {
      const random = new Random(11);
      let sound = 0;
      for (let i = 0; i < 8_000; i++) {
        let text = random.chance(0.5) ? BERLIN : GAZA;
        for (let edits = random.below(3); edits > 0; edits--) {
          const at = random.below(text.length);
          text = text.slice(0, at) + ALPHABET.charAt(random.below(ALPHABET.length)) + text.slice(at + random.below(3));
        }
        const zone = parsePosixTz(text);
        if (typeof zone === "string") continue;
        sound++;
        const now = random.below(0x1_0000_0000) * 1000;
        const { offsetMinutes } = localTimeAt(zone, now);
        assert.isTrue(Number.isInteger(offsetMinutes) && Math.abs(offsetMinutes) <= 25 * 60, text);
        const next = nextTransitionMs(zone, now);
        assert.isTrue(next === undefined || (Number.isSafeInteger(next) && next > now), text);
      }
      assert.isAbove(sound, 2_000);
    });
  });
});

describe("The time in a zone", () => {
  it("changes at the very second of an edge, forward and back", () => {
    assert.deepEqual(aroundNext(BERLIN, utc(2024, 1, 1)), [
      "2024-03-31T01:59:59+01:00 CET 3",
      "2024-03-31T03:00:00+02:00 CEST 2",
    ]);
    assert.deepEqual(aroundNext(BERLIN, utc(2024, 3, 31, 1)), [
      "2024-10-27T02:59:59+02:00 CEST 2",
      "2024-10-27T02:00:00+01:00 CET 3",
    ]);
  });

  it("is daylight time at New Year in the south", () => {
    const sydney = "AEST-10AEDT,M10.1.0,M4.1.0/3";
    assert.equal(shownAt(sydney, utc(2023, 12, 31, 12, 59, 59)), "2023-12-31T23:59:59+11:00 AEDT 2");
    assert.equal(shownAt(sydney, utc(2023, 12, 31, 13)), "2024-01-01T00:00:00+11:00 AEDT 2");
    assert.deepEqual(aroundNext(sydney, utc(2024, 1, 1)), [
      "2024-04-07T02:59:59+11:00 AEDT 2",
      "2024-04-07T02:00:00+10:00 AEST 3",
    ]);
  });

  it("may change by half an hour", () => {
    assert.deepEqual(aroundNext("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", utc(2025, 6, 1)), [
      "2025-10-05T01:59:59+10:30 +1030 3",
      "2025-10-05T02:30:00+11:00 +11 2",
    ]);
  });

  it("may change on another day than the rule names: hours beyond 24, and before 0", () => {
    assert.deepEqual(aroundNext(GAZA, utc(2028, 1, 1)), [
      "2028-03-25T01:59:59+02:00 EET 3",
      "2028-03-25T03:00:00+03:00 EEST 2",
    ]);
    assert.deepEqual(aroundNext("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", utc(2025, 1, 1)), [
      "2025-03-29T22:59:59-02:00 -02 3",
      "2025-03-30T00:00:00-01:00 -01 2",
    ]);
  });

  it("is never daylight time where there is none, and always where that is permanent", () => {
    assert.equal(shownAt("IST-5:30", utc(2024, 7, 1)), "2024-07-01T05:30:00+05:30 IST 1");
    assert.isUndefined(nextTransitionMs(zoneOf("IST-5:30"), utc(2024, 7, 1)));
    const permanent = "EST5EDT,0/0,J365/25";
    for (const month of [1, 7, 12]) assert.include(shownAt(permanent, utc(2024, month, 31)), "-04:00 EDT 2");
    assert.equal(shownAt(permanent, utc(2025, 1, 1, 5)), "2025-01-01T01:00:00-04:00 EDT 2");
    for (const year of [2023, 2024, 2025]) {
      for (const month of [1, 7, 12]) assert.isUndefined(nextTransitionMs(zoneOf(permanent), utc(year, month, 31)));
    }
  });

  it("counts daylight saving as active in summer where the TZ string has winter as its daylight time", () => {
    const dublin = "IST-1GMT0,M10.5.0,M3.5.0/1";
    assert.equal(shownAt(dublin, utc(2024, 1, 15)), "2024-01-15T00:00:00+00:00 GMT 3");
    assert.equal(shownAt(dublin, utc(2024, 7, 15)), "2024-07-15T01:00:00+01:00 IST 2");
    assert.deepEqual(aroundNext(dublin, utc(2024, 7, 15)), [
      "2024-10-27T01:59:59+01:00 IST 2",
      "2024-10-27T01:00:00+00:00 GMT 3",
    ]);
  });

  it("counts days of the year with and without February 29", () => {
    const begin = (day: string, year: number) => aroundNext(`AAA0BBB,${day}/0,J300/0`, utc(year, 1, 1))[0];
    assert.equal(begin("J59", 2024), "2024-02-27T23:59:59+00:00 AAA 3");
    assert.equal(begin("J60", 2024), "2024-02-29T23:59:59+00:00 AAA 3");
    assert.equal(begin("J60", 2023), "2023-02-28T23:59:59+00:00 AAA 3");
    assert.equal(begin("59", 2024), "2024-02-28T23:59:59+00:00 AAA 3");
    assert.equal(begin("59", 2023), "2023-02-28T23:59:59+00:00 AAA 3");
  });

  it("finds every week of a month, and in the fifth the last", () => {
    const days = [1, 2, 3, 4, 5].map((week) => aroundNext(`AAA0BBB,M2.${week}.4/0,J300/0`, utc(2024, 1, 1))[1]);
    assert.deepEqual(
      days.map((shown) => shown?.slice(0, 10)),
      ["2024-02-01", "2024-02-08", "2024-02-15", "2024-02-22", "2024-02-29"],
    );
    assert.include(aroundNext("AAA0BBB,M2.5.5/0,J300/0", utc(2024, 1, 1))[1], "2024-02-23");
    assert.include(aroundNext("AAA0BBB,J100/0,M12.5.0/0", utc(2024, 6, 1))[1], "2024-12-28T23");
  });

  it("has a transition after each transition, twice a year, for centuries", () => {
    const zone = zoneOf(BERLIN);
    let at = utc(1970, 1, 1);
    for (let i = 0; i < 600; i++) {
      const before = localTimeAt(zone, at);
      const next = nextTransitionMs(zone, at) ?? 0;
      assert.isAbove(next, at);
      assert.deepEqual(localTimeAt(zone, next - 1), before);
      assert.notDeepEqual(localTimeAt(zone, next), before);
      at = next;
    }
    assert.equal(formatIso8601(at, 0), "2269-10-31T01:00:00+00:00");
  });

  it("is known before 1970", () => {
    assert.equal(shownAt(BERLIN, utc(1969, 7, 1)), "1969-07-01T02:00:00+02:00 CEST 2");
    assert.equal(DstStatus.ACTIVE, 2);
  });
});
