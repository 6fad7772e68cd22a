import { assert } from "chai";
import { DEBOUNCE_MS, DOUBLE_CLICK_MS, RESET_CANCEL_MS, RESET_HOLD_MS } from "../src/panel/button-machine.js";
import type { DigitalOptions } from "../src/panel/ports.js";
import { PanelBench } from "./support/panel-bench.js";

const PIN = 0;
const LONG_MS = 60_000;

describe("The user button", () => {
  let bench: PanelBench;
  const { connect, press, pass } = {
    connect: (level: 0 | 1 | undefined) => bench.pins.connect(PIN, level),
    press: (durationMs: number) => bench.press(PIN, durationMs),
    pass: (durationMs: number) => bench.pass(durationMs),
  };
  const heardAfter = (durationMs = LONG_MS): readonly string[] => {
    pass(durationMs);
    return bench.heard;
  };
  /** Contacts bounce to the level: changes each millisecond for so long. */
  const bounceTo = (level: 0 | undefined, durationMs: number): void => {
    const other = level === 0 ? undefined : 0;
    for (let ms = 0; ms < durationMs; ms++) {
      connect(ms % 2 === 0 ? level : other);
      pass(1);
    }
    connect(level);
  };

  beforeEach(() => {
    bench = new PanelBench();
    assert.isTrue(bench.panel.initButton(PIN, true));
    pass(1_000);
  });

  describe("while it is up", () => {
    it("says nothing, and runs no timer", () => {
      assert.deepEqual(heardAfter(), []);
      assert.equal(bench.clock.pending, 0);
    });

    it("hears a click once nobody clicks a second time", () => {
      press(100);
      pass(DOUBLE_CLICK_MS - 1);
      assert.deepEqual(bench.heard, []);
      pass(2);
      assert.deepEqual(bench.heard, ["click"]);
      assert.deepEqual(heardAfter(), ["click"]);
      assert.equal(bench.clock.pending, 0);
    });

    it("hears a double click at the second release", () => {
      press(100);
      pass(DOUBLE_CLICK_MS - 1);
      press(100);
      pass(DEBOUNCE_MS);
      assert.deepEqual(bench.heard, ["double-click"]);
      assert.deepEqual(heardAfter(), ["double-click"]);
    });

    it("hears two clicks when the second comes too late", () => {
      press(100);
      pass(DOUBLE_CLICK_MS);
      press(100);
      assert.deepEqual(heardAfter(), ["click", "click"]);
    });

    it("hears three quick clicks as a double and a single one", () => {
      for (let i = 0; i < 3; i++) {
        press(80);
        pass(80);
      }
      assert.deepEqual(heardAfter(), ["double-click", "click"]);
    });

    it("hears a click and a long press when the second press lasts", () => {
      press(100);
      pass(100);
      press(2_000);
      assert.deepEqual(heardAfter(), ["click", "long-press", "long-release"]);
    });

    it("takes no notice of spikes", () => {
      for (let i = 0; i < 100; i++) {
        press(i % (DEBOUNCE_MS - 1));
        pass(100);
      }
      assert.deepEqual(heardAfter(), []);
      assert.equal(bench.clock.pending, 0);
    });

    it("hears one click where the contacts bounce, down and up", () => {
      bounceTo(0, 21);
      pass(100);
      bounceTo(undefined, 21);
      assert.deepEqual(heardAfter(), ["click"]);
    });
  });

  describe("while it is down", () => {
    it("hears a long press after 1 s, and its release", () => {
      connect(0);
      pass(999);
      assert.deepEqual(bench.heard, []);
      pass(1);
      assert.deepEqual(bench.heard, ["long-press"]);
      pass(2_000);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["long-press", "long-release"]);
    });

    it("goes on counting over a bounce of the contacts", () => {
      connect(0);
      pass(700);
      bounceTo(0, 9);
      pass(291);
      assert.deepEqual(bench.heard, ["long-press"]);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["long-press", "long-release"]);
    });

    it("is a click up to 1 s, and a long press from there", () => {
      press(999);
      assert.deepEqual(heardAfter(), ["click"]);
      press(1_001);
      assert.deepEqual(heardAfter(), ["click", "long-press", "long-release"]);
    });

    it("resets the configuration when it goes up between 10 and 15 s, and tells when that is done", () => {
      connect(0);
      pass(RESET_HOLD_MS);
      assert.deepEqual(bench.heard, ["long-press", "reset-start"]);
      pass(4_999);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["long-press", "reset-start", "long-release", "reset-config", "reset-done"]);
    });

    it("resets nothing when it goes up just before 10 s", () => {
      press(RESET_HOLD_MS - 1);
      assert.deepEqual(heardAfter(), ["long-press", "long-release"]);
    });

    it("cancels at 15 s, and resets nothing later", () => {
      connect(0);
      pass(RESET_CANCEL_MS);
      assert.deepEqual(bench.heard, ["long-press", "reset-start", "reset-cancel"]);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["long-press", "reset-start", "reset-cancel", "long-release"]);
    });

    it("when it is stuck, says nothing more for a week and runs no timer", () => {
      connect(0);
      pass(RESET_CANCEL_MS + 1);
      assert.equal(bench.clock.pending, 0);
      assert.deepEqual(heardAfter(7 * 24 * 3_600_000), ["long-press", "reset-start", "reset-cancel"]);
    });

    it("works again after that", () => {
      press(3_600_000);
      pass(1_000);
      bench.heard.length = 0;
      press(100);
      assert.deepEqual(heardAfter(), ["click"]);
    });
  });

  describe("when it is down at the start", () => {
    beforeEach(() => {
      connect(0);
      pass(100);
      bench.heard.length = 0;
      bench.reboot();
      assert.isTrue(bench.panel.initButton(PIN, true));
    });

    for (const heldMs of [10, 500, 5_000, RESET_HOLD_MS + 1_000, 3_600_000]) {
      it(`means nothing when it goes up after ${heldMs} ms`, () => {
        pass(heldMs);
        connect(undefined);
        assert.deepEqual(heardAfter(), []);
      });
    }

    it("means what it should from the next press on", () => {
      pass(RESET_HOLD_MS);
      connect(undefined);
      pass(100);
      press(RESET_HOLD_MS + 100);
      assert.include(heardAfter(), "reset-done");
    });
  });

  describe("when it is active high", () => {
    beforeEach(() => {
      assert.isTrue(bench.panel.initButton(PIN, false));
      pass(1_000);
    });

    it("is pulled down, and is pressed when the pin is high", () => {
      assert.equal(bench.pins.level(PIN), 0);
      connect(1);
      pass(100);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["click"]);
    });
  });

  describe("on a pin that never rests", () => {
    it("means nothing, and costs a timer each 30 ms and no more", () => {
      let timers = 0;
      for (let ms = 0; ms < 60_000; ms++) {
        connect(ms % 2 === 0 ? 0 : undefined);
        const dueMs = bench.clock.nextDueMs();
        pass(1);
        if (dueMs !== undefined && dueMs <= bench.clock.now()) timers++;
      }
      assert.isAtLeast(timers, 60_000 / DEBOUNCE_MS - 2);
      assert.isAtMost(timers, 60_000 / (DEBOUNCE_MS - 2));
      assert.deepEqual(bench.heard, []);
      assert.isAtMost(bench.clock.pending, 1);
    });

    it("works once it rests", () => {
      for (let ms = 0; ms < 1_000; ms++) {
        connect(ms % 2 === 0 ? 0 : undefined);
        pass(1);
      }
      connect(undefined);
      pass(1_000);
      press(100);
      assert.deepEqual(heardAfter(), ["click"]);
    });
  });

  describe("while the processor is busy", () => {
    /** Keeps the processor busy from now on, and lets the button go after some of that. */
    const releaseUnseen = (busyMs: number, releasedAfterMs: number): void => {
      const seenFromMs = bench.clock.now() + busyMs;
      const heardBefore = bench.heard.length;
      bench.hold(busyMs);
      pass(releasedAfterMs);
      connect(undefined);
      pass(LONG_MS);
      assert.isAtLeast(bench.heardAtMs[heardBefore] ?? 0, seenFromMs, "the processor was busy");
    };

    it("resets nothing for a hold that ended before 10 s, and is seen to end later", () => {
      connect(0);
      pass(9_000);
      releaseUnseen(4_000, 500);
      assert.deepEqual(bench.heard, ["long-press", "long-release"]);
    });

    it("resets nothing for a hold that may have ended beyond 15 s", () => {
      connect(0);
      pass(14_000);
      releaseUnseen(3_000, 500);
      assert.deepEqual(bench.heard, ["long-press", "reset-start", "reset-cancel", "long-release"]);
    });

    it("believes the pin, where its timers are served before what the pin has reported", () => {
      connect(0);
      pass(9_900);
      releaseUnseen(3_000, 500); // the deadline of 10 s came first
      assert.deepEqual(bench.heard, ["long-press", "long-release"]);
    });

    it("makes up for what was due when the button is still down", () => {
      connect(0);
      pass(500);
      bench.hold(10_000);
      pass(10_100);
      assert.deepEqual(bench.heard, ["long-press", "reset-start"]);
      pass(1_000);
      connect(undefined);
      assert.include(heardAfter(), "reset-done");
    });

    it("hears a press that began meanwhile", () => {
      bench.hold(200);
      connect(0);
      pass(300);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["click"]);
    });
  });

  describe("whose port loses an edge", () => {
    it("finds out when something is due", () => {
      let isDeaf = false;
      bench = new PanelBench({
        wrap: (ports) => {
          class Digital extends ports.Digital {
            constructor(options: DigitalOptions & Record<string, unknown>) {
              super({ ...options, onReadable: () => isDeaf || options.onReadable?.() });
            }
          }
          return { ...ports, Digital };
        },
      });
      bench.panel.initButton(PIN, true);
      pass(1_000);
      connect(0);
      pass(2_000);
      isDeaf = true;
      connect(undefined);
      let timers = 0;
      while (bench.clock.step(bench.clock.now() + LONG_MS)) timers++;
      assert.deepEqual(bench.heard, ["long-press", "long-release"]);
      assert.isAtMost(timers, 3);
    });
  });

  describe("when it is closed", () => {
    it("is silent in the middle of a press, lets go of its pin and of its timers", () => {
      connect(0);
      pass(5_000);
      bench.panel.close();
      assert.deepEqual(bench.pins.claimed, []);
      assert.equal(bench.clock.pending, 0);
      connect(undefined);
      assert.deepEqual(heardAfter(), ["long-press"]);
    });

    it("says nothing more from within the very step that closed it", () => {
      const closing: PanelBench = new PanelBench({
        panel: {
          onGesture: (gesture) => {
            closing.hear(gesture);
            if (gesture === "long-release") closing.panel.close();
          },
        },
      });
      closing.panel.initButton(PIN, true);
      closing.pass(1_000);
      closing.press(PIN, RESET_HOLD_MS + 100);
      closing.pass(LONG_MS);
      assert.deepEqual(closing.heard, ["long-press", "reset-start", "long-release"]);
    });
  });
});
