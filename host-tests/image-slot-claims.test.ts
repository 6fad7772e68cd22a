/** The passive app slot belongs to Ferry: what keeps images out of it, and what makes one there be forgotten. */

import { assert } from "chai";
import { buildEspImage } from "../host/sim/esp-image.js";
import { mountFiles } from "../host/sim/files.js";
import { SimFlash } from "../host/sim/flash.js";
import { SimKeyValue } from "../host/sim/key-value.js";
import { sectorErasesTotal } from "../host/sim/nor.js";
import { SimUpdater } from "../host/sim/update.js";
import { crc32 } from "../src/base/crc.js";
import { RecordSlot } from "../src/store/record-slot.js";
import { CHECKPOINT_BYTES } from "../src/store/slot-body.js";
import type { SimBench } from "./ports/sim-bench.js";
import {
  appendRest,
  create,
  makeContent,
  makeFacts,
  makeOffer,
  openStore,
  readAll,
  sameBytes,
  stage,
} from "./support/image-bench.js";
import {
  assertFerryUnharmed,
  keysOf,
  makeAppSlot,
  makeSlotBench,
  openSlotStore,
  SECTOR_BYTES,
  SLOT_BYTES,
  SLOT_TABLE,
} from "./support/slot-bench.js";

const content = makeContent(2 * CHECKPOINT_BYTES + 5000, 1);
const offer = makeOffer(content.length);

/** A whole image in the slot, at rest. */
function makeStaged(): SimBench {
  const bench = makeSlotBench();
  stage(openSlotStore(bench.life), offer, content);
  return bench;
}

describe("A slot that Ferry itself needs", () => {
  const needs: readonly (readonly [what: string, begin: (bench: SimBench) => void])[] = [
    [
      "to go back to, because the running app has yet to prove itself",
      (bench) => {
        bench.storage.selectBootSlot("ota_1");
        bench.boot();
      },
    ],
    ["because it boots next", (bench) => bench.storage.selectBootSlot("ota_1")],
  ];
  for (const [what, begin] of needs) {
    it(`takes no image (${what})`, () => {
      const bench = makeSlotBench();
      begin(bench);
      const store = openSlotStore(bench.life);
      const operations = bench.operations(() => assert.isUndefined(store.create(offer, [])));
      assert.strictEqual(operations, 0);
      assert.strictEqual(store.create(makeOffer(1000), [])?.place, "files", "the files are not concerned");
      for (const [index, { label }] of bench.storage.slots().entries()) {
        assert.isTrue(sameBytes(bench.storage.peek(label), makeAppSlot(index)), label);
      }
    });
  }

  it("takes images again when the running app has proved itself, and then the other slot", () => {
    const bench = makeSlotBench();
    bench.storage.selectBootSlot("ota_1");
    const store = openSlotStore(bench.boot());
    assert.isUndefined(store.create(offer, []));
    bench.storage.confirmBootSlot();
    const image = stage(store, offer, content);
    assert.isTrue(sameBytes(readAll(image), content));
    const inPlace = bench.storage.peek("ota_0", SECTOR_BYTES, content.length - SECTOR_BYTES);
    assert.isTrue(sameBytes(inPlace, content.subarray(SECTOR_BYTES)));
    assertFerryUnharmed(bench);
  });

  it("is not erased any further once it is needed", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    image.append(content.subarray(0, 2 * SECTOR_BYTES));
    bench.storage.selectBootSlot("ota_1");
    const erases = sectorErasesTotal(bench.storage.wear);
    assert.throws(() => image.append(content.subarray(2 * SECTOR_BYTES, 3 * SECTOR_BYTES)), "needed by Ferry itself");
    assert.strictEqual(sectorErasesTotal(bench.storage.wear), erases);
  });

  it("is none at all on a chip with a single slot", () => {
    const bench = makeSlotBench(SLOT_TABLE.filter(({ label }) => label !== "ota_1"));
    assert.isUndefined(openSlotStore(bench.life).create(offer, []));
    assertFerryUnharmed(bench);
  });
});

