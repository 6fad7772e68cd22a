/**
 * The simulated device and the builds of Ferry in its app slots: a reboot goes through the boot loader, and what the
 * build there does decides what comes next.
 */

import { assert } from "chai";
import { makeFerryImage } from "../host/peers/ferry-image.js";
import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import { NothingToBoot } from "../host/sim/bootloader.js";
import { type BuildBehavior, PANIC_MS, type RunningApp, WATCHDOG_MS } from "../host/sim/device.js";
import { SimStorage } from "../host/sim/storage.js";
import { FERRY_VERSION } from "../src/ncp.js";

const OLD = "1.0.0";
const NEW = "2.0.0";
/** From one app's start to the next: reset, two writes of the boot loader, the engine. */
const REBOOT_MS = 500;

/** A device whose passive slot holds a new build, about to boot, that does as it is told. */
function makeBench(behaviorOfNew: BuildBehavior, options: WorkbenchOptions = {}) {
  const storage = new SimStorage({ app: makeFerryImage({ version: OLD }) });
  storage.chip.preset(makeFerryImage({ version: NEW, projectName: "ferry-two" }), storage.partition("ota_1").offset);
  storage.selectBootSlot("ota_0");
  storage.confirmBootSlot();
  storage.selectBootSlot("ota_1");
  const started: RunningApp[] = [];
  const bench = new Workbench({
    storage,
    ...options,
    build: (app) => {
      started.push(app);
      return app.version === NEW ? behaviorOfNew : {};
    },
  });
  const versions = () => started.map(({ version }) => version);
  return { bench, started, versions };
}

/** What the MCU is told when it asks for Ferry's version, once the two have met. */
function askVersion(bench: Workbench): string {
  let answer: string | undefined;
  bench.mcu.powerOn();
  bench.runUntil(() => bench.last("initialized") !== undefined);
  bench.mcu.call("blynk.getNcpVersion", {}, ({ results }) => {
    answer = results.version;
  });
  bench.runUntil(() => answer !== undefined);
  return answer ?? "";
}

describe("A simulated device with a new build in its slot", () => {
  it("starts what the boot loader chose, and says what that is", () => {
    const { bench, started } = makeBench({});
    bench.device.powerOn();
    const told = askVersion(bench);
    const app = { slot: "ota_1", version: NEW, projectName: "ferry-two" };
    assert.deepEqual(started, [app]);
    assert.deepEqual(bench.device.running, app);
    assert.equal(told, NEW);
  });

  it("gives it one boot, unless it is confirmed", () => {
    for (const isConfirmed of [false, true]) {
      const { bench, versions } = makeBench({});
      bench.device.powerOn();
      bench.runUntil(() => bench.device.running !== undefined);
      if (isConfirmed) bench.device.storage.confirmBootSlot();
      bench.device.restart();
      assert.isUndefined(bench.device.running);
      bench.runUntil(() => bench.device.running !== undefined);
      assert.deepEqual(versions(), [NEW, isConfirmed ? NEW : OLD]);
    }
  });

  for (const [behavior, restartsAfterMs] of [
    ["crash", PANIC_MS],
    ["hang", WATCHDOG_MS],
  ] as const) {
    it(`goes back to the old one by itself after a ${behavior}`, () => {
      const { bench, versions } = makeBench(behavior);
      bench.device.powerOn();
      bench.runUntil(() => bench.device.running !== undefined);
      const startedMs = bench.clock.now();
      assert.isUndefined(bench.device.ncp);
      bench.runUntil(() => bench.device.ncp !== undefined);
      assert.deepEqual(versions(), [NEW, OLD]);
      assert.approximately(bench.clock.now() - startedMs, restartsAfterMs + REBOOT_MS, 200);
      assert.equal(askVersion(bench), OLD);
      assert.equal(bench.device.boots, 2);
    });
  }

  it("does not restart for a crash once its power is gone", () => {
    const { bench, versions } = makeBench("hang");
    bench.powerOn();
    bench.runUntil(() => bench.device.running !== undefined);
    bench.device.powerOff();
    assert.isUndefined(bench.device.running);
    bench.clock.advance(2 * WATCHDOG_MS);
    assert.deepEqual(versions(), [NEW]);
    bench.device.powerOn();
    bench.runUntil(() => bench.device.running !== undefined);
    assert.deepEqual(versions(), [NEW, OLD]);
  });

  it("lets it have parts of its own, before those of the device", () => {
    const BAUD = 9600;
    const { bench } = makeBench({ initialBaud: BAUD }, { overrides: { initialBaud: 115_200 } });
    bench.powerOn();
    bench.runUntil(() => bench.device.ncp !== undefined);
    assert.equal(bench.device.ncp?.baud, BAUD);
    bench.device.restart();
    bench.runUntil(() => bench.device.ncp !== undefined);
    assert.equal(bench.device.ncp?.baud, 115_200);
  });

  it("starts later when the boot loader has something to write", () => {
    const { bench } = makeBench({});
    const startOf = (boot: () => void): number => {
      const beganMs = bench.clock.now();
      boot();
      bench.runUntil(() => bench.device.running !== undefined);
      return bench.clock.now() - beganMs;
    };
    const firstMs = startOf(() => bench.device.powerOn());
    bench.device.storage.confirmBootSlot();
    const secondMs = startOf(() => bench.device.restart());
    assert.approximately(firstMs - secondMs, 45 + 0.7, 1e-6);
  });

  it("may lose its power in the boot loader, and boots what is left", () => {
    for (const [operation, next] of [
      [1, NEW],
      [2, OLD],
    ] as const) {
      const { bench, versions } = makeBench({}, { powerReturnsAfterMs: 1_000 });
      bench.device.power.plan({ operation, kind: "before" });
      bench.start();
      assert.deepEqual(versions(), [next], `operation ${operation}`);
      assert.deepEqual(bench.cuts, [`boot loader ${operation === 1 ? "erase" : "program"} #${operation}`]);
    }
  });

  it("is a brick without a whole app, and says so", () => {
    const { bench } = makeBench({});
    for (const { offset } of bench.device.storage.slots()) bench.device.storage.chip.preset(Uint8Array.of(0), offset);
    bench.powerOn();
    assert.throws(() => bench.clock.advance(1_000), NothingToBoot, "no image magic");
    assert.isUndefined(bench.device.running);
  });
});

describe("A simulated device from the cable", () => {
  it("runs the Ferry of this source tree, under its own version", () => {
    const bench = new Workbench();
    bench.device.powerOn();
    assert.equal(askVersion(bench), FERRY_VERSION);
    assert.deepEqual(bench.device.running, { slot: "ota_0", version: "", projectName: "ferry" });
    assert.equal(bench.device.storage.bootSlot, "ota_0");
    assert.isTrue(bench.device.storage.bootSlotIsConfirmed);
  });
});
