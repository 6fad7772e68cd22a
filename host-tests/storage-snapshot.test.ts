import { assert } from "chai";
import { Workbench } from "../host/peers/workbench.js";
import { DEFAULT_PARTITIONS, SimStorage } from "../host/sim/storage.js";
import { restoreSnapshot, takeSnapshot } from "../host/sim/storage-snapshot.js";

const SLOT_BYTES = 1 << 21;

describe("A snapshot of a simulated chip", () => {
  /** A bench whose image is staged, and whose MCU has not taken it yet. */
  function stagedBench(imageBytes: number): Workbench {
    const bench = new Workbench({ imageBytes, mcu: { prefetch: true, slotBytes: SLOT_BYTES } });
    bench.start();
    bench.offer();
    bench.runUntil(() => bench.last("staged") !== undefined);
    return bench;
  }

  function copyOf(storage: SimStorage): SimStorage {
    const copy = new SimStorage();
    restoreSnapshot(takeSnapshot(storage), copy);
    return copy;
  }

  for (const [place, imageBytes] of [
    ["among the files", 20_082],
    ["in an app slot", 1_200_000],
  ] as const) {
    it(`lets another device go on with an image that is staged ${place}`, () => {
      const { device, image } = stagedBench(imageBytes);
      const later = new Workbench({ image, storage: copyOf(device.storage), mcu: { slotBytes: SLOT_BYTES } });
      later.powerOn();
      assert.deepEqual(later.awaitVerdict(), { kind: "succeeded", proof: "version" });
      assert.isTrue(later.mcuRunsNewImage);
      assert.lengthOf(later.server.requests, 0);
    });
  }

  it("equals what it was restored to, wear and all", () => {
    const { storage } = stagedBench(20_082).device;
    const copy = copyOf(storage);
    assert.deepEqual(takeSnapshot(copy), takeSnapshot(storage));
    assert.deepEqual(copy.wear, storage.wear);
    assert.isAbove(copy.wear.bytesProgrammed, 20_082);
  });

  it("does not change with the storage that it was taken of", () => {
    const bench = stagedBench(20_082);
    const snapshot = takeSnapshot(bench.device.storage);
    const before = JSON.stringify(snapshot);
    assert.strictEqual(bench.awaitVerdict().kind, "succeeded");
    assert.notStrictEqual(JSON.stringify(takeSnapshot(bench.device.storage)), before);
    assert.strictEqual(JSON.stringify(snapshot), before);
  });

  it("leaves nothing of what was there", () => {
    const used = stagedBench(1_200_000).device.storage;
    const fresh = new SimStorage();
    restoreSnapshot(takeSnapshot(fresh), used);
    assert.deepEqual(takeSnapshot(used), takeSnapshot(fresh));
  });

  it("is refused by a chip with another partition table", () => {
    const partitions = DEFAULT_PARTITIONS.filter(({ label }) => label !== "phy_init");
    const snapshot = takeSnapshot(new SimStorage());
    assert.throws(() => restoreSnapshot(snapshot, new SimStorage({ partitions })), "another partition table");
    assert.throws(() => restoreSnapshot(snapshot, new SimStorage({ chipBytes: 0x80_0000 })), "another partition table");
  });
});
