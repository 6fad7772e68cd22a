/** What every Clock must do. `pass` lets the given time go by, running what falls due. */

import { assert } from "chai";
import type { Clock } from "../../../src/ports.js";

export interface ClockFixture {
  readonly clock: Clock;
  pass(durationMs: number): void;
}

export function describeClockContract(name: string, makeFixture: () => ClockFixture): void {
  describe(`${name} as a Clock`, () => {
    let clock: Clock;
    let pass: (durationMs: number) => void;
    let fired: string[];
    const note = (what: string) => () => {
      fired.push(what);
    };

    beforeEach(() => {
      const fixture = makeFixture();
      clock = fixture.clock;
      pass = (durationMs) => fixture.pass(durationMs);
      fired = [];
    });

    it("moves on by the time that passes", () => {
      const before = clock.now();
      pass(250);
      assert.approximately(clock.now() - before, 250, 1e-6);
    });

    it("never calls back from inside set, not even without a delay", () => {
      clock.set(note("zero"), 0);
      clock.set(note("negative"), -5);
      assert.deepEqual(fired, []);
      pass(1);
      assert.deepEqual(fired, ["zero", "negative"]);
    });

    it("calls back once, and not before the delay is over", () => {
      clock.set(note("timer"), 10);
      pass(9.9);
      assert.deepEqual(fired, []);
      pass(0.2);
      assert.deepEqual(fired, ["timer"]);
      pass(1000);
      assert.deepEqual(fired, ["timer"]);
    });

    it("calls back in the order of the times due, and in the order of setting where they are equal", () => {
      clock.set(note("late"), 30);
      clock.set(note("first of two"), 20);
      clock.set(note("early"), 10);
      clock.set(note("second of two"), 20);
      pass(30);
      assert.deepEqual(fired, ["early", "first of two", "second of two", "late"]);
    });

    it("keeps that order among many timers", () => {
      const delays = Array.from({ length: 200 }, (_, index) => (index * 73) % 101);
      const due: number[] = [];
      for (const delayMs of delays) clock.set(() => due.push(delayMs), delayMs);
      pass(101);
      assert.deepEqual(
        due,
        [...delays].sort((a, b) => a - b),
      );
    });

    it("shows a callback the time at which it was due", () => {
      const start = clock.now();
      let at = 0;
      clock.set(() => {
        at = clock.now();
      }, 40);
      pass(500);
      assert.approximately(at - start, 40, 1e-6);
    });

    it("lets a callback set further timers, which fire later", () => {
      clock.set(() => {
        fired.push("outer");
        clock.set(note("inner"), 0);
        fired.push("outer ends");
      }, 5);
      pass(10);
      assert.deepEqual(fired, ["outer", "outer ends", "inner"]);
    });

    it("forgets a cleared timer and no other", () => {
      const handle = clock.set(note("cleared"), 5);
      clock.set(note("kept"), 5);
      clock.clear(handle);
      pass(10);
      assert.deepEqual(fired, ["kept"]);
    });

    it("forgets a timer that another one clears at the moment both are due", () => {
      clock.set(() => clock.clear(second), 5);
      const second = clock.set(note("second"), 5);
      pass(10);
      assert.deepEqual(fired, []);
    });

    it("does not mind clearing nothing, a timer twice, or one that has fired", () => {
      const handle = clock.set(note("timer"), 1);
      pass(2);
      clock.clear(undefined);
      clock.clear(handle);
      clock.clear(handle);
      assert.deepEqual(fired, ["timer"]);
    });
  });
}
