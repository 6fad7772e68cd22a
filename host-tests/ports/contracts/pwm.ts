/** What every Pwm must do, on pins that are free and connected to nothing. */

import { assert } from "chai";
import type { DigitalClass, Pwm, PwmClass } from "../../../src/panel/ports.js";

export interface PwmFixture {
  readonly Pwm: PwmClass;
  readonly Digital: DigitalClass;
  /** As many as there are channels, and one more. */
  readonly pins: readonly number[];
  readonly inputOnlyPin: number;
  readonly absentPin: number;
  /** The share of the time that the pin is driven high; `undefined` while it is not driven. */
  duty(pin: number): number | undefined;
}

export function describePwmContract(name: string, makeFixture: () => PwmFixture): void {
  describe(`${name} as a Pwm`, () => {
    let fixture: PwmFixture;
    let pin: number;
    const open = (options: Record<string, unknown> = {}): Pwm => new fixture.Pwm({ pin, ...options });

    beforeEach(() => {
      fixture = makeFixture();
      [pin = -1] = fixture.pins;
    });

    it("has 10 bits and is low at first", () => {
      assert.equal(open().resolution, 10);
      assert.equal(fixture.duty(pin), 0);
    });

    it("has the resolution that is asked for, where the timer can do it", () => {
      assert.equal(open({ resolution: 8 }).resolution, 8);
      assert.throws(() => open({ pin: fixture.pins[1], resolution: 8, hz: 64 }), RangeError, "invalid combination");
      assert.throws(() => open({ pin: fixture.pins[1], hz: 0 }), RangeError, "invalid hz");
      assert.throws(() => open({ pin: fixture.pins[1], resolution: 0 }), RangeError, "invalid resolution");
    });

    it("is high for the share of its range that is written: never at 0, always at the top", () => {
      const port = open();
      port.write(1023);
      assert.equal(fixture.duty(pin), 1);
      port.write(341);
      assert.approximately(fixture.duty(pin) ?? -1, 1 / 3, 1e-3);
      port.write(0);
      assert.equal(fixture.duty(pin), 0);
    });

    it("refuses values beyond its range, and keeps what was", () => {
      const port = open();
      port.write(1023);
      for (const value of [-1, 1024]) assert.throws(() => port.write(value), RangeError, "invalid value");
      assert.equal(fixture.duty(pin), 1);
    });

    it("refuses a pin that is not there, one that cannot drive, one in use, and none at all", () => {
      assert.throws(() => open({ pin: fixture.absentPin }), "in use");
      assert.throws(() => open({ pin: 300 }), "in use");
      assert.throws(() => open({ pin: -1 }), RangeError, "negative");
      assert.throws(() => open({ pin: fixture.inputOnlyPin }), "can't configure");
      assert.throws(() => open({ pin: undefined }), "invalid");
      new fixture.Digital({ pin, mode: fixture.Digital.Input });
      assert.throws(() => open(), "in use");
    });

    it("has no more than its channels, and gives them back", () => {
      const ports = fixture.pins.slice(1).map((each) => open({ pin: each }));
      assert.throws(() => open(), "no ledc channel");
      ports[0]?.close();
      open();
    });

    it("keeps no channel for a pin that it refuses", () => {
      for (let i = 0; i < 20; i++) assert.throws(() => open({ pin: fixture.inputOnlyPin }));
      for (const each of fixture.pins.slice(1)) open({ pin: each });
    });

    it("leaves its pin low, and free, when it is closed; twice does no harm", () => {
      const port = open();
      port.write(1023);
      port.close();
      assert.equal(fixture.duty(pin), 0);
      port.close();
      assert.throws(() => port.write(0), SyntaxError);
      new fixture.Digital({ pin, mode: fixture.Digital.Input });
      assert.isUndefined(fixture.duty(pin));
    });
  });
}
