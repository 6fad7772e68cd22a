/** How large an image may be at most: the answer that users get must be the store's own. */

import { assert } from "chai";
import { imageBytesMax } from "../src/store/place.js";
import { makeOffer, makeStore } from "./support/image-bench.js";
import { makeSlotBench, openSlotStore, SLOT_BYTES } from "./support/slot-bench.js";

const BLOCK_BYTES = 4096;

describe("The size of the largest image", () => {
  it("is what an empty store takes, and one byte less than what it refuses, whatever the partition's size", () => {
    for (const blocks of [24, 25, 32, 64, 100, 240]) {
      const sizeMax = imageBytesMax(blocks * BLOCK_BYTES);
      assert.isAbove(sizeMax, 0, `${blocks} blocks`);
      assert.isDefined(makeStore(blocks).store.create(makeOffer(sizeMax), []), `${blocks} blocks`);
      assert.isUndefined(makeStore(blocks).store.create(makeOffer(sizeMax + 1), []), `${blocks} blocks`);
    }
  });

  it("is nothing on a partition that is smaller than the store's own needs", () => {
    for (const blocks of [0, 1, 12]) assert.strictEqual(imageBytesMax(blocks * BLOCK_BYTES), 0);
  });

  it("is what the passive app slot takes, where that is more", () => {
    const bench = makeSlotBench();
    const sizeMax = imageBytesMax(bench.storage.partition("storage").size, SLOT_BYTES);
    assert.strictEqual(sizeMax, SLOT_BYTES - 4096);
    assert.isUndefined(openSlotStore(bench.life).create(makeOffer(sizeMax + 1), []));
    assert.strictEqual(openSlotStore(bench.boot()).create(makeOffer(sizeMax), [])?.place, "slot");
  });

  it("is what the files take, where that is more", () => {
    assert.strictEqual(imageBytesMax(100 * BLOCK_BYTES, 20 * BLOCK_BYTES), imageBytesMax(100 * BLOCK_BYTES));
    assert.strictEqual(imageBytesMax(0, BLOCK_BYTES), 0);
  });
});
