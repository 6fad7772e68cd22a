import { assert } from "chai";
import { SdkClock } from "../src/device/clock.js";

/** The SDK's modules "time" and "timer", with ticks that a test sets. */
class Chip {
  ticks = 0;
  readonly delays: number[] = [];
  readonly cleared: (number | undefined)[] = [];

  set(_: () => void, delayMs: number): number {
    return this.delays.push(delayMs);
  }

  clear(handle: number | undefined): void {
    this.cleared.push(handle);
  }
}

describe("The device's clock", () => {
  let chip: Chip;
  let clock: SdkClock<number>;

  beforeEach(() => {
    chip = new Chip();
    chip.ticks = 5_000;
    clock = new SdkClock(chip, chip);
  });

  it("counts from its start", () => {
    chip.ticks = 5_250;
    assert.equal(clock.now(), 250);
  });

  it("goes on when the ticks turn negative, after 24 days, and when they wrap, after 49", () => {
    for (const ticks of [0x7fff_ff00, 0x8000_0100 | 0, -1, 0x10]) {
      chip.ticks = ticks;
      clock.now();
    }
    assert.equal(clock.now(), 2 ** 32 + 0x10 - 5_000);
  });

  it("sees a wrap when nobody asks for the time, but timers are set", () => {
    for (const ticks of [0x7fff_ffff, -1, 0x10]) {
      chip.ticks = ticks;
      clock.set(() => {}, 1);
    }
    assert.equal(clock.now(), 2 ** 32 + 0x10 - 5_000);
  });

  it("has a timer wait for whole ticks, never less than asked", () => {
    for (const delayMs of [0, 0.2, 1, 7.5]) clock.set(() => {}, delayMs);
    assert.deepEqual(chip.delays, [0, 2, 2, 9]);
  });

  it("clears what it has set, and nothing", () => {
    clock.clear(clock.set(() => {}, 1));
    clock.clear(undefined);
    assert.deepEqual(chip.cleared, [1, undefined]);
  });
});
