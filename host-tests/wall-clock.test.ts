/** What time it is, who may say so, and when the MCU hears of it. */

import { assert } from "chai";
import { VirtualClock } from "../host/sim/clock.js";
import type { Results } from "../src/rpc/catalogue.js";
import {
  CLOUD_TIME_FRESH_MS,
  type Location,
  RTC_MS_MAX,
  RTC_MS_MIN,
  type Rtc,
  TIME_JUMP_MS,
  TIME_SYNC_AFTER_MS,
  TIME_SYNC_FIRST_MS,
  UNIX_MS_MAX,
  WAIT_MS_MAX,
  WallClock,
  type WallClockEvent,
} from "../src/time/wall-clock.js";

/** 2024-03-30T12:00:00Z: 13 hours before summer begins in Berlin. */
const NOON = 1_711_800_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const BERLIN: Location = {
  latitude: "52.52",
  longitude: "13.405",
  olsonId: "Europe/Berlin",
  posixTz: "CET-1CEST,M3.5.0,M10.5.0/3",
};
const KOLKATA: Location = { latitude: "22.57", longitude: "88.36", olsonId: "Asia/Kolkata", posixTz: "IST-5:30" };
/** Without edges between, so that only what a test does makes events. */
const STILL = KOLKATA;

class SimRtc implements Rtc {
  readonly #clock: VirtualClock;
  #offsetMs: number | undefined;
  readonly sources: string[] = [];
  writes = 0;

  constructor(clock: VirtualClock, unixMs?: number) {
    this.#clock = clock;
    if (unixMs !== undefined) this.#offsetMs = unixMs - clock.now();
  }

  read(): number | undefined {
    return this.#offsetMs === undefined ? undefined : this.#clock.now() + this.#offsetMs;
  }

  write(unixMs: number, source: "cloud" | "mcu"): void {
    this.writes++;
    this.sources.push(source);
    this.#offsetMs = unixMs - this.#clock.now();
  }
}

interface BenchOptions {
  readonly location?: Location | undefined;
  readonly rtc?: (clock: VirtualClock) => SimRtc;
  /** The MCU has initialized long ago, and what came of it is over. */
  readonly ready?: boolean;
}

function makeBench({ location, rtc, ready = true }: BenchOptions = {}) {
  const clock = new VirtualClock();
  clock.advance(1234.5);
  const events: WallClockEvent[] = [];
  const simRtc = rtc?.(clock);
  const make = () =>
    new WallClock({
      clock,
      ...(simRtc ? { rtc: simRtc } : {}),
      location,
      onEvent: (event) => events.push(event),
    });
  const wall = make();
  if (ready) wall.onMcuReady();
  /** What has come of an action within a moment. */
  const eventsOf = (action: () => void): WallClockEvent[] => {
    events.length = 0;
    action();
    assert.deepEqual(events, [], "an event came from inside a call");
    clock.advance(1);
    return events.slice();
  };
  return { clock, wall, events, eventsOf, make, rtc: simRtc };
}

