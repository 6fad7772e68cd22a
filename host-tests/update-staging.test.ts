/** Where an update's image rests, end to end: in the passive app slot when the files are too small, and for how long. */

import { assert } from "chai";
import { makeFirmware } from "../host/peers/firmware.js";
import { FIRMWARE_PATH, NEW_FIRMWARE, SERVER_HOST, Workbench, type WorkbenchOptions } from "../host/peers/workbench.js";
import { SimStorage } from "../host/sim/storage.js";
import { PrefetchStatus } from "../src/rpc/protocol.js";
import { CHECKPOINT_BYTES } from "../src/store/slot-body.js";
import { sameBytes } from "./support/image-bench.js";
import { fillSlots, makeAppSlot, SECTOR_BYTES, SLOT_TABLE } from "./support/slot-bench.js";

const IMAGE_BYTES = CHECKPOINT_BYTES + 10_000;

/** A device whose files take 8148 bytes, and whose app slots hold two apps. */
function makeStorage(): SimStorage {
  const storage = new SimStorage({ partitions: SLOT_TABLE });
  fillSlots(storage);
  return storage;
}

function start(options: WorkbenchOptions = {}): Workbench {
  const bench = new Workbench({
    storage: makeStorage(),
    imageBytes: IMAGE_BYTES,
    mcu: { prefetch: true },
    powerReturnsAfterMs: 1_000,
    ...options,
  });
  bench.start();
  return bench;
}

function assertSucceeded(bench: Workbench): void {
  assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
  assert.isTrue(bench.mcuRunsNewImage);
  assert.deepEqual([...bench.mcu.violations], []);
  assertFerryUnharmed(bench);
}

function assertFerryUnharmed(bench: Workbench): void {
  const { storage } = bench.device;
  assert.isTrue(sameBytes(storage.peek("ota_0"), makeAppSlot(0)), "the running app is damaged");
  assert.deepEqual(storage.chip.misuses, []);
}

describe("an update whose image is too large for the files", () => {
  for (const prefetch of [true, false]) {
    it(`goes through the passive app slot (${prefetch ? "prefetched" : "direct"})`, () => {
      const bench = start({ mcu: { prefetch } });
      bench.offer();
      assertSucceeded(bench);
      const inPlace = bench.device.storage.peek("ota_1", SECTOR_BYTES, IMAGE_BYTES - SECTOR_BYTES);
      assert.isTrue(sameBytes(inPlace, bench.image.subarray(SECTOR_BYTES)), "the image is not in the slot");
      assert.equal(bench.server.requests.length, 1);
      assert.isBelow(bench.device.longestTaskMs, 100, "a ping waits no longer than that");
    });
  }

  it("is served from the slot while it still arrives", () => {
    const bench = start({ mcu: { prefetch: false }, network: { bytesPerSecond: 4_000 } });
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 3, 60_000, "some chunks");
    assert.isBelow(bench.last("fetched")?.bytes ?? IMAGE_BYTES, CHECKPOINT_BYTES);
    assertSucceeded(bench);
  });

  it("is fetched to its end though the MCU gave up on it, for the next offer", () => {
    const refusing = { prefetch: false, answersFalseAtChunk: { index: 2, times: 6 } };
    const bench = start({ mcu: refusing, network: { bytesPerSecond: 4_000 } });
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "failed");
    assert.isBelow(bench.last("fetched")?.bytes ?? IMAGE_BYTES, IMAGE_BYTES, "the download was over");
    bench.runUntil(() => bench.last("staged") !== undefined, 60_000, "the rest");
    bench.offer();
    assertSucceeded(bench);
    assert.equal(bench.server.requests.length, 1);
  });

  it("goes on after a power cut from the last checkpoint", () => {
    const bench = start();
    bench.offer();
    bench.runUntil(() => (bench.last("fetched")?.bytes ?? 0) > CHECKPOINT_BYTES + 5_000, 60_000, "a checkpoint");
    bench.device.powerOff();
    assertSucceeded(bench);
    assert.deepEqual(
      bench.server.requests.map(({ headers }) => headers.get("range")),
      [undefined, `bytes=${CHECKPOINT_BYTES}-`],
    );
  });

  it("is served to a boot loader after a reboot of Ferry, without another download", () => {
    const bench = start({ mcu: { prefetch: true, updatesInBootloader: true } });
    bench.offer();
    bench.runUntil(() => bench.count("ferried") > 5, 600_000, "some chunks");
    bench.device.powerOff();
    bench.runUntil(() => bench.mcuRunsNewImage, 600_000, "the MCU's new firmware");
    assert.equal(bench.server.requests.length, 1);
    assertFerryUnharmed(bench);
  });

  for (const [what, claim] of [
    ["is unconfirmed", (storage: SimStorage) => storage.selectBootSlot("ota_0")],
    ["is about to be replaced", (storage: SimStorage) => storage.selectBootSlot("ota_1")],
  ] as const) {
    it(`finds no place while Ferry's own app ${what}, and says so`, () => {
      const bench = start();
      claim(bench.device.storage);
      bench.offer();
      const verdict = bench.awaitVerdict();
      assert.equal(verdict.kind === "failed" && verdict.failure.cause, "no-space");
      assert.match(verdict.kind === "failed" ? verdict.failure.detail : "", /42768 bytes.*needed by Ferry itself/);
      bench.runUntil(() => bench.mcu.record.update.prefetchStatuses.length > 0, 1_000, "the answer");
      assert.deepEqual(bench.mcu.record.update.prefetchStatuses, [PrefetchStatus.FS_NO_SPACE]);
      assert.isTrue(sameBytes(bench.device.storage.peek("ota_1"), makeAppSlot(1)), "the slot was touched");
      assertFerryUnharmed(bench);
    });
  }

  it("finds its place when it is offered again after Ferry's app has proved itself", () => {
    const bench = start();
    bench.device.storage.selectBootSlot("ota_0");
    bench.offer();
    assert.equal(bench.awaitVerdict().kind, "failed");
    bench.device.storage.confirmBootSlot();
    bench.offer();
    assertSucceeded(bench);
  });

  it("replaces the one before, though that was good: there is room for one", () => {
    const bench = start();
    bench.offer();
    assertSucceeded(bench);
    const { storage } = bench.device;
    const secondSector = storage.partition("ota_1").offset / SECTOR_BYTES + 1;
    assert.equal(storage.wear.sectorErases[secondSector], 1);
    bench.offer({ version: "" }); // other content, for all that this offer says
    bench.runUntil(() => storage.wear.sectorErases[secondSector] === 2, 600_000, "the second staging");
    assert.equal(bench.server.requests.length, 2);
    assertFerryUnharmed(bench);
  });
});

