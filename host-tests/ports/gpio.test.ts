import { assert } from "chai";
import { makeDigitalClass } from "../../host/sim/digital.js";
import { SimPins } from "../../host/sim/gpio.js";
import { makeLedStripClass } from "../../host/sim/led-strip.js";
import { PowerCut } from "../../host/sim/power.js";
import { makePwmClass } from "../../host/sim/pwm.js";
import type { DigitalClass, LedStripClass, PwmClass } from "../../src/panel/ports.js";
import { describeDigitalContract } from "./contracts/digital.js";
import { describeLedStripContract } from "./contracts/led-strip.js";
import { describePwmContract } from "./contracts/pwm.js";
import { SimBench } from "./sim-bench.js";

const INPUT_ONLY_PIN = 34;
const ABSENT_PIN = 24;

class PinBench extends SimBench {
  readonly pins = new SimPins();
  readonly Digital: DigitalClass;
  readonly Pwm: PwmClass;
  readonly LedStrip: LedStripClass;

  constructor() {
    super();
    const binding = { pins: this.pins, cpu: this.cpu, life: this.life };
    this.Digital = makeDigitalClass(binding);
    this.Pwm = makePwmClass(binding);
    this.LedStrip = makeLedStripClass(binding);
  }
}

describeDigitalContract("SimDigital", () => {
  const { Digital, pins, clock } = new PinBench();
  return {
    Digital,
    pin: 4,
    otherPin: 5,
    inputOnlyPin: INPUT_ONLY_PIN,
    absentPin: ABSENT_PIN,
    connect: (pin, outside) => pins.connect(pin, outside),
    level: (pin) => pins.level(pin),
    pass: (durationMs) => clock.advance(durationMs),
  };
});

describePwmContract("SimPwm", () => {
  const { Digital, Pwm, pins } = new PinBench();
  return {
    Digital,
    Pwm,
    pins: [25, 26, 27, 32, 33],
    inputOnlyPin: INPUT_ONLY_PIN,
    absentPin: ABSENT_PIN,
    duty: (pin) => pins.duty(pin),
  };
});

describeLedStripContract("SimLedStrip", () => {
  const { LedStrip, pins } = new PinBench();
  return { LedStrip, pin: 18, pixels: () => pins.pixels(18) };
});

describe("The pins of a simulated ESP32", () => {
  let bench: PinBench;
  beforeEach(() => {
    bench = new PinBench();
  });

  it("are not there beyond 39, nor where the chip has gaps", () => {
    const there = Array.from({ length: 50 }, (_, pin) => pin).filter((pin) => bench.pins.isThere(pin));
    assert.equal(there.length, 35);
    for (const pin of [-1, 24, 28, 31, 40, 1.5]) assert.isFalse(bench.pins.isThere(pin), `${pin}`);
  });

  it("are refused to all classes that ask where the UART has them", () => {
    const { Digital, Pwm } = bench;
    for (const pin of [16, 17]) {
      assert.throws(() => new Digital({ pin, mode: Digital.Input }), "in use");
      assert.throws(() => new Pwm({ pin }), "in use");
    }
  });

  it("kill the program that takes one of the flash chip's", () => {
    for (const pin of [6, 7, 8, 9, 10, 11]) {
      for (const take of [
        ({ Digital }: PinBench) => new Digital({ pin, mode: Digital.Input }),
        ({ Pwm }: PinBench) => new Pwm({ pin }),
        ({ LedStrip }: PinBench) => new LedStrip({ pin, length: 1 }),
      ]) {
        bench = new PinBench();
        assert.throws(() => take(bench), PowerCut);
        assert.deepEqual(bench.pins.mishaps, [`GPIO ${pin} is the flash chip's`]);
        assert.isFalse(bench.cpu.alive);
      }
    }
  });

  it("have no pulls from 34 on", () => {
    const { Digital } = bench;
    assert.equal(new Digital({ pin: INPUT_ONLY_PIN, mode: Digital.InputPullUp }).read(), 0);
  });

  describe("under an LED strip", () => {
    it("are taken from whoever has them, unseen but for a note", () => {
      const { Digital, LedStrip, pins } = bench;
      new Digital({ pin: 18, mode: Digital.Output });
      new LedStrip({ pin: 18, length: 1 });
      new LedStrip({ pin: 17, length: 1 });
      assert.deepEqual(pins.mishaps, [
        "the LED strip took GPIO 18 from its user",
        "the LED strip took GPIO 17 from its user",
      ]);
    });

    it("restart the chip where they cannot drive", () => {
      assert.throws(() => new bench.LedStrip({ pin: INPUT_ONLY_PIN, length: 1 }), PowerCut);
      assert.deepEqual(bench.pins.mishaps, ["GPIO 34 cannot drive an LED strip"]);
    });

    it("restart the chip when the strip is used after close", () => {
      const strip = new bench.LedStrip({ pin: 18, length: 1 });
      strip.close();
      assert.throws(() => strip.update(), PowerCut);
      assert.deepEqual(bench.pins.mishaps, ["the LED strip on GPIO 18 is used after close()"]);
    });

    it("keep a second update waiting until the first is sent, and no longer", () => {
      const strip = new bench.LedStrip({ pin: 18, length: 200 });
      bench.clock.advance(100);
      assert.equal(
        bench.spentMs(() => strip.update()),
        0,
      );
      assert.approximately(
        bench.spentMs(() => strip.update()),
        6,
        1e-6,
      );
    });
  });

  it("tell a busy processor of many edges at once, when it is free", () => {
    const { Digital, pins, cpu, clock } = bench;
    let calls = 0;
    new Digital({ pin: 4, mode: Digital.InputPullUp, edge: Digital.Falling, onReadable: () => calls++ });
    cpu.run(() => cpu.spend(50));
    for (let i = 0; i < 10; i++) {
      pins.connect(4, 0);
      pins.connect(4, undefined);
      clock.advance(4);
    }
    assert.equal(calls, 0);
    clock.advance(20);
    assert.equal(calls, 1);
  });

  it("keep what is outside over a reset, and let go of what the chip drove", () => {
    const { pins, Pwm } = bench;
    pins.connect(4, 1);
    for (const pin of [25, 26, 27, 32]) new Pwm({ pin }).write(1023);
    pins.reset();
    assert.equal(pins.level(4), 1);
    assert.isUndefined(pins.duty(25));
    assert.deepEqual(pins.claimed, []);
    for (const pin of [25, 26, 27, 32]) new Pwm({ pin });
  });

  it("are refused to code of a life that has ended", () => {
    const { Digital, Pwm, LedStrip } = bench;
    const digital = new Digital({ pin: 4, mode: Digital.Input });
    const pwm = new Pwm({ pin: 5 });
    const strip = new LedStrip({ pin: 18, length: 1 });
    bench.pullPlug();
    for (const use of [
      () => new Digital({ pin: 12, mode: Digital.Input }),
      () => digital.read(),
      () => digital.close(),
      () => new Pwm({ pin: 12 }),
      () => pwm.write(0),
      () => pwm.close(),
      () => new LedStrip({ pin: 12, length: 1 }),
      () => strip.update(),
      () => strip.close(),
    ]) {
      assert.throws(use, PowerCut);
    }
    assert.deepEqual(bench.pins.mishaps, []);
  });
});
