/** Images in the passive app slot: what is written there and when, and all that keeps them out of it. */

import { assert } from "chai";
import { buildEspImage, checkEspImage } from "../host/sim/esp-image.js";
import { SimFlash } from "../host/sim/flash.js";
import { sectorErasesTotal } from "../host/sim/nor.js";
import type { FlashPartition } from "../src/ports.js";
import { CHECKPOINT_BYTES } from "../src/store/slot-body.js";
import type { SimBench } from "./ports/sim-bench.js";
import { appendRest, create, makeContent, makeOffer, readAll, sameBytes, stage } from "./support/image-bench.js";
import {
  assertFerryUnharmed,
  keysOf,
  makeSlotBench,
  openSlotStore,
  SECTOR_BYTES,
  SLOT_BYTES,
  slotPorts,
} from "./support/slot-bench.js";

const SLICE_BYTES = 1024;
const content = makeContent(2 * CHECKPOINT_BYTES + 5000, 1);
const offer = makeOffer(content.length);

/** A whole image in the slot, at rest. */
function makeStaged(): SimBench {
  const bench = makeSlotBench();
  stage(openSlotStore(bench.life), offer, content);
  return bench;
}

describe("An image that is too large for the files", () => {
  it("rests in the passive slot, and is found there after reboots at no durable operation", () => {
    const bench = makeStaged();
    for (let boots = 0; boots < 3; boots++) {
      const life = bench.boot();
      const operations = bench.operations(() => {
        const image = openSlotStore(life).find(offer);
        assert.strictEqual(image?.place, "slot");
        assert.strictEqual(image?.facts?.crc32, 0x1234_5678);
        assert.strictEqual(image?.validator, '"one"');
        assert.isTrue(image !== undefined && sameBytes(readAll(image), content));
      });
      assert.strictEqual(operations, 0);
    }
    assertFerryUnharmed(bench);
  });

  it("leaves the files to others", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const small = makeOffer(3000, { version: "small" });
    stage(store, small, makeContent(3000, 2));
    const blocks = bench.storage.files.blocksUsed();
    stage(store, offer, content);
    assert.strictEqual(bench.storage.files.blocksUsed(), blocks);
    const next = openSlotStore(bench.boot());
    assert.deepEqual([next.find(small)?.place, next.find(offer)?.place], ["files", "slot"]);
  });

  it("is joined of pieces of any size, and readable page by page", () => {
    for (const pieceBytes of [1, 255, 256, 257, SLICE_BYTES, 1437, SECTOR_BYTES + 1]) {
      const bench = makeSlotBench();
      const size = pieceBytes < 200 ? 9000 : content.length;
      const image = create(openSlotStore(bench.life), makeOffer(size));
      for (let at = 0; at < size; at = image.appendedBytes) {
        image.append(content.subarray(at, Math.min(size, at + pieceBytes)));
        const { appendedBytes, readableBytes } = image;
        assert.strictEqual(readableBytes, appendedBytes === size ? size : appendedBytes - (appendedBytes % 256));
      }
      assert.isTrue(sameBytes(readAll(image), content.subarray(0, size)), `pieces of ${pieceBytes} bytes`);
      assertFerryUnharmed(bench);
    }
  });

  it("says how far the next checkpoint is, and leaves erased what follows its end", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    for (const [appended, room] of [
      [0, CHECKPOINT_BYTES],
      [1000, CHECKPOINT_BYTES - 1000],
      [CHECKPOINT_BYTES, CHECKPOINT_BYTES],
      [2 * CHECKPOINT_BYTES - 1, 1],
      [2 * CHECKPOINT_BYTES, 5000],
      [content.length, 0],
    ] as const) {
      image.append(content.subarray(image.appendedBytes, appended));
      assert.strictEqual(image.roomBytes, room, `${appended} bytes`);
    }
    const lastSectorBytes = SECTOR_BYTES - (content.length % SECTOR_BYTES);
    const rest = bench.storage.peek("ota_1", content.length, lastSectorBytes);
    assert.isTrue(rest.every((byte) => byte === 0xff));
  });

  it("is read from anywhere, and not beyond its end", () => {
    const bench = makeStaged();
    const image = openSlotStore(bench.boot()).find(offer);
    const end = content.length;
    for (const [offset, length] of [
      [0, 1],
      [4095, 2],
      [17, 40_000],
      [end - 1, 1],
      [end - 5, 9],
      [end, 3],
      [end + 4, 3],
    ] as const) {
      const buffer = new Uint8Array(length);
      const expected = content.subarray(offset, offset + length);
      assert.strictEqual(image?.read(buffer, offset), expected.length, `${length} bytes at ${offset}`);
      assert.isTrue(sameBytes(buffer.subarray(0, expected.length), expected));
      assert.isTrue(buffer.subarray(expected.length).every((byte) => byte === 0));
    }
  });

  it("refuses a byte beyond its size", () => {
    const image = create(openSlotStore(makeSlotBench().life), offer);
    assert.throws(() => image.append(new Uint8Array(content.length + 1)), RangeError);
    assert.strictEqual(image.appendedBytes, 0);
    appendRest(image, content);
    assert.throws(() => image.append(new Uint8Array(1)), RangeError);
  });

  it("costs one erase a slice at most, so that the MCU is answered in between", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    image.restart('"one"');
    let longestMs = 0;
    while (image.appendedBytes < content.length) {
      const at = image.appendedBytes;
      const erasesBefore = bench.power.counts.get("flash erase") ?? 0;
      longestMs = Math.max(
        longestMs,
        bench.spentMs(() => image.append(content.subarray(at, at + SLICE_BYTES - 1))),
      );
      assert.isAtMost((bench.power.counts.get("flash erase") ?? 0) - erasesBefore, 1);
    }
    assert.isAtLeast(longestMs, 45, "nothing was erased");
    assert.isBelow(longestMs, 60);
  });

  it("wears the flash once: each sector is erased once, and hardly more is programmed than the image has", () => {
    const bench = makeSlotBench();
    const store = openSlotStore(bench.life);
    const { wear } = bench.storage;
    const [programmed, erased] = [wear.bytesProgrammed, sectorErasesTotal(wear)];
    stage(store, offer, content);
    assert.isAtMost((wear.bytesProgrammed - programmed) / content.length, 1.05);
    const sectors = Math.ceil(content.length / SECTOR_BYTES);
    assert.strictEqual(sectorErasesTotal(wear) - erased, 1 + sectors);
    const slot = bench.storage.partition("ota_1").offset / SECTOR_BYTES;
    const [, ...erases] = [...wear.sectorErases.subarray(slot, slot + SLOT_BYTES / SECTOR_BYTES)];
    assert.strictEqual(erases.pop(), 1, "the last sector, which has the begin of the image");
    assert.isTrue(erases.every((count, index) => count === (index < sectors - 1 ? 1 : 0)));
  });

  it("is never taken for an app, though it be one: a boot loader without otadata tries every slot", () => {
    const bench = makeSlotBench();
    const app = buildEspImage({ segments: [makeContent(60_000, 4)] });
    assert.isUndefined(checkEspImage(app));
    stage(openSlotStore(bench.life), makeOffer(app.length), app);
    assert.strictEqual(checkEspImage(bench.storage.peek("ota_1")), "no image magic");
  });

  it("begins anew under another validator, with every sector erased again", () => {
    const bench = makeSlotBench();
    const image = create(openSlotStore(bench.life), offer);
    image.restart('"one"');
    appendRest(image, makeContent(content.length, 8));
    image.restart('"two"');
    assert.deepEqual([image.appendedBytes, image.readableBytes], [0, 0]);
    assert.strictEqual(openSlotStore(bench.boot()).find(offer)?.readableBytes, 0, "durably");
    const again = openSlotStore(bench.boot()).find(offer);
    if (again) appendRest(again, content);
    assert.isTrue(again !== undefined && sameBytes(readAll(again), content));
    assertFerryUnharmed(bench);
  });

  it("goes on after close() with the page that was not full", () => {
    const image = create(openSlotStore(makeSlotBench().life), offer);
    image.append(content.subarray(0, 10_000));
    image.close();
    assert.deepEqual([image.appendedBytes, image.readableBytes], [9984, 9984]);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
  });

  it("begins a sector anew whose programming failed", () => {
    const bench = makeSlotBench();
    const fired = { failures: 0 };
    const image = create(openSlotStore(bench.life, { ...slotPorts(bench.life), flash: failing(bench, fired) }), offer);
    image.append(content.subarray(0, 10_240));
    fired.failures = 1;
    assert.throws(() => image.append(content.subarray(10_240, 11_264)), "write failed");
    assert.strictEqual(fired.failures, 0, "the fault did not strike");
    image.close();
    assert.strictEqual(image.appendedBytes, 2 * SECTOR_BYTES);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
    assertFerryUnharmed(bench);
  });

  it("is gone when it was removed, and so are its records", () => {
    const bench = makeStaged();
    const store = openSlotStore(bench.boot());
    const image = store.find(offer);
    if (image) store.remove(image);
    assert.isUndefined(store.find(offer));
    assert.deepEqual(keysOf(bench), []);
    assert.isUndefined(openSlotStore(bench.boot()).find(offer));
  });

  it("makes way for the next one, but not when it is to be kept", () => {
    const bench = makeStaged();
    const store = openSlotStore(bench.boot());
    const next = makeOffer(50_000, { version: "next" });
    assert.strictEqual(
      bench.operations(() => assert.isUndefined(store.create(next, [offer]))),
      0,
    );
    assert.isTrue(sameBytes(readAll(store.find(offer) ?? create(store, offer)), content));
    stage(store, next, makeContent(50_000, 3));
    assert.isUndefined(store.find(offer));
    const image = openSlotStore(bench.boot()).find(next);
    assert.isTrue(image !== undefined && sameBytes(readAll(image), makeContent(50_000, 3)));
    assertFerryUnharmed(bench);
  });
});

/** A flash whose writes fail as often as it is told, half done. */
function failing(bench: SimBench, fired: { failures: number }) {
  const open = (options: { path: string }): FlashPartition => {
    const inner = new SimFlash(bench.life).open(options);
    return {
      read: (buffer, offset) => inner.read(buffer, offset),
      eraseBlock: (first, end) => inner.eraseBlock(first, end),
      status: () => inner.status(),
      close: () => inner.close(),
      write: (buffer, offset) => {
        if (fired.failures === 0) return inner.write(buffer, offset);
        fired.failures--;
        inner.write(
          buffer.map((byte) => byte & 0x55),
          offset,
        );
        throw new Error("write failed");
      },
    };
  };
  return { open, [Symbol.iterator]: () => new SimFlash(bench.life)[Symbol.iterator]() };
}
