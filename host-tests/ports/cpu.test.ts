import { assert } from "chai";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { PowerCut } from "../../host/sim/power.js";

describe("SimCpu", () => {
  let clock: VirtualClock;
  let cpu: SimCpu;
  let log: string[];
  const note = (what: string) => () => {
    log.push(`${what} at ${clock.now()}`);
  };

  beforeEach(() => {
    clock = new VirtualClock();
    cpu = new SimCpu(clock);
    log = [];
  });

  it("runs a task at once when it is free", () => {
    cpu.run(note("task"));
    assert.deepEqual(log, ["task at 0"]);
  });

  it("delays later tasks by the work that earlier ones charged, and keeps their order", () => {
    cpu.run(() => {
      note("first")();
      cpu.spend(45);
    });
    cpu.run(() => {
      note("second")();
      cpu.spend(5);
    });
    cpu.run(note("third"));
    assert.deepEqual(log, ["first at 0"]);
    clock.advance(100);
    assert.deepEqual(log, ["first at 0", "second at 45", "third at 50"]);
  });

  it("adds up what one task charges", () => {
    cpu.run(() => {
      cpu.spend(10);
      cpu.spend(20);
      assert.equal(cpu.now(), 30);
    });
    cpu.run(note("next"));
    clock.advance(40);
    assert.deepEqual(log, ["next at 30"]);
  });

  it("runs a task given by another one after that one, never inside it", () => {
    cpu.run(() => {
      cpu.run(note("inner"));
      note("outer")();
    });
    assert.deepEqual(log, ["outer at 0", "inner at 0"]);
  });

  it("remembers the longest time that one task took", () => {
    cpu.run(() => cpu.spend(3));
    cpu.run(() => cpu.spend(45));
    cpu.run(() => cpu.spend(2));
    clock.advance(100);
    assert.equal(cpu.longestTaskMs, 45);
  });

  it("is idle again after the charged time, wherever the world's clock has gone meanwhile", () => {
    cpu.run(() => cpu.spend(10));
    clock.advance(100);
    cpu.run(note("later"));
    assert.deepEqual(log, ["later at 100"]);
    assert.equal(cpu.now(), 100);
  });

  it("drops waiting and new tasks when it is killed", () => {
    cpu.run(() => cpu.spend(10));
    cpu.run(note("waiting"));
    cpu.kill();
    cpu.run(note("new"));
    clock.advance(20);
    assert.isFalse(cpu.alive);
    assert.deepEqual(log, []);
  });

  it("dies of a power cut in a task, and lets every other exception through", () => {
    assert.throws(
      () =>
        cpu.run(() => {
          throw new Error("bug");
        }),
      "bug",
    );
    assert.isTrue(cpu.alive);
    cpu.run(note("after the bug"));
    cpu.run(() => {
      throw new PowerCut("cut");
    });
    assert.isFalse(cpu.alive);
    assert.deepEqual(log, ["after the bug at 0"]);
  });
});
