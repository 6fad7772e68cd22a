import { assert } from "chai";
import { ESP32_C3_PINS, ESP32_PINS, ESP32_S3_PINS, objectionToPin, type PinMap } from "../src/panel/pins.js";
import { PanelBench, type PanelPorts } from "./support/panel-bench.js";

const BUTTON_PIN = 0;
const LED_PIN = 25;

/** Counts what is made and closed of a class, and makes the constructions fail whose numbers are planted. */
class Watched {
  made = 0;
  closed = 0;
  failing = new Set<number>();

  watch<C extends new (options: never) => { close(): void }>(Original: C): C {
    const watched = this;
    const Base = Original as unknown as new (options: unknown) => { close(): void };
    return class extends Base {
      #isClosed = false;

      constructor(options: unknown) {
        if (watched.failing.delete(++watched.made)) throw new Error("planted");
        super(options);
      }

      override close(): void {
        if (!this.#isClosed) watched.closed++;
        this.#isClosed = true;
        super.close();
      }
    } as unknown as C;
  }
}

describe("The panel", () => {
  let digital: Watched;
  let pwm: Watched;
  let strip: Watched;
  let bench: PanelBench;
  const wrap = ({ Digital, Pwm, LedStrip }: PanelPorts): PanelPorts => ({
    Digital: digital.watch(Digital),
    Pwm: pwm.watch(Pwm),
    LedStrip: strip.watch(LedStrip),
  });
  const lastRefusal = () => bench.refusals.at(-1) ?? "";

  beforeEach(() => {
    digital = new Watched();
    pwm = new Watched();
    strip = new Watched();
    bench = new PanelBench({ wrap });
  });

  afterEach(() => {
    assert.deepEqual(bench.pins.mishaps, []);
  });

  describe("on the pins of a chip", () => {
    /** Every way to name an output, for the same pin. */
    const outputs = (pin: number): Record<string, () => boolean> => ({
      initLed: () => bench.panel.initLed(pin, false),
      "initRgb, red": () => bench.panel.initRgb(pin, 18, 19, false),
      "initRgb, green": () => bench.panel.initRgb(18, pin, 19, false),
      "initRgb, blue": () => bench.panel.initRgb(18, 19, pin, true),
      initArgb: () => bench.panel.initArgb(pin, 0, 1),
    });
    const REFUSED = [
      [40, "there is no GPIO 40"],
      [65_535, "there is no GPIO 65535"],
      [24, "there is no GPIO 24"],
      [6, "GPIO 6 is wired to the flash chip"],
      [11, "GPIO 11 is wired to the flash chip"],
      [1, "GPIO 1 is used by UART0, which flashes the chip and prints its log"],
      [3, "GPIO 3 is used by UART0"],
      [16, "GPIO 16 is used by the UART to the MCU"],
    ] as const;

    for (const [pin, reason] of REFUSED) {
      it(`refuses ${pin} for everything, says why, and touches nothing`, () => {
        for (const [what, init] of Object.entries(outputs(pin))) {
          assert.isFalse(init(), what);
          assert.include(lastRefusal(), reason);
        }
        assert.isFalse(bench.panel.initButton(pin, true));
        assert.include(lastRefusal(), reason);
        assert.equal(digital.made + pwm.made + strip.made, 0);
      });
    }

    it("takes 34 to 39 for a button, and for nothing else", () => {
      for (const pin of [34, 35, 36, 37, 38, 39]) {
        for (const [what, init] of Object.entries(outputs(pin))) {
          assert.isFalse(init(), what);
          assert.include(lastRefusal(), `GPIO ${pin} can only read: choose a pin that can drive`);
        }
        assert.isTrue(bench.panel.initButton(pin, true), `${pin}`);
      }
      assert.equal(pwm.made + strip.made, 0);
    });

    it("takes every other pin for everything", () => {
      const pins = Array.from({ length: 34 }, (_, pin) => pin).filter(
        (pin) => !objectionToPin({ map: ESP32_PINS, taken: { 1: "", 3: "", 16: "", 17: "" } }, pin, "output"),
      );
      assert.equal(pins.filter((pin) => ![1, 3, 16, 17].includes(pin)).length, 19);
      for (const pin of pins) {
        if ([1, 3, 16, 17, 18, 19].includes(pin)) continue;
        for (const [what, init] of Object.entries(outputs(pin))) assert.isTrue(init(), `${what} ${pin}`);
      }
    });

    it("refuses a pin twice in one RGB LED", () => {
      assert.isFalse(bench.panel.initRgb(25, 26, 25, false));
      assert.include(lastRefusal(), "GPIO 25 is named twice");
    });

    it("refuses the button's pin for a light, and the light's for a button", () => {
      bench.panel.initButton(BUTTON_PIN, true);
      for (const [what, init] of Object.entries(outputs(BUTTON_PIN))) assert.isFalse(init(), what);
      assert.include(lastRefusal(), "GPIO 0 has the button on GPIO 0, active low");
      bench.panel.initArgb(LED_PIN, 0, 1);
      assert.isFalse(bench.panel.initButton(LED_PIN, true));
      assert.include(lastRefusal(), "GPIO 25 has the 1 addressable LEDs on GPIO 25");
    });

    it("goes by another map where the chip is another", () => {
      const freePins = (map: PinMap) =>
        Array.from({ length: 64 }, (_, pin) => pin).filter((pin) => !objectionToPin({ map, taken: {} }, pin, "output"));
      assert.deepEqual(freePins(ESP32_C3_PINS), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 19, 20, 21]);
      assert.equal(freePins(ESP32_S3_PINS).length, 49 - 4 - 7);
      const other = new PanelBench({ panel: { pinMap: ESP32_C3_PINS } });
      assert.isTrue(other.panel.initLed(5, false));
      assert.isFalse(other.panel.initLed(25, false));
      assert.include(other.refusals[0], "there is no GPIO 25: choose one from 0 to 21");
    });

    const CONSOLES = [
      ["ESP32", ESP32_PINS, [1, 3]],
      ["ESP32-C3", ESP32_C3_PINS, [18, 19, 20, 21]],
      ["ESP32-S3", ESP32_S3_PINS, [19, 20, 43, 44]],
    ] as const;

    for (const [chip, pinMap, consolePins] of CONSOLES) {
      it(`leaves the console and the USB of an ${chip} alone, unless the board does without`, () => {
        const guarded = new PanelBench({ panel: { pinMap, takenPins: {} } });
        for (const pin of consolePins) {
          assert.isFalse(guarded.panel.initLed(pin, false));
          assert.match(guarded.refusals.at(-1) ?? "", /which flashes the chip and prints its log: choose another pin/);
          assert.isFalse(guarded.panel.initButton(pin, true));
        }
        const free = new PanelBench({ panel: { pinMap, takenPins: {}, freesConsolePins: true } });
        // The simulated pins are those of an ESP32, which has no 43 and 44.
        for (const pin of consolePins.filter((each) => each <= ESP32_PINS.pinMax)) {
          assert.isTrue(free.panel.initButton(pin, true), `${pin}`);
        }
      });
    }
  });

  describe("when it is asked for what is there", () => {
    it("keeps the button, in the middle of a press", () => {
      bench.panel.initButton(BUTTON_PIN, true);
      bench.pass(1_000);
      bench.pins.connect(BUTTON_PIN, 0);
      bench.pass(900);
      assert.isTrue(bench.panel.initButton(BUTTON_PIN, true));
      assert.equal(digital.made, 1);
      bench.pass(100);
      assert.deepEqual(bench.heard, ["long-press"]);
    });

    it("keeps the light and its rhythm, whatever the reserved mode says", () => {
      bench.panel.initArgb(LED_PIN, 0, 3);
      bench.panel.show("idle");
      bench.pass(51);
      const before = bench.pins.writes;
      for (let mode = 0; mode < 256; mode++) assert.isTrue(bench.panel.initArgb(LED_PIN, mode, 3));
      assert.equal(strip.made, 1);
      assert.equal(bench.pins.writes, before);
    });

    it("opens it anew where the polarity or the count is another", () => {
      bench.panel.initButton(BUTTON_PIN, true);
      bench.panel.initButton(BUTTON_PIN, false);
      assert.deepEqual([digital.made, digital.closed], [2, 1]);
      bench.panel.initArgb(LED_PIN, 0, 3);
      bench.panel.initArgb(LED_PIN, 0, 4);
      assert.deepEqual([strip.made, strip.closed], [2, 1]);
      bench.panel.initLed(LED_PIN, false);
      bench.panel.initLed(LED_PIN, true);
      assert.deepEqual([pwm.made, pwm.closed], [2, 1]);
    });
  });

  describe("when it is asked for something else", () => {
    it("closes the old button first, and moves to the new pin", () => {
      bench.panel.initButton(BUTTON_PIN, true);
      assert.isTrue(bench.panel.initButton(4, true));
      assert.deepEqual([...bench.pins.claimed], [4]);
      bench.pass(1_000);
      bench.press(BUTTON_PIN, 100);
      bench.pass(1_000);
      assert.deepEqual(bench.heard, []);
      bench.press(4, 100);
      bench.pass(1_000);
      assert.deepEqual(bench.heard, ["click"]);
    });

    it("replaces any light by any other, on the same pins, without end", () => {
      bench.panel.show("connected");
      for (let round = 0; round < 50; round++) {
        assert.isTrue(bench.panel.initRgb(25, 26, 27, round % 2 === 0));
        assert.deepEqual([...bench.pins.claimed], [25, 26, 27]);
        assert.isTrue(bench.panel.initRgb(27, 25, 26, false));
        assert.isTrue(bench.panel.initLed(26, true));
        assert.deepEqual([...bench.pins.claimed], [26]);
        assert.isTrue(bench.panel.initArgb(26, 0, 8));
        assert.deepEqual([...bench.pins.claimed], []);
        bench.pass(333);
      }
      assert.isAtMost(bench.clock.pending, 1);
      assert.equal(pwm.made - pwm.closed, 0);
      assert.equal(strip.made - strip.closed, 1);
    });

    it("shows at once on the new light what the old one showed", () => {
      bench.panel.initLed(26, false);
      bench.panel.show("error");
      bench.panel.initArgb(LED_PIN, 0, 1);
      assert.deepEqual([...bench.pins.pixels(LED_PIN)], [0xfe0000]);
    });

    it("leaves the old chain dark", () => {
      bench.panel.initArgb(LED_PIN, 0, 2);
      bench.panel.show("error");
      bench.panel.initLed(26, false);
      assert.deepEqual([...bench.pins.pixels(LED_PIN)], [0, 0]);
    });

    it("keeps what was there when the arguments are wrong", () => {
      bench.panel.initLed(LED_PIN, false);
      bench.panel.initButton(BUTTON_PIN, true);
      assert.isFalse(bench.panel.initLed(34, false));
      assert.isFalse(bench.panel.initRgb(25, 25, 26, false));
      assert.isFalse(bench.panel.initButton(6, true));
      for (const count of [0, 256, -1, Number.NaN]) {
        assert.isFalse(bench.panel.initArgb(26, 0, count));
        assert.include(lastRefusal(), "a chain has 1 to 255");
      }
      assert.deepEqual([...bench.pins.claimed], [BUTTON_PIN, LED_PIN]);
      bench.panel.show("error");
      assert.equal(bench.pins.duty(LED_PIN), 1);
    });
  });

  describe("when another firmware is in the MCU", () => {
    beforeEach(() => {
      bench.panel.initButton(4, true);
      bench.panel.initLed(5, false);
      bench.panel.endMcuLife();
    });

    it("swaps button and light, whichever comes first", () => {
      assert.isTrue(bench.panel.initLed(4, false));
      assert.isTrue(bench.panel.initButton(5, true));
      assert.deepEqual([...bench.pins.claimed], [4, 5]);
      bench.panel.endMcuLife();
      assert.isTrue(bench.panel.initButton(4, true));
      assert.isTrue(bench.panel.initLed(5, false));
      assert.deepEqual([...bench.pins.claimed], [4, 5]);
      bench.pass(1_000);
      bench.press(4, 100);
      bench.pass(1_000);
      assert.deepEqual(bench.heard, ["click"]);
    });

    it("takes a pin of the old light for the button, and the rest of that light with it", () => {
      bench.panel.initRgb(25, 26, 27, false);
      bench.panel.endMcuLife();
      assert.isTrue(bench.panel.initButton(26, true));
      assert.deepEqual([...bench.pins.claimed], [26]);
    });

    it("keeps what it does not ask for anew, and what it asks for anew belongs to it", () => {
      assert.isTrue(bench.panel.initButton(4, true));
      assert.isFalse(bench.panel.initLed(4, false), "it contradicts itself");
      assert.include(lastRefusal(), "GPIO 4 has the button on GPIO 4");
      assert.isTrue(bench.panel.initLed(5, false));
      assert.isFalse(bench.panel.initButton(5, true));
      assert.deepEqual([...bench.pins.claimed], [4, 5]);
      assert.equal(digital.made + pwm.made, 2, "nothing was opened anew");
    });

    it("loses nothing of the old to a call that is refused", () => {
      assert.isFalse(bench.panel.initRgb(4, 18, 34, false));
      assert.deepEqual([...bench.pins.claimed], [4, 5]);
    });
  });

  describe("when a port refuses", () => {
    for (const [index, which] of ["first", "second", "third"].entries()) {
      it(`has nothing open after the ${which} of three PWMs, nor a timer, and can try again`, () => {
        bench.panel.initArgb(LED_PIN, 0, 1);
        bench.panel.show("connected");
        pwm.failing.add(index + 1);
        assert.isFalse(bench.panel.initRgb(25, 26, 27, true));
        assert.equal(pwm.failing.size, 0, "it failed");
        assert.include(lastRefusal(), "RGB LED on GPIO 25, 26, 27, common anode: planted");
        assert.deepEqual([...bench.pins.claimed], []);
        assert.equal(pwm.closed, index);
        assert.equal(strip.closed, 1);
        assert.equal(bench.clock.pending, 0);
        for (const pin of [25, 26, 27]) assert.isUndefined(bench.pins.duty(pin), "the pins drive nothing");
        assert.isTrue(bench.panel.initRgb(25, 26, 27, true));
      });
    }

    it("has no button afterwards, and takes one later", () => {
      bench.panel.initButton(4, true);
      digital.failing.add(2);
      assert.isFalse(bench.panel.initButton(BUTTON_PIN, true));
      assert.include(lastRefusal(), "button on GPIO 0, active low: planted");
      assert.deepEqual([...bench.pins.claimed], []);
      assert.equal(bench.clock.pending, 0);
      assert.isTrue(bench.panel.initButton(BUTTON_PIN, true));
    });

    it("has no light afterwards, whichever kind, and takes the same one later", () => {
      const inits = [
        [pwm, () => bench.panel.initLed(LED_PIN, false)],
        [strip, () => bench.panel.initArgb(LED_PIN, 0, 1)],
      ] as const;
      for (const [port, init] of inits) {
        port.failing.add(port.made + 1);
        assert.isFalse(init());
        assert.equal(port.failing.size, 0, "it failed");
        assert.equal(bench.clock.pending, 0);
        assert.isTrue(init());
      }
    });

    it("opens what was there before when it is asked for that again", () => {
      bench.panel.initLed(LED_PIN, false);
      bench.panel.initButton(4, true);
      pwm.failing.add(2);
      digital.failing.add(digital.made + 2); // the first is that of the PWM's pin, to let go of it
      assert.isFalse(bench.panel.initLed(26, false));
      assert.isFalse(bench.panel.initButton(BUTTON_PIN, true));
      assert.deepEqual([...bench.pins.claimed], []);
      assert.isTrue(bench.panel.initLed(LED_PIN, false));
      assert.isTrue(bench.panel.initButton(4, true));
      assert.deepEqual([...bench.pins.claimed], [4, LED_PIN]);
    });

    it("says so where another part of the device has the pin", () => {
      const taken = new PanelBench({ panel: { takenPins: {} } });
      assert.isFalse(taken.panel.initLed(17, false));
      assert.deepEqual(taken.refusals, ["LED on GPIO 17: in use"]);
    });
  });

  describe("without some of the ports", () => {
    it("refuses RGB and addressable LEDs, says why, and keeps what was there", () => {
      bench = new PanelBench({ without: ["pwm", "strip"] });
      assert.isTrue(bench.panel.initLed(LED_PIN, false));
      assert.isFalse(bench.panel.initRgb(25, 26, 27, false));
      assert.include(lastRefusal(), "this build has no PWM");
      assert.isFalse(bench.panel.initArgb(26, 0, 1));
      assert.include(lastRefusal(), "this build has no driver");
      assert.deepEqual([...bench.pins.claimed], [LED_PIN]);
    });
  });

  describe("when it is closed", () => {
    it("has nothing open, no timer, and a dark light", () => {
      bench.panel.initButton(BUTTON_PIN, true);
      bench.panel.initRgb(25, 26, 27, true);
      bench.panel.show("connected");
      bench.pass(1_234);
      bench.panel.close();
      assert.deepEqual([...bench.pins.claimed], []);
      assert.equal(bench.clock.pending, 0);
      assert.equal(bench.pins.level(25), 1, "pulled up, as a common anode needs it");
      bench.panel.close();
    });

    it("may be told what to show, and does nothing", () => {
      bench.panel.initLed(LED_PIN, false);
      bench.panel.close();
      bench.panel.show("connected");
      bench.panel.setBrightness(9);
      bench.pass(10_000);
      assert.equal(bench.clock.pending, 0);
    });
  });

  it("begins each life dark and without a button", () => {
    bench.panel.initLed(LED_PIN, false);
    bench.panel.initButton(BUTTON_PIN, true);
    bench.panel.show("connected");
    bench.pass(1_000);
    bench.reboot();
    assert.deepEqual([...bench.pins.claimed], []);
    bench.press(BUTTON_PIN, 100);
    bench.pass(10_000);
    assert.deepEqual(bench.heard, []);
    assert.isUndefined(bench.pins.duty(LED_PIN));
  });
});