describe("The wall clock", () => {
  describe("that nobody has told the time", () => {
    it("answers getTime with false and nothing else", () => {
      const { wall } = makeBench({ location: BERLIN });
      const results: Results<"blynk.getTime"> = wall.readTime();
      assert.deepEqual(results, { iso8601: "", timeMs: 0n, offsetMinutes: 0, zone: "", dstStatus: 0, ok: false });
      assert.isUndefined(wall.unixMs);
      assert.isUndefined(wall.source);
    });

    it("tells the location all the same: that is stored", () => {
      const results: Results<"blynk.getLocationInfo"> = makeBench({ location: BERLIN }).wall.readLocation();
      assert.deepEqual(results, { ...BERLIN, ok: true });
    });

    it("answers getLocationInfo with false where no location is known", () => {
      const empty = { latitude: "", longitude: "", olsonId: "", posixTz: "", ok: false };
      assert.deepEqual(makeBench().wall.readLocation(), empty);
    });
  });

  describe("whose time was set", () => {
    it("goes on with the monotonic clock, and answers in the local time of its zone", () => {
      const { wall, clock } = makeBench({ location: BERLIN });
      assert.isTrue(wall.setTime(BigInt(NOON)));
      clock.advance(90_061.25);
      assert.deepEqual(wall.readTime(), {
        iso8601: "2024-03-30T13:01:30+01:00",
        timeMs: BigInt(NOON + 90_061),
        offsetMinutes: 60,
        zone: "CET",
        dstStatus: 3,
        ok: true,
      });
      assert.equal(wall.source, "mcu");
    });

    it("answers in UTC, with unknown daylight saving, where it has no zone", () => {
      const { wall } = makeBench();
      wall.setTime(BigInt(NOON));
      const { iso8601, zone, offsetMinutes, dstStatus } = wall.readTime();
      assert.deepEqual([iso8601, zone, offsetMinutes, dstStatus], ["2024-03-30T12:00:00+00:00", "UTC", 0, 0]);
    });

    it("says that daylight saving does not apply where there is none", () => {
      const { wall } = makeBench({ location: KOLKATA });
      wall.setTime(BigInt(NOON));
      assert.deepInclude(wall.readTime(), { offsetMinutes: 330, zone: "IST", dstStatus: 1 });
    });

    it("refuses what is no time, and keeps what it has", () => {
      const { wall } = makeBench();
      wall.setTime(BigInt(NOON));
      for (const bad of [-1n, BigInt(UNIX_MS_MAX) + 1n, 2n ** 63n - 1n, -(2n ** 63n)])
        assert.isFalse(wall.setTime(bad));
      for (const bad of [-1, UNIX_MS_MAX + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.isFalse(wall.setCloudTime(bad));
      }
      assert.equal(wall.unixMs, NOON);
      assert.isTrue(wall.setTime(BigInt(UNIX_MS_MAX)));
      assert.isTrue(wall.setTime(0n));
      assert.equal(wall.readTime().iso8601, "1970-01-01T00:00:00+00:00");
    });

    it("does not tell the MCU of a time that it has set itself", () => {
      const { wall, eventsOf } = makeBench({ location: BERLIN });
      assert.deepEqual(
        eventsOf(() => wall.setTime(BigInt(NOON))),
        [],
      );
      assert.deepEqual(
        eventsOf(() => wall.setTime(BigInt(NOON + 200 * DAY_MS))),
        [],
      );
    });
  });

  describe("that the cloud tells the time", () => {
    it("tells the MCU when there was none", () => {
      const { wall, eventsOf } = makeBench({ location: STILL });
      assert.deepEqual(
        eventsOf(() => wall.setCloudTime(NOON)),
        ["time-changed"],
      );
      assert.equal(wall.source, "cloud");
    });

    it("tells the MCU when it is more than 30 seconds from what was set, and not before", () => {
      for (const sign of [1, -1]) {
        const { wall, eventsOf } = makeBench({ location: STILL });
        wall.setTime(BigInt(NOON));
        const near = NOON + sign * TIME_JUMP_MS;
        assert.deepEqual(
          eventsOf(() => wall.setCloudTime(near)),
          [],
        );
        assert.equal(wall.unixMs, near + 1);
        assert.deepEqual(
          eventsOf(() => wall.setCloudTime(near + 1 + sign * (TIME_JUMP_MS + 1))),
          ["time-changed"],
        );
      }
    });

    it("compares with the time as it has gone on since", () => {
      const { wall, clock, eventsOf } = makeBench({ location: STILL });
      wall.setTime(BigInt(NOON));
      clock.advance(5 * HOUR_MS);
      assert.deepEqual(
        eventsOf(() => wall.setCloudTime(NOON + 5 * HOUR_MS)),
        [],
      );
    });

    it("keeps the cloud's time when the MCU sets its own, and tells the MCU, once, that it is off", () => {
      const { wall, clock, eventsOf } = makeBench({ location: STILL });
      wall.setCloudTime(NOON);
      clock.advance(HOUR_MS);
      const set = (unixMs: number) => eventsOf(() => assert.isTrue(wall.setTime(BigInt(unixMs))));
      assert.deepEqual(set(NOON + HOUR_MS + TIME_JUMP_MS), []);
      assert.deepEqual(set(NOON), ["time-changed"]);
      assert.deepEqual(set(NOON), [], "it would go on in a circle");
      assert.equal(wall.unixMs, NOON + HOUR_MS + 3);
      wall.setCloudTime(NOON + HOUR_MS);
      assert.deepEqual(set(NOON), ["time-changed"], "the cloud told the time anew");
      wall.onMcuReady();
      assert.deepEqual(set(NOON), ["time-changed"], "the MCU restarted");
    });

    it("takes the MCU's time again when the cloud's has become old", () => {
      const { wall, clock } = makeBench({ location: STILL });
      wall.setCloudTime(NOON);
      clock.advance(CLOUD_TIME_FRESH_MS - 1);
      wall.setTime(BigInt(NOON));
      assert.equal(wall.source, "cloud");
      clock.advance(1);
      wall.setTime(BigInt(NOON));
      assert.equal(wall.source, "mcu");
      assert.equal(wall.unixMs, NOON);
    });
  });

  describe("that a time server tells the time", () => {
    it("tells the MCU when there was none, and goes on with it where no cloud tells", () => {
      const { wall, clock, events, eventsOf } = makeBench({ location: STILL });
      assert.deepEqual(
        eventsOf(() => wall.setNetworkTime(NOON)),
        ["time-changed"],
      );
      assert.equal(wall.source, "network");
      for (let hour = 6; hour <= 5 * 24; hour += 6) {
        events.length = 0;
        clock.advance(6 * HOUR_MS);
        wall.setNetworkTime(NOON + hour * HOUR_MS);
        clock.advance(1);
        assert.deepEqual(events, [], `hour ${hour}`);
      }
      assert.isTrue(wall.readTime().ok);
    });

    it("gives way to the cloud, and not the other way round while the cloud's is fresh", () => {
      const { wall, clock } = makeBench({ location: STILL });
      wall.setNetworkTime(NOON);
      wall.setCloudTime(NOON + 2 * HOUR_MS);
      assert.deepEqual([wall.source, wall.unixMs], ["cloud", NOON + 2 * HOUR_MS]);
      assert.isFalse(wall.setNetworkTime(NOON));
      assert.deepEqual([wall.source, wall.unixMs], ["cloud", NOON + 2 * HOUR_MS]);
      clock.advance(CLOUD_TIME_FRESH_MS);
      assert.isTrue(wall.setNetworkTime(NOON));
      assert.equal(wall.source, "network");
    });

    it("is better than the MCU, whose own time is compared with it, and told once to be off", () => {
      const { wall, clock, eventsOf } = makeBench({ location: STILL });
      wall.setTime(BigInt(NOON - HOUR_MS));
      assert.deepEqual(
        eventsOf(() => wall.setNetworkTime(NOON)),
        ["time-changed"],
      );
      for (const expected of [["time-changed"], []])
        assert.deepEqual(
          eventsOf(() => wall.setTime(BigInt(NOON - HOUR_MS))),
          expected,
        );
      assert.equal(wall.source, "network");
      clock.advance(CLOUD_TIME_FRESH_MS);
      wall.setTime(BigInt(NOON - HOUR_MS));
      assert.equal(wall.source, "mcu");
    });

    it("leaves the clock that outlives restarts alone: whoever asked has set it", () => {
      const { wall, rtc } = makeBench({ rtc: (clock) => new SimRtc(clock) });
      wall.setNetworkTime(NOON);
      assert.equal(rtc?.writes, 0);
      wall.setCloudTime(NOON);
      assert.equal(rtc?.writes, 1);
    });

    it("refuses what is no time", () => {
      const { wall } = makeBench();
      for (const wrong of [-1, Number.NaN, UNIX_MS_MAX + 1]) assert.isFalse(wall.setNetworkTime(wrong));
      assert.isUndefined(wall.unixMs);
    });
  });

  describe("whose location changes", () => {
    it("tells the MCU, and answers in the new zone at once", () => {
      const { wall, eventsOf } = makeBench({ location: BERLIN });
      wall.setTime(BigInt(NOON));
      assert.deepEqual(
        eventsOf(() => assert.isUndefined(wall.setLocation(KOLKATA))),
        ["time-changed"],
      );
      assert.deepInclude(wall.readTime(), { iso8601: "2024-03-30T17:30:00+05:30", zone: "IST" });
      assert.deepEqual(wall.readLocation(), { ...KOLKATA, ok: true });
    });

    it("tells of each field, and not of the same location again", () => {
      for (const key of ["latitude", "longitude", "olsonId", "posixTz"] as const) {
        const { wall, eventsOf } = makeBench({ location: BERLIN });
        assert.deepEqual(
          eventsOf(() => wall.setLocation({ ...BERLIN })),
          [],
        );
        assert.deepEqual(
          eventsOf(() => wall.setLocation({ ...BERLIN, [key]: "" })),
          ["time-changed"],
          key,
        );
      }
    });

    it("makes one event of time and location together", () => {
      const { wall, eventsOf } = makeBench();
      const refresh = () => {
        wall.setLocation(BERLIN);
        wall.setCloudTime(NOON);
      };
      assert.deepEqual(eventsOf(refresh), ["time-changed"]);
    });

    it("says what is wrong with a zone, and counts it as unknown", () => {
      const { wall } = makeBench({ location: BERLIN });
      wall.setTime(BigInt(NOON));
      const problem = wall.setLocation({ ...BERLIN, posixTz: "Europe/Berlin" });
      assert.equal(problem, 'is not a POSIX TZ string from character 7 on: "Europe/Berlin"');
      assert.deepInclude(wall.readTime(), { zone: "UTC", dstStatus: 0 });
      assert.isUndefined(wall.setLocation({ ...BERLIN, posixTz: "" }), "not known is not wrong");
      assert.deepInclude(makeBench({ location: { ...BERLIN, posixTz: "?" } }).wall.readLocation(), { ok: true });
    });

    it("has none after the settings were erased", () => {
      const { wall, eventsOf } = makeBench({ location: BERLIN });
      wall.setTime(BigInt(NOON));
      assert.deepEqual(
        eventsOf(() => wall.setLocation(undefined)),
        ["time-changed"],
      );
      assert.isFalse(wall.readLocation().ok);
      assert.equal(wall.readTime().dstStatus, 0);
    });
  });

  describe("at the edges of daylight saving", () => {
    it("tells the MCU at the second, through years of waiting in pieces", () => {
      const clock = new VirtualClock();
      const told: string[] = [];
      const tell = (event: WallClockEvent) => {
        if (event === "time-changed") told.push(wall.readTime().iso8601);
      };
      const wall = new WallClock({ clock, location: BERLIN, onEvent: tell });
      wall.onMcuReady();
      wall.setTime(BigInt(NOON + 1_234_567)); // no edge lies on the end of a piece
      clock.advance(800 * DAY_MS);
      assert.deepEqual(told, [
        "2024-03-31T03:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
        "2025-03-30T03:00:00+02:00",
        "2025-10-26T02:00:00+01:00",
        "2026-03-29T03:00:00+02:00",
      ]);
    });

    it("never sets a timer beyond what a timer of the device can wait", () => {
      const clock = new VirtualClock();
      const delays: number[] = [];
      const set = clock.set.bind(clock);
      clock.set = (callback, delayMs) => {
        delays.push(delayMs);
        return set(callback, delayMs);
      };
      const wall = new WallClock({ clock, location: BERLIN, onEvent: () => {} });
      wall.onMcuReady();
      wall.setTime(BigInt(NOON));
      clock.advance(200 * DAY_MS);
      assert.isAbove(delays.length, 1_000);
      for (const delayMs of delays) assert.isTrue(delayMs >= 0 && delayMs <= WAIT_MS_MAX && Number.isInteger(delayMs));
    });

    it("tells of an edge that a small correction of the time jumps over", () => {
      const { wall, clock, eventsOf } = makeBench({ location: BERLIN });
      wall.setCloudTime(NOON + 13 * HOUR_MS - 10_000);
      clock.advance(1_000);
      assert.deepEqual(
        eventsOf(() => wall.setCloudTime(NOON + 13 * HOUR_MS + 5_000)),
        ["time-changed"],
      );
      assert.equal(wall.readTime().dstStatus, 2);
    });
  });

  describe("that has been without word for long", () => {
    it("asks the MCU soon after it initialized, when nobody told the time until then", () => {
      const { clock, events } = makeBench();
      clock.advance(TIME_SYNC_FIRST_MS - 1);
      assert.deepEqual(events, []);
      clock.advance(1);
      assert.deepEqual(events, ["time-sync"]);
    });

    it("does not ask when the MCU or the cloud told it meanwhile", () => {
      for (const tell of [
        (wall: WallClock) => wall.setTime(BigInt(NOON)),
        (wall: WallClock) => wall.setCloudTime(NOON),
      ]) {
        const { wall, clock, events } = makeBench({ location: STILL });
        clock.advance(TIME_SYNC_FIRST_MS - 1);
        tell(wall);
        clock.advance(TIME_SYNC_AFTER_MS - 1);
        assert.notInclude(events, "time-sync");
        clock.advance(1);
        assert.include(events, "time-sync");
      }
    });

    it("asks a day after the last word, and once a day while nobody answers", () => {
      const { wall, clock, events } = makeBench({ location: STILL });
      wall.setTime(BigInt(NOON));
      clock.advance(TIME_SYNC_AFTER_MS);
      assert.deepEqual(events, ["time-sync"]);
      clock.advance(10 * TIME_SYNC_AFTER_MS);
      assert.lengthOf(events, 11);
    });

    it("never asks while the cloud refreshes it", () => {
      const { wall, clock, events } = makeBench({ location: STILL });
      wall.setCloudTime(NOON);
      clock.advance(1);
      events.length = 0;
      for (let hours = 6; hours <= 600; hours += 6) {
        clock.advance(6 * HOUR_MS);
        wall.setCloudTime(NOON + hours * HOUR_MS);
      }
      assert.deepEqual(events, []);
    });

    it("asks an MCU that comes back late only after it had time to set the clock itself", () => {
      const { wall, clock, events } = makeBench({ location: STILL });
      wall.setTime(BigInt(NOON));
      wall.onMcuLost();
      clock.advance(3 * TIME_SYNC_AFTER_MS);
      wall.onMcuReady();
      clock.advance(TIME_SYNC_FIRST_MS - 1);
      assert.deepEqual(events, []);
      clock.advance(1);
      assert.deepEqual(events, ["time-sync"]);
    });
  });

  describe("without an MCU that has initialized", () => {
    it("keeps the time, is silent, and has no timer", () => {
      const { wall, clock, events } = makeBench({ location: BERLIN, ready: false });
      wall.setCloudTime(NOON);
      wall.setLocation(KOLKATA);
      assert.equal(clock.pending, 0);
      clock.advance(400 * DAY_MS);
      assert.deepEqual(events, []);
      assert.equal(wall.unixMs, NOON + 400 * DAY_MS);
    });

    it("forgets what it was about to tell", () => {
      const { wall, clock, events } = makeBench({ location: BERLIN });
      wall.setCloudTime(NOON);
      wall.onMcuLost();
      assert.equal(clock.pending, 0);
      clock.advance(DAY_MS);
      assert.deepEqual(events, []);
      wall.onMcuReady();
      clock.advance(1);
      assert.deepEqual(events, [], "an MCU that initializes asks by itself");
    });

    it("has no timer left when it is closed", () => {
      const { wall, clock } = makeBench({ location: BERLIN });
      wall.setCloudTime(NOON);
      assert.isAbove(clock.pending, 0);
      wall.close();
      assert.equal(clock.pending, 0);
    });
  });

  describe("beside a clock that outlives restarts", () => {
    it("takes up the time in the next life, and asks for a better one", () => {
      const { wall, clock, rtc, make, events } = makeBench({ location: STILL, rtc: (clock) => new SimRtc(clock) });
      wall.setTime(BigInt(NOON));
      wall.setCloudTime(NOON + 5);
      assert.equal(rtc?.writes, 2);
      wall.close();
      clock.advance(HOUR_MS);
      const next = make();
      assert.equal(next.unixMs, NOON + 5 + HOUR_MS);
      assert.equal(next.source, "rtc");
      assert.isTrue(next.readTime().ok);
      assert.equal(rtc?.writes, 2);
      next.onMcuReady();
      clock.advance(TIME_SYNC_FIRST_MS);
      assert.deepEqual(events, ["time-sync"]);
      assert.isTrue(next.setTime(BigInt(NOON)));
      assert.equal(next.source, "mcu");
    });

    it("never lets the MCU set it to a time that cannot be, and gives the MCU its own back", () => {
      for (const unixMs of [0, 946_684_800_000, RTC_MS_MIN - 1, RTC_MS_MAX + 1, 4_000_000_000_000]) {
        const { wall, rtc } = makeBench({ rtc: (clock) => new SimRtc(clock, NOON) });
        assert.isTrue(wall.setTime(BigInt(unixMs)), String(unixMs));
        assert.equal(wall.readTime().timeMs, BigInt(unixMs));
        assert.equal(rtc?.writes, 0, String(unixMs));
      }
    });

    it("tells it who named the time", () => {
      const { wall, rtc } = makeBench({ rtc: (clock) => new SimRtc(clock) });
      wall.setTime(BigInt(NOON));
      wall.setCloudTime(NOON);
      assert.deepEqual(rtc?.sources, ["mcu", "cloud"]);
    });

    it("does not believe one that was never set", () => {
      for (const unixMs of [undefined, 0, 5 * DAY_MS, RTC_MS_MIN - 1_235, Number.NaN, UNIX_MS_MAX * 2]) {
        const { wall } = makeBench({ rtc: (clock) => new SimRtc(clock, unixMs) });
        assert.isFalse(wall.readTime().ok, String(unixMs));
      }
    });
  });
});
