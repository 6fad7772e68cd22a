import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "chai";
import { PacedClock } from "../../host/node/paced-clock.js";

const DAY_MS = 24 * 3_600_000;

async function messageOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return assert.fail("it went well");
}

describe("A paced clock", () => {
  let clock: PacedClock;
  /** Something real is expected. */
  let isExpecting: boolean;

  beforeEach(() => {
    clock = new PacedClock();
    isExpecting = false;
    clock.paceWhile(() => isExpecting);
  });

  /** Sets a timer that notes when it fired. */
  function alarm(delayMs: number) {
    const result = { hasFired: false };
    clock.set(() => {
      result.hasFired = true;
    }, delayMs);
    return result;
  }

  describe("while nothing real is expected", () => {
    it("leaps over a day at once", async () => {
      const startMs = performance.now();
      const result = alarm(DAY_MS);
      await clock.run(() => result.hasFired, 2 * DAY_MS);
      assert.strictEqual(clock.now(), DAY_MS);
      assert.isBelow(performance.now() - startMs, 1000);
    });

    it("lets Node's own events have their turn", async () => {
      let turns = 0;
      const counter = setInterval(() => turns++, 1);
      const tick = () => clock.set(tick, 1);
      tick();
      await clock.run(() => turns >= 3, Number.POSITIVE_INFINITY);
      clearInterval(counter);
      assert.isAtLeast(turns, 3);
    });

    it("gives up at the limit, and when nothing is left to happen", async () => {
      alarm(DAY_MS);
      assert.include(await messageOf(clock.run(() => false, 1000, "the ship")), "the ship did not come true");
      assert.strictEqual(clock.now(), 0);
      const message = await messageOf(clock.run(() => false, 2 * DAY_MS, "the ship"));
      assert.include(message, "nothing is left to happen and the ship did not come true");
    });
  });

  describe("while something real is expected", () => {
    beforeEach(() => {
      isExpecting = true;
    });

    it("is never faster than real time, and fires timers that fall due meanwhile", async () => {
      const startMs = performance.now();
      const result = alarm(60);
      await clock.run(() => result.hasFired, DAY_MS);
      assert.isAtLeast(performance.now() - startMs, 60);
      assert.isAtMost(clock.now(), performance.now() - startMs);
    });

    it("does not count the time that the process was held up as the far end's silence", async () => {
      const stall = alarm(10_000);
      const arrived = { atMs: 0 };
      const arrival = sleep(5).then(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
        clock.arrive(() => {
          arrived.atMs = clock.now();
        });
      });
      await clock.run(() => arrived.atMs > 0, DAY_MS);
      await arrival;
      assert.isBelow(arrived.atMs, 200);
      assert.isFalse(stall.hasFired);
    });

    it("wakes up for what arrives, at the time that it is by then", async () => {
      const arrived = { atMs: 0 };
      setTimeout(() => {
        clock.arrive(() => {
          arrived.atMs = clock.now();
          isExpecting = false;
        });
      }, 20);
      const late = alarm(DAY_MS);
      await clock.run(() => late.hasFired, 2 * DAY_MS);
      assert.isAtLeast(arrived.atMs, 10);
      assert.isBelow(arrived.atMs, 5000);
    });

    it("gives up when the limit passes", async () => {
      assert.include(
        await messageOf(clock.run(() => false, 30, "the ship")),
        "the ship did not come true within 30 ms",
      );
    });
  });

  it("ends a run with what an arrival throws", async () => {
    isExpecting = true;
    setTimeout(() => {
      clock.arrive(() => {
        throw new Error("struck a rock");
      });
    }, 5);
    assert.strictEqual(await messageOf(clock.run(() => false, DAY_MS)), "struck a rock");
  });
});
