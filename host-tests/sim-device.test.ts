/** The simulated device around Ferry: what the world learns of a life, and of one that has ended. */

import { assert } from "chai";
import { healthyMcu } from "../host/peers/mcu-behavior.js";
import { Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import type { BuildBehavior } from "../host/sim/device.js";

const IMAGE_BYTES = 40_000;

function makeBench(options: WorkbenchOptions = {}): Workbench {
  return new Workbench({ mcu: { ...healthyMcu, prefetch: true }, imageBytes: IMAGE_BYTES, ...options });
}

/** Durable operations of an update, from the offer on. */
function countOperations(): number {
  const bench = makeBench();
  bench.start();
  const before = bench.device.power.operations;
  bench.offer();
  bench.awaitVerdict();
  return bench.device.power.operations - before;
}

describe("A simulated device", () => {
  it("counts the bytes that Ferry has downloaded", () => {
    const bench = makeBench();
    bench.start();
    bench.offer();
    assert.strictEqual(bench.device.downloadedBytes, 0);
    bench.awaitVerdict();
    assert.strictEqual(bench.device.downloadedBytes, IMAGE_BYTES);
  });

  it("counts what was downloaded twice twice", () => {
    const bench = makeBench({ powerReturnsAfterMs: 1000, server: {} });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.device.downloadedBytes > 10_000);
    bench.device.powerOff();
    bench.awaitVerdict();
    assert.lengthOf(bench.cuts, 1);
    assert.isAbove(bench.device.downloadedBytes, IMAGE_BYTES + 10_000);
  });

  it("is silent from the very operation at which its power fails", () => {
    const operations = countOperations();
    assert.isAbove(operations, 5);
    for (let operation = 1; operation <= operations; operation++) {
      let heardOfTheDead = 0;
      const bench: Workbench = makeBench({
        onNews: () => {
          if (!bench.device.power.on) heardOfTheDead++;
        },
      });
      bench.start();
      bench.device.power.plan({ operation: bench.device.power.operations + operation, kind: "after" });
      bench.device.run((ncp) => ncp.offer(bench.makeOffer()));
      bench.runUntil(() => bench.cuts.length > 0, 600_000, `cut ${operation}`);
      bench.clock.advance(10_000);
      assert.strictEqual(heardOfTheDead, 0, `after ${bench.cuts[0]}`);
      assert.isUndefined(bench.device.ncp);
    }
  });

  it("tells each life why it began, as an ESP32 does", () => {
    const told: string[] = [];
    const builds: BuildBehavior[] = [{}, {}, {}, "crash", "hang", {}, {}];
    const bench = makeBench({
      build: () => {
        told.push(bench.device.resetReason);
        return builds[told.length - 1] ?? {};
      },
    });
    const { device } = bench;
    const awaitBoot = (count: number) => bench.runUntil(() => told.length === count && device.running !== undefined);
    device.powerOn();
    awaitBoot(1);
    device.restart(100); // by its pin
    awaitBoot(2);
    bench.mcu.powerOn();
    bench.runUntil(() => bench.last("initialized") !== undefined);
    bench.mcu.call("ncp.reboot", {}, () => {});
    awaitBoot(3);
    device.restart(0, "brownout");
    awaitBoot(6);
    device.powerOff();
    device.powerOn();
    awaitBoot(7);
    assert.deepEqual(told, ["power", "power", "software", "brownout", "crash", "watchdog", "power"]);
  });

  it("knows its last verdict again after a reboot, and none while an update is under way", () => {
    const bench = makeBench();
    bench.start();
    assert.isUndefined(bench.device.ncp?.verdict);
    bench.offer();
    assert.isUndefined(bench.device.ncp?.verdict);
    const verdict = bench.awaitVerdict();
    assert.deepEqual(bench.device.ncp?.verdict, verdict);
    bench.device.restart();
    bench.runUntil(() => bench.device.ncp !== undefined);
    assert.deepEqual(bench.device.ncp?.verdict, verdict);
  });
});