describe("the MCU's last good image", () => {
  const SMALL = Object.freeze({ imageBytes: 3_000 });
  /** A digest that no image has: each such offer begins an image of its own, and fails. */
  const wrongOffer = (index: number) => ({ sha256: `${index}`.repeat(64), version: `${index}` });

  function offerWrongOnes(bench: Workbench, count: number): void {
    for (let index = 1; index <= count; index++) {
      bench.offer(wrongOffer(index));
      assert.equal(bench.awaitVerdict().kind, "failed");
    }
  }

  for (const restarts of [false, true]) {
    it(`outlasts any number of failed updates${restarts ? " and restarts of Ferry" : ""}`, () => {
      const bench = start({ storage: new SimStorage(), ...SMALL });
      bench.offer();
      assertVerdict(bench);
      for (let round = 0; round < 3; round++) {
        offerWrongOnes(bench, 4);
        if (!restarts) continue;
        bench.device.powerOff();
        bench.runUntil(() => bench.device.boots === round + 2 && bench.device.ncp !== undefined, 60_000, "a boot");
        bench.clock.advance(20_000);
      }
      const requests = bench.server.requests.length;
      bench.offer({ version: NEW_FIRMWARE.version });
      bench.clock.advance(60_000);
      assert.equal(bench.server.requests.length, requests, "it had to be fetched again");
      assert.isTrue(imagesOf(bench).some((bytes) => sameBytes(bytes, bench.image)));
    });
  }

  it("is the newest one that proved good", () => {
    const next = makeFirmware(SMALL.imageBytes, { ...NEW_FIRMWARE, version: "3.0.0" }, 2);
    const image = makeFirmware(SMALL.imageBytes, NEW_FIRMWARE);
    const files = { [FIRMWARE_PATH]: { bytes: image }, "/next.bin": { bytes: next } };
    const bench = start({ storage: new SimStorage(), image, server: { files } });
    bench.offer();
    assertVerdict(bench);
    bench.offer({ url: `http://${SERVER_HOST}/next.bin`, version: "3.0.0" });
    assertVerdict(bench);
    assert.lengthOf(imagesOf(bench), 2, "there is room for the one before");
    offerWrongOnes(bench, 4);
    const kept = imagesOf(bench);
    assert.isTrue(kept.some((bytes) => sameBytes(bytes, next)));
    assert.isFalse(kept.some((bytes) => sameBytes(bytes, image)));
  });

  function assertVerdict(bench: Workbench): void {
    assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
  }

  /** The contents of the images that consist of one segment. */
  function imagesOf(bench: Workbench): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let index = 0; index < 4; index++) {
      const bytes = bench.device.storage.files.peek(`images/${index}/0`);
      if (bytes) found.push(bytes);
    }
    return found;
  }
});
