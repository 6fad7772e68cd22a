import { assert } from "chai";
import type { Indication } from "../src/panel/led-patterns.js";
import { PanelBench, watch } from "./support/panel-bench.js";

const PIN = 25;
const RED_PIN = 27;
const GREEN_PIN = 25;
const BLUE_PIN = 26;
const BUTTON_PIN = 0;

describe("The LED", () => {
  let bench: PanelBench;
  beforeEach(() => {
    bench = new PanelBench();
  });

  const dutyOf = (pin: number): number => Math.round(255 * (bench.pins.duty(pin) ?? -1));
  const mono = () => dutyOf(PIN);
  const rgb = () => (dutyOf(RED_PIN) << 16) | (dutyOf(GREEN_PIN) << 8) | dutyOf(BLUE_PIN);
  const show = (indication: Indication) => bench.panel.show(indication);

  describe("single, on a PWM pin", () => {
    beforeEach(() => assert.isTrue(bench.panel.initLed(PIN, false)));

    it("is dark, and costs nothing, until there is something to show", () => {
      assert.deepEqual(watch(bench, 10_000, mono), [[0, 10_000]]);
      assert.equal(bench.clock.pending, 0);
    });

    for (const [indication, rhythm] of [
      ["idle", [50, 2_000]],
      ["config", [50, 500]],
      ["connecting", [50, 500]],
      ["error", [80, 100, 80, 1_000]],
    ] as const) {
      it(`blinks for "${indication}": ${rhythm.join(", ")} ms`, () => {
        show(indication);
        const twice = [...rhythm, ...rhythm];
        const totalMs = twice.reduce((sum, ms) => sum + ms, 0);
        assert.deepEqual(
          watch(bench, totalMs, mono),
          twice.map((ms, index) => [index % 2 === 0 ? 255 : 0, ms]),
        );
      });
    }

    it("rises and falls for a wave, between 4 and 255, in steps of at least 40 ms", () => {
      show("connected");
      const runs = watch(bench, 10_000, mono);
      const levels = runs.map(([level]) => level);
      assert.equal(Math.min(...levels), 4);
      assert.isAtLeast(Math.max(...levels), 253);
      for (const [level, ms] of runs) assert.isAtLeast(ms, 40, `${level}`);
      assert.isAtLeast(runs.length, 200);
      const turns = levels.filter((level, i) => {
        const [before = level, after = level] = [levels[i - 1], levels[i + 1]];
        return (level > before && level > after) || (level < before && level < after);
      });
      assert.equal(turns.length, 3, "up, down, up, down");
    });

    it("keeps the rhythm when it is told to show what it shows", () => {
      show("idle");
      bench.pass(20);
      show("idle");
      assert.deepEqual(watch(bench, 100, mono), [
        [255, 30],
        [0, 70],
      ]);
    });

    it("keeps the rhythm when it is given the brightness that it has", () => {
      show("idle");
      bench.pass(20);
      assert.isTrue(bench.panel.setBrightness(255));
      assert.equal(watch(bench, 100, mono)[0]?.[1], 30);
    });

    it("begins each wave at its darkest", () => {
      bench.pass(1_234);
      show("connected");
      assert.equal(mono(), 4);
      bench.pass(2_500);
      show("hold");
      assert.equal(mono(), 4);
    });

    it("begins anew when it is told to show something else", () => {
      show("idle");
      bench.pass(1_000);
      assert.equal(mono(), 0);
      show("config");
      assert.deepEqual(watch(bench, 550, mono), [
        [255, 50],
        [0, 500],
      ]);
      show("off");
      assert.deepEqual(watch(bench, 3_000, mono), [[0, 3_000]]);
      assert.equal(bench.clock.pending, 0);
    });

    it("has never more than one timer", () => {
      for (const indication of ["idle", "connected", "error", "upgrade", "hold", "off", "config"] as const) {
        show(indication);
        bench.panel.setBrightness(indication.length * 10);
        bench.pass(777);
        assert.isAtMost(bench.clock.pending, 1, indication);
      }
    });

    it("catches up with a wave after the processor was busy", () => {
      show("connected");
      bench.pass(100);
      bench.hold(2_000);
      bench.pass(2_400);
      assert.isAtLeast(mono(), 250);
    });
  });

  describe("active low", () => {
    it("is lit by a low pin", () => {
      assert.isTrue(bench.panel.initLed(PIN, true));
      assert.equal(mono(), 255);
      show("config");
      assert.deepEqual(watch(bench, 100, mono), [
        [0, 50],
        [255, 50],
      ]);
    });

    it("is not left lit when another LED takes its place", () => {
      assert.isTrue(bench.panel.initLed(PIN, true));
      show("connected");
      bench.pass(2_500);
      assert.isTrue(bench.panel.initLed(BLUE_PIN, true));
      assert.isUndefined(bench.pins.duty(PIN), "the pin drives no more");
      assert.equal(bench.pins.level(PIN), 1);
    });
  });

  describe("single, without PWM", () => {
    beforeEach(() => {
      bench = new PanelBench({ without: ["pwm"] });
    });
    const isLit = () => bench.pins.level(PIN) === 1;

    it("blinks", () => {
      assert.isTrue(bench.panel.initLed(PIN, false));
      show("config");
      assert.deepEqual(watch(bench, 550, isLit), [
        [true, 50],
        [false, 500],
      ]);
    });

    it("blinks for a wave, too: half of it on, with two timers a wave", () => {
      assert.isTrue(bench.panel.initLed(PIN, false));
      show("connected");
      const before = bench.pins.writes;
      assert.deepEqual(watch(bench, 10_000, isLit), [
        [true, 2_500],
        [false, 2_500],
        [true, 2_500],
        [false, 2_500],
      ]);
      assert.isAtMost(bench.pins.writes - before, 4);
    });

    it("is on at any brightness but 0", () => {
      assert.isTrue(bench.panel.initLed(PIN, false));
      show("config");
      bench.panel.setBrightness(1);
      assert.isTrue(isLit());
      bench.panel.setBrightness(0);
      assert.deepEqual(watch(bench, 2_000, isLit), [[false, 2_000]]);
    });

    it("is turned round by active low", () => {
      assert.isTrue(bench.panel.initLed(PIN, true));
      assert.isTrue(isLit(), "dark");
      show("config");
      assert.isFalse(isLit(), "lit");
    });
  });

  describe("of three colours", () => {
    const COLORS = [
      ["idle", 0xffff00],
      ["config", 0x0000ff],
      ["connecting", 0x00ff00],
      ["error", 0xff0000],
      ["release-to-reset", 0xffffe7],
    ] as const;
    for (const [indication, color] of COLORS) {
      it(`shows "${indication}" in its colour, with either polarity`, () => {
        for (const commonAnode of [false, true]) {
          assert.isTrue(bench.panel.initRgb(RED_PIN, GREEN_PIN, BLUE_PIN, commonAnode));
          show(indication);
          assert.equal(commonAnode ? ~rgb() & 0xffffff : rgb(), color);
          show("off");
        }
      });
    }

    it("keeps the colour through a wave", () => {
      assert.isTrue(bench.panel.initRgb(RED_PIN, GREEN_PIN, BLUE_PIN, false));
      show("upgrade");
      bench.pass(2_500);
      assert.approximately(dutyOf(RED_PIN), 0xa7, 2);
      assert.equal(dutyOf(GREEN_PIN), 0);
      assert.approximately(dutyOf(BLUE_PIN), 0xff, 2);
      bench.pass(1_250);
      assert.approximately(dutyOf(RED_PIN), 0xa7 / 2, 6);
      assert.approximately(dutyOf(BLUE_PIN), 0xff / 2, 6);
    });

    it("is dark with a common anode before anything is shown", () => {
      assert.isTrue(bench.panel.initRgb(RED_PIN, GREEN_PIN, BLUE_PIN, true));
      assert.equal(rgb(), 0xffffff);
    });
  });

  describe("on an addressable chain", () => {
    const pixels = () => bench.pins.pixels(PIN);

    it("shows the colour on all pixels", () => {
      assert.isTrue(bench.panel.initArgb(PIN, 0, 4));
      assert.deepEqual([...pixels()], [0, 0, 0, 0]);
      show("config");
      assert.deepEqual([...pixels()], [0xfe, 0xfe, 0xfe, 0xfe]);
      bench.pass(51);
      assert.deepEqual([...pixels()], [0, 0, 0, 0]);
    });

    it("is as bright as asked", () => {
      assert.isTrue(bench.panel.initArgb(PIN, 0, 1));
      show("error");
      bench.panel.setBrightness(128);
      assert.deepEqual([...pixels()], [0x7f0000]);
    });

    it("never waits for the sending of the frame before, with the longest chain and the fastest pattern", () => {
      assert.isTrue(bench.panel.initArgb(PIN, 0, 255));
      for (const indication of ["hold", "error", "release-to-reset"] as const) {
        show(indication);
        bench.pass(50);
        const before = bench.pins.writes;
        bench.pass(3_000);
        assert.isAbove(bench.pins.writes, before);
      }
      assert.equal(bench.longestTaskMs, 0);
    });
  });

  describe("dimmed", () => {
    beforeEach(() => assert.isTrue(bench.panel.initLed(PIN, false)));

    it("blinks up to the brightness, which may be set before there is an LED", () => {
      bench.panel.setBrightness(51);
      show("config");
      assert.equal(mono(), 51);
      const other = new PanelBench();
      assert.isTrue(other.panel.setBrightness(51));
      other.panel.show("config");
      other.panel.initLed(PIN, false);
      assert.approximately(other.pins.duty(PIN) ?? -1, 0.2, 1e-3);
    });

    it("waves up to the brightness, and looks at the LED no oftener than that changes", () => {
      bench.panel.setBrightness(24);
      show("connected");
      const before = bench.pins.writes;
      const levels = watch(bench, 5_000, mono).map(([level]) => level);
      assert.equal(Math.max(...levels), 24);
      assert.equal(Math.min(...levels), 4);
      assert.isAtMost(bench.pins.writes - before, 42);
    });

    it("is steady in a wave where there is no room for one, and stops its timer", () => {
      bench.panel.setBrightness(4);
      show("connected");
      assert.deepEqual(watch(bench, 5_000, mono), [[4, 5_000]]);
      assert.equal(bench.clock.pending, 0);
    });

    it("is dark at 0 and stops its timer, and comes back", () => {
      show("config");
      assert.equal(bench.clock.pending, 1);
      bench.panel.setBrightness(0);
      assert.deepEqual(watch(bench, 2_000, mono), [[0, 2_000]]);
      assert.equal(bench.clock.pending, 0);
      bench.panel.setBrightness(255);
      assert.equal(mono(), 255);
      assert.equal(bench.clock.pending, 1);
    });

    it("refuses a brightness that is none, and keeps what it has", () => {
      show("config");
      for (const brightness of [-1, 256, Number.NaN]) assert.isFalse(bench.panel.setBrightness(brightness));
      assert.equal(mono(), 255);
    });
  });

  describe("while the button is down", () => {
    const down = (ms: number) => {
      bench.pins.connect(BUTTON_PIN, 0);
      bench.pass(ms);
    };
    const up = () => {
      bench.pins.connect(BUTTON_PIN, undefined);
      bench.pass(100);
    };
    const isWhite = () => rgb() === 0xffffe7;

    beforeEach(() => {
      assert.isTrue(bench.panel.initRgb(RED_PIN, GREEN_PIN, BLUE_PIN, false));
      assert.isTrue(bench.panel.initButton(BUTTON_PIN, true));
      show("config");
      bench.pass(1_000);
    });

    it("shows the state up to 4 s", () => {
      down(3_990);
      const colors = new Set(watch(bench, 10, rgb).map(([color]) => color));
      for (const color of colors) assert.include([0, 0x0000ff], color);
    });

    it("shows a fast white wave from 4 s on", () => {
      down(4_000);
      const reds = watch(bench, 2_000, () => dutyOf(RED_PIN)).map(([red]) => red);
      assert.equal(Math.min(...reds), 4);
      assert.isAtLeast(Math.max(...reds), 240);
    });

    it("blinks white from 10 s on, to say that a release resets", () => {
      down(10_000);
      assert.deepEqual(watch(bench, 500, isWhite), [
        [true, 50],
        [false, 200],
        [true, 50],
        [false, 200],
      ]);
    });

    for (const [ms, when] of [
      [6_000, "at the release of a hold"],
      [12_000, "after a reset"],
    ] as const) {
      it(`shows the state again ${when}`, () => {
        down(ms);
        up();
        const colors = new Set(watch(bench, 1_000, rgb).map(([color]) => color));
        assert.sameMembers([...colors], [0, 0x0000ff]);
      });
    }

    it("shows the state again once the hold is cancelled", () => {
      down(15_000);
      const colors = new Set(watch(bench, 1_000, rgb).map(([color]) => color));
      assert.sameMembers([...colors], [0, 0x0000ff]);
    });

    it("shows the state that came meanwhile", () => {
      down(12_000);
      show("connecting");
      assert.isFalse(watch(bench, 1_000, rgb).some(([color]) => color === 0x00ff00));
      up();
      assert.isTrue(watch(bench, 1_000, rgb).some(([color]) => color === 0x00ff00));
    });

    it("shows the state again when the button is named anew in the middle of a hold", () => {
      down(12_000);
      assert.isTrue(bench.panel.initButton(4, true));
      const colors = new Set(watch(bench, 1_000, rgb).map(([color]) => color));
      assert.sameMembers([...colors], [0, 0x0000ff]);
    });
  });
});
