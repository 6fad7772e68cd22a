import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { DeviceClock, SimCpu } from "../../host/sim/cpu.js";
import { describeClockContract, describeLateTimers } from "./contracts/clock.js";

describeClockContract("VirtualClock", () => {
  const clock = new VirtualClock();
  return { clock, pass: (durationMs) => clock.advance(durationMs) };
});

describeClockContract("DeviceClock", () => {
  const world = new VirtualClock();
  world.advance(1234);
  return { clock: new DeviceClock(world, new SimCpu(world)), pass: (durationMs) => world.advance(durationMs) };
});

describeLateTimers("DeviceClock", () => {
  const world = new VirtualClock();
  const cpu = new SimCpu(world);
  return {
    clock: new DeviceClock(world, cpu),
    pass: (durationMs) => world.advance(durationMs),
    hold: (durationMs) => cpu.run(() => cpu.spend(durationMs)),
  };
});

describe("VirtualClock", () => {
  let clock: VirtualClock;
  beforeEach(() => {
    clock = new VirtualClock();
  });

  it("jumps from timer to timer, and nowhere when none is due", () => {
    clock.set(() => {}, 10);
    clock.set(() => {}, 86_400_000);
    assert.isTrue(clock.step());
    assert.equal(clock.now(), 10);
    assert.isFalse(clock.step(1000));
    assert.equal(clock.now(), 10);
    assert.isTrue(clock.step());
    assert.equal(clock.now(), 86_400_000);
    assert.isFalse(clock.step());
  });

  it("counts the timers that are pending, and knows when the next is due", () => {
    const first = clock.set(() => {}, 5);
    clock.set(() => {}, 7);
    assert.deepEqual([clock.pending, clock.nextDueMs()], [2, 5]);
    clock.clear(first);
    assert.deepEqual([clock.pending, clock.nextDueMs()], [1, 7]);
    clock.step();
    assert.deepEqual([clock.pending, clock.nextDueMs()], [0, undefined]);
  });

  it("takes an absolute time, one in the past for now", () => {
    clock.advance(100);
    const times: number[] = [];
    clock.setAt(() => times.push(clock.now()), 150);
    clock.setAt(() => times.push(clock.now()), 50);
    clock.advance(100);
    assert.deepEqual(times, [100, 150]);
  });

  it("runs until a condition holds and no further", () => {
    let ticks = 0;
    const tick = () => {
      ticks++;
      clock.set(tick, 10);
    };
    clock.set(tick, 10);
    clock.runUntil(() => ticks === 3, 1000);
    assert.equal(clock.now(), 30);
  });

  it("says whether time ran out or everything fell silent", () => {
    clock.set(() => {}, 5);
    assert.throws(() => clock.runUntil(() => false, 1000, "the end"), /nothing is pending any more and the end/);
    const tick = () => {
      clock.set(tick, 10);
    };
    tick();
    assert.throws(() => clock.runUntil(() => false, 1000, "the end"), /1000 ms passed and the end/);
  });
});

describe("DeviceClock", () => {
  it("counts from the boot of its device", () => {
    const world = new VirtualClock();
    world.advance(5000);
    assert.equal(new DeviceClock(world, new SimCpu(world)).now(), 0);
  });

  it("runs ahead of the world while a task has charged work, and counts delays from there", () => {
    const world = new VirtualClock();
    const cpu = new SimCpu(world);
    const clock = new DeviceClock(world, cpu);
    let firedMs = -1;
    cpu.run(() => {
      cpu.spend(45);
      assert.equal(clock.now(), 45);
      clock.set(() => {
        firedMs = clock.now();
      }, 10);
    });
    world.advance(54.9);
    assert.equal(firedMs, -1);
    world.advance(0.2);
    assert.approximately(firedMs, 55, 1e-6);
  });

  it("fires a timer late when the processor is busy, and not at all when it was cleared meanwhile", () => {
    const world = new VirtualClock();
    const cpu = new SimCpu(world);
    const clock = new DeviceClock(world, cpu);
    const fired: string[] = [];
    clock.set(() => fired.push(`kept at ${clock.now()}`), 10);
    const cleared = clock.set(() => fired.push("cleared"), 10);
    cpu.run(() => cpu.spend(30));
    world.advance(20);
    clock.clear(cleared);
    world.advance(20);
    assert.deepEqual(fired, ["kept at 30"]);
  });

  it("fires nothing any more once its processor is dead", () => {
    const world = new VirtualClock();
    const cpu = new SimCpu(world);
    let fired = false;
    new DeviceClock(world, cpu).set(() => {
      fired = true;
    }, 10);
    cpu.kill();
    world.advance(20);
    assert.isFalse(fired);
  });
});
