/** When the MCU's last good image goes for a new one: only where the module could never hold both. */

import { assert } from "chai";
import { makeFirmware } from "../host/peers/firmware.js";
import { FIRMWARE_PATH, NEW_FIRMWARE, SERVER_HOST, Workbench } from "../host/peers/workbench.js";
import { DEFAULT_PARTITIONS, FILES_PARTITION, isSlot, SimStorage } from "../host/sim/storage.js";
import { PrefetchStatus } from "../src/rpc/protocol.js";
import { sameBytes } from "./support/image-bench.js";

const IMAGE_BYTES = 6_000;
/** Room for one image of that size among the files. */
const FILES_BLOCKS = 18;
const NEXT_PATH = "/next.bin";
const NEXT = Object.freeze({ ...NEW_FIRMWARE, version: "3.0.0" });

/** A device on which the first update has succeeded; the second one's image is on the server. */
function startUpdated({ slotBlocks = 64 } = {}): Workbench {
  const image = makeFirmware(IMAGE_BYTES, NEW_FIRMWARE, 1);
  const next = makeFirmware(IMAGE_BYTES, NEXT, 2);
  const partitions = DEFAULT_PARTITIONS.map((partition) => {
    if (partition.label === FILES_PARTITION) return { ...partition, size: FILES_BLOCKS * 4096 };
    return isSlot(partition) ? { ...partition, size: slotBlocks * 4096 } : partition;
  });
  const bench = new Workbench({
    storage: new SimStorage({ partitions }),
    image,
    server: { files: { [FIRMWARE_PATH]: { bytes: image }, [NEXT_PATH]: { bytes: next } } },
    mcu: { prefetch: true },
  });
  bench.start();
  bench.offer();
  assertSucceeded(bench);
  assert.isTrue(isKept(bench));
  return bench;
}

function offerNext(bench: Workbench): void {
  bench.offer({ url: `http://${SERVER_HOST}${NEXT_PATH}`, version: NEXT.version });
}

function assertSucceeded(bench: Workbench): void {
  assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
}

/** The first image is still there, among the files. */
function isKept(bench: Workbench): boolean {
  const { files } = bench.device.storage;
  return [0, 1, 2, 3].some((index) => sameBytes(files.peek(`images/${index}/0`) ?? new Uint8Array(0), bench.image));
}

describe("the MCU's last good image, when there is no room beside it among the files", () => {
  it("stays, and the new one goes into the passive app slot", () => {
    const bench = startUpdated();
    offerNext(bench);
    assertSucceeded(bench);
    assert.isTrue(isKept(bench));
    assert.equal(bench.mcu.running.firmware.version, NEXT.version);
  });

  it("stays also while Ferry itself needs the slot: the update fails, and says when it will not", () => {
    const bench = startUpdated();
    bench.device.storage.selectBootSlot("ota_0"); // an update of Ferry's that is not confirmed
    offerNext(bench);
    const verdict = bench.awaitVerdict();
    assert.equal(verdict.kind === "failed" && verdict.failure.cause, "no-space");
    assert.match(
      verdict.kind === "failed" ? verdict.failure.detail : "",
      /^no place for an image of 6000 bytes: beside the MCU's last good image.*own update is confirmed; offer/,
    );
    bench.runUntil(() => bench.mcu.record.update.prefetchStatuses.length > 1, 1_000, "the answer");
    assert.equal(bench.mcu.record.update.prefetchStatuses.at(-1), PrefetchStatus.FS_NO_SPACE);
    assert.isTrue(isKept(bench));
    bench.device.storage.confirmBootSlot();
    offerNext(bench);
    assertSucceeded(bench);
    assert.isTrue(isKept(bench));
  });

  it("goes where the module could never hold both: otherwise that would have been its last update", () => {
    const bench = startUpdated({ slotBlocks: 2 });
    offerNext(bench);
    assertSucceeded(bench);
    assert.isFalse(isKept(bench));
    bench.offer();
    assertSucceeded(bench);
  });
});