describe("A store that starts with an image in the slot", () => {
  const forgets: readonly (readonly [what: string, change: (bench: SimBench) => void])[] = [
    ["the slot runs", (bench) => putApp(bench, 1)],
    [
      "an update of Ferry went through the slot and was rolled back",
      (bench) => {
        writeApp(bench).complete();
        bench.storage.selectBootSlot("ota_0");
        bench.storage.confirmBootSlot();
      },
    ],
    ["an update of Ferry has begun in the slot", (bench) => writeApp(bench)],
    ["its first sector is erased", (bench) => eraseSlot(bench, 1)],
    ["the whole slot is erased", (bench) => eraseSlot(bench, SLOT_BYTES / SECTOR_BYTES)],
    [
      "its progress is lost",
      (bench) => {
        for (const key of ["slot.a", "slot.b"]) bench.storage.keyValues.domains.get("ferry")?.delete(key);
      },
    ],
    [
      "its progress is damaged",
      (bench) => {
        for (const key of ["slot.a", "slot.b"])
          bench.storage.keyValues.domains.get("ferry")?.set(key, new Uint8Array(22));
      },
    ],
    [
      "its record is lost",
      (bench) => {
        for (const key of ["image0.a", "image0.b"]) bench.storage.keyValues.domains.get("ferry")?.delete(key);
      },
    ],
  ];
  for (const [what, change] of forgets) {
    it(`forgets it when ${what}, and writes nothing there for that`, () => {
      const bench = makeStaged();
      change(bench);
      const life = bench.boot();
      const wear = bench.power.counts.get("flash erase") ?? 0;
      const store = openSlotStore(life);
      assert.isUndefined(store.find(offer));
      assert.strictEqual(bench.power.counts.get("flash erase") ?? 0, wear);
      assert.deepEqual(keysOf(bench), []);
      assert.deepEqual(bench.storage.chip.misuses, []);
    });
  }

  it("forgets it when the slot has another size, or there is no way to the slots", () => {
    const bench = makeStaged();
    const moved = SLOT_TABLE.map((row) => (row.label === "ota_1" ? { ...row, size: SLOT_BYTES - SECTOR_BYTES } : row));
    const resized = makeSlotBench(moved);
    for (const [key, value] of bench.storage.keyValues.domains.get("ferry") ?? []) {
      new SimKeyValue(resized.life).open({ path: "ferry" }).write(key, value);
    }
    const slot = bench.storage.partition("ota_1").offset;
    resized.storage.chip.preset(bench.storage.peek("ota_1", 0, SLOT_BYTES - SECTOR_BYTES), slot);
    assert.isUndefined(openSlotStore(resized.boot()).find(offer));
    assert.isUndefined(openStore(bench.boot()).find(offer));
    assert.deepEqual(keysOf(bench), []);
  });

  it("does not count the progress of another image", () => {
    const bench = makeSlotBench();
    const size = 5 * SECTOR_BYTES;
    stage(openSlotStore(bench.life), makeOffer(size, { version: "other" }), makeContent(size, 5));
    const progress = new Map(bench.storage.keyValues.domains.get("ferry"));
    create(openSlotStore(bench.boot()), offer);
    for (const key of ["slot.a", "slot.b"]) {
      const value = progress.get(key);
      if (value) bench.storage.keyValues.domains.get("ferry")?.set(key, value);
    }
    assert.strictEqual(openSlotStore(bench.boot()).find(offer)?.readableBytes, 0);
  });

  it("does not count progress that it never made", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    image.append(content.subarray(0, CHECKPOINT_BYTES));
    const promise = (body: Uint8Array) => {
      const domain = new SimKeyValue(bench.boot()).open({ path: "ferry" });
      new RecordSlot({ domain, name: "slot", crc32 }).write(body);
    };
    for (const [bytes, counting] of [
      [SECTOR_BYTES, SECTOR_BYTES],
      [SECTOR_BYTES + 1, 0],
      [content.length, content.length],
      [content.length + 1, 0],
      [100 * SECTOR_BYTES, 0],
    ] as const) {
      promise(new Uint8Array(new Uint32Array([1, bytes]).buffer));
      assert.strictEqual(openSlotStore(bench.boot()).find(offer)?.readableBytes, counting, `${bytes} bytes`);
    }
    promise(new Uint8Array([1, 0, 0, 0, 0, 16, 0]));
    assert.strictEqual(openSlotStore(bench.boot()).find(offer)?.readableBytes, 0, "half a number");
  });

  it("forgets it when another slot is the passive one, though that once had an image as well", () => {
    const bench = makeStaged();
    bench.storage.chip.preset(bench.storage.peek("ota_1"), bench.storage.partition("ota_0").offset);
    putApp(bench, 1);
    assert.isUndefined(openSlotStore(bench.boot()).find(offer));
  });

  it("deletes a body among the files that bears its number", () => {
    const bench = makeStaged();
    const blocks = bench.storage.files.blocksUsed();
    mountFiles(bench.boot()).createDirectory("images/0");
    assert.isDefined(openSlotStore(bench.boot()).find(offer));
    assert.strictEqual(bench.storage.files.blocksUsed(), blocks);
  });

  it("goes on where the last promise ends, and erases nothing that counts", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    image.restart('"one"');
    image.append(content.subarray(0, CHECKPOINT_BYTES + 11_000));
    assert.isAbove(image.readableBytes, CHECKPOINT_BYTES, "this life reads what it wrote");
    const again = openSlotStore(bench.pullPlug()).find(offer);
    assert.deepEqual([again?.readableBytes, again?.appendedBytes], [CHECKPOINT_BYTES, CHECKPOINT_BYTES]);
    if (again) appendRest(again, content, 1024);
    assert.isTrue(again !== undefined && sameBytes(readAll(again), content));
    const first = bench.storage.partition("ota_1").offset / SECTOR_BYTES;
    const erases = [...bench.storage.wear.sectorErases.subarray(first, first + 12)];
    assert.deepEqual(
      erases,
      [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1],
      "stamp, seven that counted, three that did not, new",
    );
    assertFerryUnharmed(bench);
  });

  it("takes the image for one under way when the record of its completion is damaged", () => {
    const bench = makeStaged();
    const domain = new SimKeyValue(bench.life).open({ path: "ferry" });
    const newest = ["image0.a", "image0.b"].filter((key) => (domain.read(key)?.byteLength ?? 0) > 300);
    assert.lengthOf(newest, 1);
    for (const key of newest) domain.write(key, new Uint8Array(50));
    const image = openSlotStore(bench.boot()).find(offer);
    assert.isUndefined(image?.facts);
    assert.strictEqual(image?.readableBytes, content.length, "nothing has to be fetched again");
    image?.complete(makeFacts(content.length));
    assert.isDefined(openSlotStore(bench.boot()).find(offer)?.facts);
  });
});

/** Writes a whole app into the passive slot, as Ferry's own update does, and does not make it boot. */
function writeApp(bench: SimBench) {
  const life = bench.boot();
  const update = new SimUpdater(life).open({ partition: new SimFlash(life).open({ path: "nextota" }) });
  update.write(buildEspImage({ segments: [makeContent(20_000, 4)] }));
  return update;
}

/** Has another app in the slot of this index, and boots it next. */
function putApp({ storage }: SimBench, index: number): void {
  for (const { label, offset } of storage.slots().slice(index, index + 1)) {
    storage.chip.preset(makeAppSlot(index), offset);
    storage.selectBootSlot(label);
  }
}

function eraseSlot(bench: SimBench, sectors: number): void {
  new SimFlash(bench.boot()).open({ path: "nextota" }).eraseBlock(0, sectors);
}
