/**
 * What every Clock must do. Real ones are late now and then, so delays are given in a unit that the fixture chooses,
 * coarse enough for the order of events to be certain.
 */

import { assert } from "chai";
import type { Clock } from "../../../src/ports.js";

export interface ClockFixture {
  readonly clock: Clock;
  /** Lets the given time go by, running what falls due. */
  pass(durationMs: number): void;
}

export interface ClockPrecision {
  /** What delays in this suite are counted in. */
  readonly unitMs?: number;
  /** How late a callback may be. */
  readonly latenessMs?: number;
}

export function describeClockContract(
  name: string,
  makeFixture: () => ClockFixture,
  { unitMs = 1, latenessMs = 1e-6 }: ClockPrecision = {},
): void {
  describe(`${name} as a Clock`, () => {
    let clock: Clock;
    /** Sets a timer, in units. */
    let set: (callback: () => void, delay: number) => unknown;
    /** In units. */
    let pass: (duration: number) => void;
    let fired: string[];
    const note = (what: string) => () => {
      fired.push(what);
    };

    beforeEach(() => {
      const fixture = makeFixture();
      clock = fixture.clock;
      set = (callback, delay) => clock.set(callback, delay * unitMs);
      pass = (duration) => fixture.pass(duration * unitMs);
      fired = [];
    });

    it("moves on by the time that passes", () => {
      const before = clock.now();
      pass(25);
      assert.isAtLeast(clock.now() - before, 25 * unitMs - 1e-6);
      assert.isAtMost(clock.now() - before, 25 * unitMs + 2 * latenessMs);
    });

    it("never calls back from inside set, not even without a delay", () => {
      set(note("zero"), 0);
      set(note("negative"), -5);
      assert.deepEqual(fired, []);
      pass(1);
      assert.deepEqual(fired, ["zero", "negative"]);
    });

    it("calls back once, and not before the delay is over", () => {
      set(note("timer"), 10);
      pass(9);
      assert.deepEqual(fired, []);
      pass(1.1);
      assert.deepEqual(fired, ["timer"]);
      pass(50);
      assert.deepEqual(fired, ["timer"]);
    });

    it("calls back in the order of the times due, and in the order of setting where they are equal", () => {
      set(note("late"), 30);
      set(note("first of two"), 20);
      set(note("early"), 10);
      set(note("second of two"), 20);
      pass(30);
      assert.deepEqual(fired, ["early", "first of two", "second of two", "late"]);
    });

    it("keeps that order among many timers", () => {
      const delays = Array.from({ length: 120 }, (_, index) => (index * 73) % 41);
      const due: number[] = [];
      for (const delay of delays) set(() => due.push(delay), delay);
      pass(41);
      assert.deepEqual(
        due,
        [...delays].sort((a, b) => a - b),
      );
    });

    it("shows a callback the time at which it was due", () => {
      const startMs = clock.now();
      let atMs = 0;
      set(() => {
        atMs = clock.now();
      }, 40);
      pass(50);
      assert.isAtLeast(atMs - startMs, 40 * unitMs - 1e-6);
      assert.isAtMost(atMs - startMs, 40 * unitMs + latenessMs);
    });

    it("lets a callback set further timers, which fire later", () => {
      set(() => {
        fired.push("outer");
        set(note("inner"), 0);
        fired.push("outer ends");
      }, 5);
      pass(10);
      assert.deepEqual(fired, ["outer", "outer ends", "inner"]);
    });

    it("forgets a cleared timer and no other", () => {
      const handle = set(note("cleared"), 5);
      set(note("kept"), 5);
      clock.clear(handle);
      pass(10);
      assert.deepEqual(fired, ["kept"]);
    });

    it("forgets a timer that another one clears at the moment both are due", () => {
      set(() => clock.clear(second), 5);
      const second = set(note("second"), 5);
      pass(10);
      assert.deepEqual(fired, []);
    });

    it("does not mind clearing nothing, a timer twice, or one that has fired", () => {
      const handle = set(note("timer"), 1);
      pass(2);
      clock.clear(undefined);
      clock.clear(handle);
      clock.clear(handle);
      assert.deepEqual(fired, ["timer"]);
    });
  });
}

/** What the clock of a processor does besides, when it is kept from its timers: the SDK's looks at them in that order. */
export function describeLateTimers(
  name: string,
  makeFixture: () => ClockFixture & {
    /** Keeps the processor busy for so long. */
    hold(durationMs: number): void;
  },
  { unitMs = 1 }: Pick<ClockPrecision, "unitMs"> = {},
): void {
  describe(`${name}, late`, () => {
    it("calls back in the order of setting, whatever was due first", () => {
      const { clock, pass, hold } = makeFixture();
      const fired: string[] = [];
      clock.set(() => fired.push("set first"), 20 * unitMs);
      clock.set(() => fired.push("due first"), 10 * unitMs);
      hold(30 * unitMs);
      assert.deepEqual(fired, []);
      pass(30 * unitMs);
      assert.deepEqual(fired, ["set first", "due first"]);
    });

    it("serves a timer that a late one sets only after all that were late", () => {
      const { clock, pass, hold } = makeFixture();
      const fired: string[] = [];
      clock.set(() => {
        fired.push("first");
        clock.set(() => fired.push("set meanwhile"), unitMs);
      }, 10 * unitMs);
      clock.set(() => fired.push("second"), 15 * unitMs);
      hold(30 * unitMs);
      pass(40 * unitMs);
      assert.deepEqual(fired, ["first", "second", "set meanwhile"]);
    });
  });
}
