/** What every Digital must do. The pins are free; outside, nothing is connected to them but what the fixture connects. */

import { assert } from "chai";
import type { Digital, DigitalClass, DigitalOptions } from "../../../src/panel/ports.js";

export interface DigitalFixture {
  readonly Digital: DigitalClass;
  /** Two that can read, drive and pull. */
  readonly pin: number;
  readonly otherPin: number;
  readonly inputOnlyPin: number;
  readonly absentPin: number;
  connect(pin: number, outside: 0 | 1 | undefined): void;
  /** What a meter shows. */
  level(pin: number): 0 | 1;
  /** Lets time go by, running what falls due. */
  pass(durationMs: number): void;
}

export function describeDigitalContract(name: string, makeFixture: () => DigitalFixture): void {
  describe(`${name} as a Digital`, () => {
    let fixture: DigitalFixture;
    let calls: number;
    const open = (options: Partial<DigitalOptions> = {}): Digital =>
      new fixture.Digital({ pin: fixture.pin, mode: fixture.Digital.Input, ...options });
    const openWatched = (options: Partial<DigitalOptions> = {}): Digital => {
      const { Rising, Falling } = fixture.Digital;
      return open({ edge: Rising + Falling, onReadable: () => calls++, ...options });
    };
    const connect = (outside: 0 | 1 | undefined): void => {
      fixture.connect(fixture.pin, outside);
      fixture.pass(1);
    };

    beforeEach(() => {
      fixture = makeFixture();
      calls = 0;
      connect(0);
    });

    describe("when it is constructed", () => {
      it("refuses a pin that the chip does not have, and none at all", () => {
        for (const pin of [fixture.absentPin, 40, 64, 300]) assert.throws(() => open({ pin }), Error, "invalid");
        const withoutPin: Record<string, unknown> = { mode: fixture.Digital.Input };
        assert.throws(() => new fixture.Digital(withoutPin as DigitalOptions & typeof withoutPin), "invalid");
      });

      it("refuses a pin in use, until that is closed", () => {
        const first = open();
        assert.throws(() => open(), "in use");
        open({ pin: fixture.otherPin });
        first.close();
        open();
      });

      it("refuses an output on an input-only pin, and takes an input there", () => {
        const { Digital, inputOnlyPin } = fixture;
        assert.throws(() => open({ pin: inputOnlyPin, mode: Digital.Output }), RangeError, "input only");
        open({ pin: inputOnlyPin });
      });

      it("refuses modes that it does not know, and a callback without edges", () => {
        assert.throws(() => open({ mode: 7 }), RangeError, "invalid mode");
        assert.throws(() => open({ onReadable: () => {} }), RangeError, "invalid edges");
      });

      it("leaves the pin free when it refuses", () => {
        assert.throws(() => open({ mode: 7 }));
        assert.throws(() => open({ onReadable: () => {} }));
        open();
      });
    });

    describe("an input", () => {
      it("reads the level, as a number", () => {
        const port = open();
        assert.strictEqual(port.read(), 0);
        connect(1);
        assert.strictEqual(port.read(), 1);
      });

      it("is pulled where nothing is connected", () => {
        connect(undefined);
        const { InputPullUp, InputPullDown } = fixture.Digital;
        assert.equal(open({ mode: InputPullUp }).read(), 1);
        assert.equal(open({ pin: fixture.otherPin, mode: InputPullDown }).read(), 0);
      });

      it("reads the other way round with activeLow", () => {
        const port = open({ activeLow: true });
        assert.strictEqual(port.read(), 1);
        connect(1);
        assert.strictEqual(port.read(), 0);
      });

      it("does not take a value", () => {
        assert.throws(() => open().write(1), "can't write input");
      });
    });

    describe("a watched input", () => {
      it("tells of both edges, of one where asked for one, and of nothing else", () => {
        openWatched();
        fixture.pass(10);
        assert.equal(calls, 0);
        connect(1);
        connect(1);
        assert.equal(calls, 1);
        connect(0);
        assert.equal(calls, 2);
      });

      for (const [edge, activeLow, onRise] of [
        ["Rising", false, 1],
        ["Falling", false, 0],
        ["Rising", true, 0],
        ["Falling", true, 1],
      ] as const) {
        it(`tells of ${edge} alone${activeLow ? ", turned round by activeLow" : ""}`, () => {
          openWatched({ edge: fixture.Digital[edge], activeLow });
          connect(1);
          assert.equal(calls, onRise);
          connect(0);
          assert.equal(calls, 1);
        });
      }

      it("calls back with itself, when the level can be read", () => {
        const levels: number[] = [];
        openWatched({
          onReadable(this: Digital) {
            levels.push(this.read());
          },
        });
        connect(1);
        connect(0);
        assert.deepEqual(levels, [1, 0]);
      });

      it("says nothing after close", () => {
        openWatched().close();
        connect(1);
        assert.equal(calls, 0);
      });
    });

    describe("an output", () => {
      const openOutput = (options: Partial<DigitalOptions> = {}) => {
        fixture.connect(fixture.pin, undefined);
        return open({ mode: fixture.Digital.Output, ...options });
      };
      const level = () => fixture.level(fixture.pin);

      it("drives its initial value, 0 by default, and what is written", () => {
        const port = openOutput();
        assert.equal(level(), 0);
        port.write(1);
        assert.equal(level(), 1);
        port.write(0);
        assert.equal(level(), 0);
        port.close();
        openOutput({ initialValue: 1 });
        assert.equal(level(), 1);
      });

      it("drives the other way round with activeLow", () => {
        const port = openOutput({ activeLow: true, initialValue: 0 });
        assert.equal(level(), 1);
        port.write(1);
        assert.equal(level(), 0);
      });

      it("cannot be read", () => {
        assert.throws(() => openOutput().read(), "can't read output");
      });

      it("is pulled up after close, whatever it drove", () => {
        openOutput().close();
        assert.equal(level(), 1);
      });
    });

    it("can be closed twice, and refuses everything else after", () => {
      const port = open();
      port.close();
      port.close();
      assert.throws(() => port.read(), SyntaxError);
      assert.throws(() => port.write(1), SyntaxError);
    });
  });
}
