/** What every LedStrip must do, with a chain of WS2812 (GRB) on the pin. */

import { assert } from "chai";
import type { LedStrip, LedStripClass } from "../../../src/panel/ports.js";

export interface LedStripFixture {
  readonly LedStrip: LedStripClass;
  readonly pin: number;
  /** What the chain shows, 0xRRGGBB each. */
  pixels(): readonly number[];
}

export function describeLedStripContract(name: string, makeFixture: () => LedStripFixture): void {
  describe(`${name} as a LedStrip`, () => {
    let fixture: LedStripFixture;
    const open = (options: Record<string, unknown> = {}): LedStrip =>
      new fixture.LedStrip({ pin: fixture.pin, length: 3, ...options });

    beforeEach(() => {
      fixture = makeFixture();
    });

    it("sends black when it is constructed", () => {
      open();
      assert.deepEqual(fixture.pixels(), [0, 0, 0]);
    });

    it("refuses a chain without pixels or pin, and an order that is none", () => {
      assert.throws(() => open({ length: 0 }), RangeError, "no pixels");
      assert.throws(() => open({ length: undefined }), RangeError, "no pixels");
      assert.throws(() => open({ pin: -1 }), RangeError, "no pin");
      assert.throws(() => open({ order: "RG" }), "invalid order");
    });

    it("shows a fill only after update", () => {
      const strip = open();
      strip.brightness = 255;
      strip.fill(strip.makeRGB(255, 0, 0));
      assert.deepEqual(fixture.pixels(), [0, 0, 0]);
      strip.update();
      assert.deepEqual(fixture.pixels(), [0xfe0000, 0xfe0000, 0xfe0000]);
    });

    it("sends green first unless told otherwise", () => {
      const strip = open({ length: 1 });
      strip.brightness = 255;
      assert.equal(strip.makeRGB(1, 2, 3), 0x020103);
      assert.equal(strip.makeRGB(0x101, 0x202, 0x303), 0x020103);
      strip.fill(strip.makeRGB(0x10, 0x20, 0x40));
      strip.update();
      assert.deepEqual(fixture.pixels(), [0x0f1f3f]);
      assert.equal(open({ order: "RGB" }).makeRGB(1, 2, 3), 0x010203);
    });

    it("is at a quarter of its brightness at first, and keeps that between 0 and 255", () => {
      const strip = open({ length: 1 });
      assert.equal(strip.brightness, 64);
      strip.fill(strip.makeRGB(0, 0, 200));
      strip.update();
      assert.deepEqual(fixture.pixels(), [50]);
      strip.brightness = 999;
      assert.equal(strip.brightness, 255);
      strip.brightness = -1;
      assert.equal(strip.brightness, 0);
    });

    it("goes dark when it is closed; twice does no harm", () => {
      const strip = open();
      strip.fill(strip.makeRGB(255, 255, 255));
      strip.update();
      assert.notDeepEqual(fixture.pixels(), [0, 0, 0]);
      strip.close();
      strip.close();
      assert.deepEqual(fixture.pixels(), [0, 0, 0]);
    });
  });
}
