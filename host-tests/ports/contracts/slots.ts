/**
 * What every Slots must do, with ESP-IDF's boot loader and rollback enabled. The device of the fixture has two app
 * slots, no factory app, and has booted an app that was flashed by cable.
 */

import { assert } from "chai";
import type { Slots } from "../../../src/ports.js";

export interface SlotsFixture {
  /** Of the life that the device leads now. */
  slots(): Slots;
  /** Writes a whole app into the passive slot and has it boot next, through embedded:update. */
  update(): void;
  restart(): void;
  /** Runs what restarts the device, and lets it boot again. */
  throughRestart(action: () => void): void;
  /** Label of the slot that runs. */
  running(): string;
}

export function describeSlotsContract(name: string, makeFixture: () => SlotsFixture): void {
  describe(`${name} as Slots`, () => {
    let device: SlotsFixture;
    let first: string;
    let second: string;

    beforeEach(() => {
      device = makeFixture();
      first = device.running();
      second = device.slots().passiveLabel() ?? "none";
    });

    const assertRuns = (label: string, state: ReturnType<Slots["runningState"]>, passiveIsFree: boolean): void => {
      const slots = device.slots();
      assert.deepEqual([device.running(), slots.runningState(), slots.passiveIsFree()], [label, state, passiveIsFree]);
      assert.equal(slots.passiveLabel(), label === first ? second : first);
    };

    describe("an app from the cable", () => {
      it("is valid, and leaves the other slot free", () => {
        assert.notEqual(first, second);
        assertRuns(first, "valid", true);
      });

      it("stays what it is when it is marked valid, and when the device restarts", () => {
        device.slots().markValid();
        assertRuns(first, "valid", true);
        device.restart();
        assertRuns(first, "valid", true);
      });

      it("cannot be rolled back: there is nothing to go back to", () => {
        assert.throws(() => device.slots().rollBackAndRestart(), Error);
        assertRuns(first, "valid", true);
        device.restart();
        assertRuns(first, "valid", true);
      });

      it("keeps its state once another one is to boot, but not the other slot", () => {
        device.update();
        assertRuns(first, "valid", false);
      });
    });

    describe("a new app", () => {
      beforeEach(() => {
        device.update();
        device.restart();
      });

      it("has to prove itself, and keeps the slot that it came from", () => {
        assertRuns(second, "pending-verify", false);
      });

      it("is gone with the next restart unless it has", () => {
        device.restart();
        assertRuns(first, "valid", true);
      });

      it("stays once it is marked valid, and frees the other slot", () => {
        device.slots().markValid();
        assertRuns(second, "valid", true);
        device.slots().markValid();
        device.restart();
        assertRuns(second, "valid", true);
      });

      it("restarts into the one before when it rolls back, for good", () => {
        device.throughRestart(() => device.slots().rollBackAndRestart());
        assertRuns(first, "valid", true);
        device.restart();
        assertRuns(first, "valid", true);
      });

      it("can still be rolled back when it is valid, as long as the one before is whole", () => {
        device.slots().markValid();
        device.throughRestart(() => device.slots().rollBackAndRestart());
        assertRuns(first, "valid", true);
      });

      it("can be replaced only when it is valid", () => {
        assert.throws(() => device.update(), "begin failed");
        device.slots().markValid();
        device.update();
        device.restart();
        assertRuns(first, "pending-verify", false);
        device.slots().markValid();
        assertRuns(first, "valid", true);
      });
    });

    it("takes another new app after one that failed", () => {
      for (const rollsBack of [true, false]) {
        device.update();
        device.restart();
        assertRuns(second, "pending-verify", false);
        if (rollsBack) device.throughRestart(() => device.slots().rollBackAndRestart());
        else device.restart();
        assertRuns(first, "valid", true);
      }
    });
  });
}
