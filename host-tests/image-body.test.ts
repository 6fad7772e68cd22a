/** The body of an image: the room it takes, its segments and their borders. */

import { assert } from "chai";
import { mountFiles } from "../host/sim/files.js";
import { blocksOf, bytesIn } from "../host/sim/littlefs.js";
import type { Directory, File } from "../src/ports.js";
import { blocksFor, SEGMENT_BLOCKS, SEGMENT_BYTES } from "../src/store/segments.js";
import { SimBench } from "./ports/sim-bench.js";
import {
  appendRest,
  create,
  makeContent,
  makeOffer,
  makeStore,
  openStore,
  readAll,
  sameBytes,
  segmentSizes,
  stage,
} from "./support/image-bench.js";

const DIRECTORY_BLOCKS = 2;

/** A directory whose files fail to commit, as a worn-out flash makes them. */
class FlushFailing implements Directory {
  readonly #inner: Directory;
  readonly #fired: { failures: number };

  constructor(inner: Directory, fired: { failures: number }) {
    this.#inner = inner;
    this.#fired = fired;
  }

  openFile(options: Parameters<Directory["openFile"]>[0]): File {
    const file = this.#inner.openFile(options);
    return {
      read: (buffer, position) => file.read(buffer, position),
      write: (buffer, position) => file.write(buffer, position),
      status: () => file.status(),
      close: () => file.close(),
      flush: () => {
        if (this.#fired.failures-- > 0) throw new Error("LFS ERR -5");
        file.flush();
      },
    };
  }

  openDirectory(options: { path: string }): Directory {
    return new FlushFailing(this.#inner.openDirectory(options), this.#fired);
  }

  createDirectory = (path: string) => this.#inner.createDirectory(path);
  delete = (path: string) => this.#inner.delete(path);
  move = (from: string, to: string) => this.#inner.move(from, to);
  status = (path: string) => this.#inner.status(path);
  scan = (path?: string) => this.#inner.scan(path);
  close = () => this.#inner.close();
}

describe("The room of an image", () => {
  it("is never underrated, nor by more than a block overrated, whatever the image's size", () => {
    let checked = 0;
    for (let size = 1; size <= 3 * SEGMENT_BYTES + 2; size += size % 4096 < 4 || size % 4096 > 3960 ? 1 : 61) {
      const rest = size % SEGMENT_BYTES;
      const real = Math.floor(size / SEGMENT_BYTES) * SEGMENT_BLOCKS + blocksOf(rest) + DIRECTORY_BLOCKS;
      const rated = blocksFor(size);
      if (rated < real || rated > real + 1) assert.fail(`${size} bytes: rated ${rated} blocks, takes ${real}`);
      checked++;
    }
    assert.isAbove(checked, 3000);
  });

  it("is what the file system takes for it", () => {
    const borders = [1, 64, 65, 4052, 4096, 4097, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1];
    for (const size of [...borders, 2 * SEGMENT_BYTES + 3 * 4096]) {
      const { bench, store } = makeStore();
      const before = bench.storage.files.blocksUsed();
      stage(store, makeOffer(size), new Uint8Array(size));
      const taken = bench.storage.files.blocksUsed() - before;
      assert.isAtMost(taken, blocksFor(size), `${size} bytes`);
      assert.isAtLeast(taken, blocksFor(size) - 1, `${size} bytes`);
    }
  });

  it("is used to the last byte by a full segment", () => {
    assert.strictEqual(bytesIn(SEGMENT_BLOCKS), SEGMENT_BYTES);
    assert.strictEqual(blocksOf(SEGMENT_BYTES), SEGMENT_BLOCKS);
    assert.strictEqual(blocksOf(SEGMENT_BYTES + 1), SEGMENT_BLOCKS + 1);
  });

  it("leaves more for the directory of an image of very many segments", () => {
    const blocksOfSegments = 200 * SEGMENT_BLOCKS;
    assert.isAtLeast(blocksFor(200 * SEGMENT_BYTES), blocksOfSegments + 4 * DIRECTORY_BLOCKS);
  });
});

describe("An image under way", () => {
  it("is joined of pieces of any size, over the borders of its segments", () => {
    const size = 2 * SEGMENT_BYTES + 777;
    const content = makeContent(size, 1);
    for (const pieceBytes of [1437, 4096, SEGMENT_BYTES, SEGMENT_BYTES + 1, size]) {
      const { bench, store } = makeStore();
      const image = create(store, makeOffer(size));
      appendRest(image, content, pieceBytes);
      assert.strictEqual(image.appendedBytes, size);
      assert.isTrue(sameBytes(readAll(image), content), `pieces of ${pieceBytes} bytes`);
      assert.deepEqual(segmentSizes(bench, 0).slice(0, 4), [SEGMENT_BYTES, SEGMENT_BYTES, 777, undefined]);
    }
  });

  it("is read in pieces of any size, from anywhere, over the borders of its segments", () => {
    const content = makeContent(2 * SEGMENT_BYTES + 777, 2);
    const { store } = makeStore();
    const image = stage(store, makeOffer(content.length), content);
    const reads: readonly (readonly [offset: number, length: number])[] = [
      [0, 1],
      [1, 1023],
      [SEGMENT_BYTES - 1, 2],
      [SEGMENT_BYTES - 100, SEGMENT_BYTES + 200],
      [SEGMENT_BYTES, SEGMENT_BYTES],
      [2 * SEGMENT_BYTES, 777],
      [content.length - 1, 1],
      [17, 2 * SEGMENT_BYTES],
    ];
    for (const [offset, length] of reads) {
      const buffer = new Uint8Array(length);
      assert.strictEqual(image.read(buffer, offset), length, `${length} bytes at ${offset}`);
      assert.isTrue(sameBytes(buffer, content.subarray(offset, offset + length)), `${length} bytes at ${offset}`);
    }
  });

  it("gives what there is when more is asked for, and nothing behind its end", () => {
    const content = makeContent(SEGMENT_BYTES + 10, 3);
    const { store } = makeStore();
    const image = stage(store, makeOffer(content.length), content);
    const buffer = new Uint8Array(100);
    assert.strictEqual(image.read(buffer, SEGMENT_BYTES), 10);
    assert.isTrue(sameBytes(buffer.subarray(0, 10), content.subarray(SEGMENT_BYTES)));
    assert.isTrue(
      buffer.subarray(10).every((byte) => byte === 0),
      "the rest of the buffer is left alone",
    );
    assert.strictEqual(image.read(buffer, content.length), 0);
    assert.strictEqual(image.read(buffer, content.length + 1), 0);
    assert.strictEqual(image.read(new Uint8Array(0), 0), 0);
  });

  it("is readable segment by segment, each when it is closed", () => {
    const content = makeContent(2 * SEGMENT_BYTES, 4);
    const { store } = makeStore();
    const image = create(store, makeOffer(content.length));
    const buffer = new Uint8Array(16);
    image.append(content.subarray(0, SEGMENT_BYTES - 1));
    assert.deepEqual([image.appendedBytes, image.readableBytes], [SEGMENT_BYTES - 1, 0]);
    assert.strictEqual(image.read(buffer, 0), 0);
    image.append(content.subarray(SEGMENT_BYTES - 1, SEGMENT_BYTES));
    assert.deepEqual([image.appendedBytes, image.readableBytes], [SEGMENT_BYTES, SEGMENT_BYTES]);
    image.append(content.subarray(SEGMENT_BYTES, SEGMENT_BYTES + 500));
    assert.deepEqual([image.appendedBytes, image.readableBytes], [SEGMENT_BYTES + 500, SEGMENT_BYTES]);
    assert.strictEqual(image.read(buffer, SEGMENT_BYTES - 6), 6, "no byte of the open segment");
  });

  it("can be read while it is written", () => {
    const content = makeContent(2 * SEGMENT_BYTES, 5);
    const { store } = makeStore();
    const image = create(store, makeOffer(content.length));
    image.append(content.subarray(0, SEGMENT_BYTES + 100));
    const buffer = new Uint8Array(1000);
    image.read(buffer, 0);
    image.append(content.subarray(SEGMENT_BYTES + 100));
    image.read(buffer, SEGMENT_BYTES + 50);
    assert.isTrue(sameBytes(buffer, content.subarray(SEGMENT_BYTES + 50, SEGMENT_BYTES + 1050)));
    assert.isTrue(sameBytes(readAll(image), content));
  });

  it("refuses a byte beyond its size", () => {
    const { store } = makeStore();
    for (const size of [100, SEGMENT_BYTES, SEGMENT_BYTES + 100]) {
      const image = create(store, makeOffer(size));
      const content = makeContent(size, 1);
      assert.throws(() => image.append(new Uint8Array(size + 1)), RangeError, `${size}`);
      assert.strictEqual(image.appendedBytes, 0, "all or nothing");
      appendRest(image, content);
      assert.throws(() => image.append(new Uint8Array(1)), RangeError);
      assert.isTrue(sameBytes(readAll(image), content), "the last segment is as it was");
    }
  });

  it("forgets the open segment when it is closed, and no more", () => {
    const content = makeContent(2 * SEGMENT_BYTES, 6);
    const { store } = makeStore();
    const image = create(store, makeOffer(content.length));
    image.append(content.subarray(0, SEGMENT_BYTES + 4000));
    image.close();
    assert.deepEqual([image.appendedBytes, image.readableBytes], [SEGMENT_BYTES, SEGMENT_BYTES]);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
  });

  it("begins anew under another validator", () => {
    const content = makeContent(2 * SEGMENT_BYTES, 7);
    const { bench, store } = makeStore();
    const image = create(store, makeOffer(content.length));
    image.restart('"one"');
    appendRest(image, makeContent(content.length, 8));
    image.restart('"two"');
    assert.deepEqual([image.validator, image.appendedBytes, image.readableBytes], ['"two"', 0, 0]);
    assert.isUndefined(segmentSizes(bench, 0)[0]);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
    image.restart(undefined);
    assert.isUndefined(image.validator);
  });

  it("begins anew from the middle of a segment, and while it is read", () => {
    const content = makeContent(SEGMENT_BYTES + 5000, 7);
    const { bench, store } = makeStore();
    const image = create(store, makeOffer(content.length));
    image.append(makeContent(content.length, 8).subarray(0, SEGMENT_BYTES + 2000));
    image.read(new Uint8Array(10), 0);
    image.restart('"two"');
    assert.strictEqual(image.appendedBytes, 0);
    assert.strictEqual(image.read(new Uint8Array(10), 0), 0);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
    const again = openStore(bench.boot()).find(makeOffer(content.length));
    assert.isTrue(again !== undefined && sameBytes(readAll(again), content));
  });

  it("does not count a segment whose commit failed, and says why", () => {
    const content = makeContent(SEGMENT_BYTES + 100, 7);
    const bench = new SimBench({ fileBlocks: 64 });
    const fired = { failures: 1 };
    const store = openStore(bench.life, new FlushFailing(mountFiles(bench.life), fired));
    const image = create(store, makeOffer(content.length));
    image.restart('"one"');
    assert.throws(() => appendRest(image, content), "LFS ERR -5");
    assert.strictEqual(fired.failures, 0);
    assert.strictEqual(image.readableBytes, 0);
    image.close();
    assert.strictEqual(image.appendedBytes, 0);
    appendRest(image, content);
    assert.isTrue(sameBytes(readAll(image), content));
  });

  it("takes over a rotated URL from an offer of the same digest", () => {
    const { store } = makeStore();
    const sha256 = "ab".repeat(32);
    const image = create(store, makeOffer(10, { sha256 }));
    const rotated = makeOffer(10, { sha256: sha256.toUpperCase(), url: "http://other.example/x?token=2" });
    assert.strictEqual(store.find(rotated), image);
    assert.strictEqual(image.offer.url, rotated.url);
  });

  it("has to meet a digest, whichever offer named it", () => {
    const sha256 = "cd".repeat(32);
    const { bench, store } = makeStore();
    create(store, makeOffer(10));
    assert.strictEqual(store.find(makeOffer(10, { sha256 }))?.offer.sha256, sha256);
    assert.strictEqual(store.find(makeOffer(10))?.offer.sha256, sha256, "a later offer without one takes nothing back");
    assert.isUndefined(openStore(bench.boot()).find(makeOffer(10))?.offer.sha256, "durable only with the next record");
    const image = openStore(bench.boot()).find(makeOffer(10, { sha256 }));
    image?.restart('"one"');
    assert.strictEqual(openStore(bench.boot()).find(makeOffer(10))?.offer.sha256, sha256);
  });
});
