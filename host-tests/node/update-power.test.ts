/**
 * Power cuts at every durable operation of an update, before, inside and after it. The oracle stands outside: the MCU
 * must end up with exactly the offered bytes, and never with anything else than these or its old ones.
 */

import { assert } from "chai";
import { Workbench, type WorkbenchOptions } from "../../host/peers/workbench.js";
import type { CutKind } from "../../host/sim/power.js";

const IMAGE_BYTES = 36_000; // two segments, the second one short
const KINDS: readonly CutKind[] = ["before", "torn", "after"];

function makeBench(prefetch: boolean, more: WorkbenchOptions = {}): Workbench {
  const bench = new Workbench({ imageBytes: IMAGE_BYTES, mcu: { prefetch }, powerReturnsAfterMs: 2_000, ...more });
  bench.start();
  return bench;
}

/** Durable operations of an update without a cut: [first, last]. */
function operationsOf(prefetch: boolean): [number, number] {
  const bench = makeBench(prefetch);
  const before = bench.device.power.operations;
  bench.offer();
  assert.equal(bench.awaitVerdict().kind, "succeeded");
  return [before + 1, bench.device.power.operations];
}

describe("a power cut during an update", () => {
  for (const prefetch of [true, false]) {
    for (const kind of KINDS) {
      it(`${kind} any durable operation leads to the offered bytes all the same (${prefetch ? "prefetched" : "direct"})`, () => {
        const [first, last] = operationsOf(prefetch);
        assert.isAbove(last - first, 4);
        for (let operation = first; operation <= last; operation++) {
          const what = `cut ${kind} operation ${operation} of ${first} to ${last}`;
          const bench = makeBench(prefetch);
          bench.device.power.plan({ operation, kind });
          offerUntilDone(bench, what);
          bench.runUntil(() => bench.cuts.length === 1, 600_000, `${what} (to strike)`);
          bench.runUntil(() => bench.device.boots === 2, 10_000, `${what}: the second boot`);
          assert.isTrue(bench.mcuRunsNewImage, what);
          assert.deepEqual([...bench.device.storage.chip.misuses], [], what);
        }
      });
    }
  }

  it("fetches at most one segment again", () => {
    const bench = makeBench(true);
    bench.offer();
    bench.runUntil(() => bench.count("fetched") === 1, 60_000, "the first segment");
    bench.device.powerOff();
    offerUntilDone(bench, "cut after the first segment");
    assert.deepEqual(
      bench.server.requests.map((request) => request.headers.get("range")),
      [undefined, "bytes=32724-"],
    );
    assert.isTrue(bench.mcuRunsNewImage);
  });

  it("while the MCU restarts leaves the verdict to its return", () => {
    const bench = makeBench(true, { mcu: { prefetch: true, bootMs: 5_000 } });
    bench.offer();
    bench.runUntil(() => bench.last("phase")?.phase === "returning", 600_000, "Finish");
    bench.device.powerOff();
    assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
    assert.equal(bench.device.boots, 2);
  });

  it("lets a boot loader fetch the rest and the MCU be saved, though it never initialized", () => {
    const bench = makeBench(true, { mcu: { prefetch: true, updatesInBootloader: true } });
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 5, 600_000, "some chunks");
    assert.isTrue(bench.mcu.isInBootloader);
    bench.device.powerOff();
    bench.runUntil(() => bench.mcuRunsNewImage, 600_000, "the MCU's new firmware");
    assert.equal(bench.server.requests.length, 1);
  });
});

/** The cloud offers again when Ferry seems to have forgotten, until the MCU runs what was offered. */
function offerUntilDone(bench: Workbench, what: string): void {
  for (let attempt = 0; attempt < 4 && !bench.mcuRunsNewImage; attempt++) {
    bench.runUntil(() => bench.device.ncp !== undefined, 10_000, `${what}: a boot`);
    try {
      bench.offer();
    } catch (error) {
      // The very offer may be what the cut strikes.
      if (bench.cuts.length === 0) throw error;
    }
    const limitMs = bench.clock.now() + 600_000;
    while (!bench.mcuRunsNewImage && bench.clock.step(limitMs));
  }
}
