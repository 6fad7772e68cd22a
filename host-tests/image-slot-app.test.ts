/** An image in the passive slot that becomes an app: its first sector is written, and the rest is in place. */

import { assert } from "chai";
import { makeFerryImage } from "../host/peers/ferry-image.js";
import { SimFlash } from "../host/sim/flash.js";
import { SimUpdater } from "../host/sim/update.js";
import type { ImageStore, StagedImage } from "../src/store/image-store.js";
import type { SimBench } from "./ports/sim-bench.js";
import { makeContent, makeOffer, readAll, sameBytes, stage } from "./support/image-bench.js";
import {
  assertFerryUnharmed,
  makeSlotBench,
  openSlotStore,
  SECTOR_BYTES,
  SLOT_BYTES,
  SLOT_TABLE,
} from "./support/slot-bench.js";

const app = makeFerryImage({ version: "2.0.0", bytes: 60_000 });
const offer = makeOffer(app.length, { target: "ncp" });

function writeFirstSector(bench: SimBench, image: StagedImage): void {
  const update = new SimUpdater(bench.life).open({ partition: new SimFlash(bench.life).open({ path: "nextota" }) });
  const head = new Uint8Array(image.appBytes);
  image.read(head, 0);
  update.write(head);
  update.complete();
}

describe("An image that becomes an app", () => {
  it("is one as soon as its first sector is written", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const image = stage(store, offer, app);
    assert.deepEqual([image.place, image.appBytes], ["slot", SECTOR_BYTES]);
    store.yieldSlotTo(image);
    writeFirstSector(bench, image);
    assert.deepEqual(bench.storage.peek("ota_1", 0, app.length), app);
    assert.strictEqual(bench.storage.bootSlot, "ota_1");
    assertFerryUnharmed(bench);
  });

  it("is no app before, whatever a boot loader without otadata looks at", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const problemOf = () => bench.storage.problemOfApp(bench.storage.partition("ota_1"));
    const image = stage(store, offer, app);
    assert.strictEqual(problemOf(), "no image magic");
    store.yieldSlotTo(image);
    assert.strictEqual(problemOf(), "no image magic");
  });

  it("is as large as a slot can take, to its last byte", () => {
    const largest = makeFerryImage({ version: "2.0.0", bytes: SLOT_BYTES - SECTOR_BYTES });
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const image = stage(store, makeOffer(largest.length, { target: "ncp" }), largest);
    store.yieldSlotTo(image);
    writeFirstSector(bench, image);
    assert.deepEqual(bench.storage.peek("ota_1", 0, largest.length), largest);
  });

  it("is written whole where it lies among the files, and smaller than a sector anywhere", () => {
    const small = makeContent(900, 1);
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    assert.strictEqual(stage(store, makeOffer(900, { version: "files" }), small).appBytes, 900);
    assert.strictEqual(stage(store, makeOffer(900, { target: "ncp" }), small).appBytes, 900);
  });

  it("is found whole after a cut anywhere in its first sector, once the slot is its own", () => {
    for (const damage of ["erased", "half written"] as const) {
      const bench = makeSlotBench();
      const store = openSlotStore(bench.life);
      store.yieldSlotTo(stage(store, offer, app));
      const partition = new SimFlash(bench.life).open({ path: "nextota" });
      partition.eraseBlock(0, 1);
      if (damage === "half written") partition.write(app.slice(0, 1000), 0);
      const found = openSlotStore(bench.boot()).find(offer);
      assert.isDefined(found?.facts, damage);
      assert.isTrue(found !== undefined && sameBytes(readAll(found), app), damage);
    }
  });

  it("is forgotten like any other when its first sector is gone and the slot was never its own", () => {
    const bench = makeSlotBench();
    stage(openSlotStore(bench.life), offer, app);
    new SimFlash(bench.life).open({ path: "nextota" }).eraseBlock(0, 1);
    assert.isUndefined(openSlotStore(bench.boot()).find(offer));
  });

  /** The next life runs it, and has to prove it. */
  function becomeApp(partitions = SLOT_TABLE): { bench: ReturnType<typeof makeSlotBench>; onTrial: ImageStore } {
    const bench = makeSlotBench(partitions);
    const store = openSlotStore(bench.life);
    const image = stage(store, offer, app);
    store.yieldSlotTo(image);
    writeFirstSector(bench, image);
    const onTrial = openSlotStore(bench.boot());
    assert.strictEqual(bench.life.running, "ota_1");
    return { bench, onTrial };
  }

  it("is not to be had while it runs, and is whole again when the boot loader went back to the app before", () => {
    const { bench, onTrial } = becomeApp();
    assert.isUndefined(onTrial.find(offer));
    const small = stage(onTrial, makeOffer(900, { version: "files" }), makeContent(900, 1));
    assert.strictEqual(small.place, "files");
    const found = openSlotStore(bench.boot()).find(offer);
    assert.strictEqual(bench.life.running, "ota_0");
    assert.isDefined(found?.facts);
    assert.isTrue(found !== undefined && sameBytes(readAll(found), app));
  });

  it("gives its record up while it is on trial, where four other images need theirs", () => {
    const roomy = SLOT_TABLE.map((row) => (row.label === "storage" ? { ...row, size: 0x4_0000 } : row));
    const { bench, onTrial } = becomeApp(roomy);
    const offers = [1, 2, 3, 4].map((number) => makeOffer(900, { version: `${number}` }));
    for (const other of offers) stage(onTrial, other, makeContent(900, 1));
    const after = openSlotStore(bench.boot());
    assert.isUndefined(after.find(offer));
    for (const other of offers) assert.isDefined(after.find(other)?.facts, other.version);
  });

  it("is forgotten once it is confirmed, by the next image in its life or by the next life", () => {
    for (const isNextLife of [false, true]) {
      const { bench, onTrial } = becomeApp();
      bench.storage.confirmBootSlot();
      if (!isNextLife) stage(onTrial, makeOffer(900, { version: "files" }), makeContent(900, 1));
      const confirmed = openSlotStore(bench.boot());
      assert.strictEqual(bench.life.running, "ota_1");
      const large = makeContent(50_000, 3);
      const next = makeOffer(large.length, { target: "ncp" });
      assert.strictEqual(stage(confirmed, next, large).place, "slot");
      const later = openSlotStore(bench.boot());
      assert.isUndefined(later.find(offer));
      assert.isDefined(later.find(next)?.facts);
      assert.isTrue(sameBytes(bench.storage.peek("ota_1", 0, app.length), app), "the running app is damaged");
      assert.deepEqual(bench.storage.chip.misuses, []);
    }
  });

  it("makes another image in the slot go, and none among the files", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const large = makeContent(50_000, 3);
    const other = makeOffer(large.length, { version: "other" });
    stage(store, other, large);
    const small = makeFerryImage({ version: "2.0.0", bytes: 2_048 });
    const own = makeOffer(small.length, { version: "own" });
    const image = stage(store, own, small);
    assert.strictEqual(image.place, "files");
    store.yieldSlotTo(image);
    assert.isUndefined(store.find(other));
    const next = openSlotStore(bench.boot());
    assert.isUndefined(next.find(other));
    assert.strictEqual(next.find(own)?.place, "files");
  });

  it("leaves a place that the next image stamps again", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const image = stage(store, offer, app);
    store.yieldSlotTo(image);
    new SimFlash(bench.life).open({ path: "nextota" }).eraseBlock(0, 1);
    image.restart(undefined);
    image.append(app.slice(0, 40_000));
    const found = openSlotStore(bench.boot()).find(offer);
    assert.strictEqual(found?.readableBytes, 32_768);
    assert.isUndefined(found?.facts);
    assertFerryUnharmed(bench);
  });
});
