/** Values on their way from the cloud to the MCU. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { PIN_CHANGE_BYTES_MAX, PIN_CHANGES_MAX, PinChanges } from "../src/wiring/pin-changes.js";

function makeQueue({ valueBytesMax = 232 } = {}) {
  const delivered: string[] = [];
  const line = { free: true, bytesNow: valueBytesMax };
  const pins = new PinChanges({
    mayDeliver: () => line.free,
    valueBytesMax: () => valueBytesMax,
    valueBytesNow: () => line.bytesNow,
    deliver: (vpin, value) => delivered.push(`${vpin}=${String.fromCharCode(...value)}`),
  });
  const add = (vpin: number, value: string) =>
    pins.add(
      vpin,
      Uint8Array.from(value, (letter) => letter.charCodeAt(0)),
    );
  return { pins, add, line, delivered };
}

describe("values for the MCU, while the line is free", () => {
  it("are delivered at once", () => {
    const { add, delivered } = makeQueue();
    add(1, "on");
    assert.deepEqual(delivered, ["1=on"]);
  });

  it("are counted and dropped when they are longer than the MCU can take", () => {
    const { pins, add, delivered } = makeQueue({ valueBytesMax: 10 });
    add(1, "x".repeat(11));
    add(1, "x".repeat(10));
    assert.lengthOf(delivered, 1);
    assert.equal(pins.counters.tooLong, 1);
  });
});

describe("values for the MCU, while the line is taken", () => {
  it("wait in their order, and go when it is free", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.free = false;
    add(1, "a");
    add(2, "b");
    add(1, "c");
    pins.pump();
    assert.deepEqual(delivered, []);
    line.free = true;
    pins.pump();
    assert.deepEqual(delivered, ["1=a", "2=b", "1=c"]);
  });

  it("go one by one when each takes the line", () => {
    const delivered: number[] = [];
    let free = 0;
    const pins = new PinChanges({
      mayDeliver: () => free-- > 0,
      valueBytesMax: () => 100,
      valueBytesNow: () => 100,
      deliver: (vpin) => delivered.push(vpin),
    });
    for (let vpin = 0; vpin < 3; vpin++) pins.add(vpin, Uint8Array.of(1));
    for (let round = 1; round <= 3; round++) {
      free = 1;
      pins.pump();
      assert.lengthOf(delivered, round);
    }
    assert.deepEqual(delivered, [0, 1, 2]);
  });

  it("are copies: the message that brought them is gone by then", () => {
    const { pins, line, delivered } = makeQueue();
    line.free = false;
    const value = Uint8Array.of(65);
    pins.add(1, value);
    value[0] = 66;
    line.free = true;
    pins.pump();
    assert.deepEqual(delivered, ["1=A"]);
  });

  it("give way to newer ones of the same pin first, and then to any, when there are too many", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.free = false;
    for (let vpin = 0; vpin < PIN_CHANGES_MAX; vpin++) add(vpin, "old");
    add(7, "new");
    add(1_000, "other");
    assert.equal(pins.waiting, PIN_CHANGES_MAX);
    assert.equal(pins.counters.dropped, 2);
    line.free = true;
    pins.pump();
    assert.notInclude(delivered, "7=old");
    assert.notInclude(delivered, "0=old");
    assert.deepEqual(delivered.slice(-2), ["7=new", "1000=other"]);
  });

  it("never take more memory than their bound, and each is delivered or counted", () => {
    const seed = 77;
    const random = new Random(seed);
    const { pins, line, delivered } = makeQueue({ valueBytesMax: 1_500 });
    line.free = false;
    for (let i = 0; i < 2_000; i++) {
      pins.add(random.below(100), new Uint8Array(random.below(1_600)).fill(65));
      assert.isAtMost(pins.waiting, PIN_CHANGES_MAX, `seed ${seed}`);
    }
    line.free = true;
    pins.pump();
    const { counters } = pins;
    assert.equal(counters.delivered + counters.dropped + counters.tooLong, 2_000);
    assert.isAbove(counters.tooLong, 0);
    assert.isAtMost(delivered.join("").length, PIN_CHANGE_BYTES_MAX + 4 * PIN_CHANGES_MAX);
  });

  it("keep the last of each pin when there are too many, whoever sends most", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.free = false;
    for (let vpin = 0; vpin < 10; vpin++) add(vpin, "last");
    for (let i = 0; i < 100; i++) add(20, `${i}`);
    assert.equal(pins.waiting, PIN_CHANGES_MAX);
    line.free = true;
    pins.pump();
    for (let vpin = 0; vpin < 10; vpin++) assert.include(delivered, `${vpin}=last`);
    assert.equal(delivered.at(-1), "20=99");
  });

  it("stay when the MCU restarts, the last of each pin", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.free = false;
    add(1, "a");
    add(2, "b");
    add(1, "c");
    pins.keepLast();
    line.free = true;
    pins.pump();
    assert.deepEqual(delivered, ["2=b", "1=c"]);
    assert.equal(pins.counters.dropped, 1);
  });

  it("are forgotten when the cloud is left", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.free = false;
    add(1, "a");
    pins.clear();
    line.free = true;
    pins.pump();
    assert.deepEqual(delivered, []);
  });
});

describe("values for the MCU, while it may have little room", () => {
  it("wait when they are long, and those of other pins pass them", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.bytesNow = 4;
    add(1, "long value");
    add(2, "on");
    assert.deepEqual(delivered, ["2=on"]);
    line.bytesNow = 232;
    pins.pump();
    assert.deepEqual(delivered, ["2=on", "1=long value"]);
  });

  it("never come after a newer one of their pin", () => {
    const { pins, add, line, delivered } = makeQueue();
    line.bytesNow = 4;
    add(1, "long value");
    add(1, "off");
    line.bytesNow = 232;
    pins.pump();
    assert.deepEqual(delivered, ["1=off"]);
    assert.equal(pins.counters.dropped, 1);
  });
});
