/** Staging with the power cut at each durable operation, in each way. */

import { assert } from "chai";
import type { CutKind } from "../host/sim/power.js";
import { PowerCut } from "../host/sim/power.js";
import type { ImageStore, StagedImage } from "../src/store/image-store.js";
import { SEGMENT_BYTES } from "../src/store/segments.js";
import type { SimBench } from "./ports/sim-bench.js";
import {
  appendRest,
  create,
  makeContent,
  makeFacts,
  makeOffer,
  makeStore,
  openStore,
  readAll,
  sameBytes,
  stage,
} from "./support/image-bench.js";

const CUT_KINDS: readonly CutKind[] = ["before", "torn", "after"];

describe("A staging run whose power is cut", () => {
  const content = makeContent(2 * SEGMENT_BYTES + 1500, 14);
  const earlier = makeContent(2 * SEGMENT_BYTES + 1500, 15);
  const offer = makeOffer(content.length);

  /** Fetches as a download does: from where the bytes in hand end, or anew where there are none. */
  function run(store: ImageStore, progress: { appended: number }): void {
    const image = store.find(offer) ?? create(store, offer);
    if (image.facts) return;
    if (image.appendedBytes === 0) image.restart('"now"');
    progress.appended = image.appendedBytes;
    while (image.appendedBytes < content.length) {
      const at = image.appendedBytes;
      image.append(content.subarray(at, at + 9000));
      progress.appended = Math.max(progress.appended, image.appendedBytes);
    }
    image.complete(makeFacts(content.length));
  }

  /** What the store holds fits one content under the validator of that content, and nothing else. */
  function assertSound(store: ImageStore, lost: string): StagedImage | undefined {
    const image = store.find(offer);
    if (!image) return undefined;
    const expected = image.validator === '"before"' ? earlier : content;
    assert.isTrue(sameBytes(readAll(image), expected.subarray(0, image.readableBytes)), `${lost}: wrong bytes`);
    assert.strictEqual(image.appendedBytes, image.readableBytes);
    if (image.facts) assert.strictEqual(image.readableBytes, content.length, lost);
    return image;
  }

  /** Cuts at each durable operation of the action, in each way; `check` gets the store of the next life. */
  function sweep(
    prepare: (store: ImageStore) => void,
    action: (store: ImageStore) => void,
    check: (bench: SimBench, store: ImageStore, cut: string) => void,
  ): number {
    const prepared = () => {
      const { bench, store } = makeStore();
      prepare(store);
      store.close();
      return bench;
    };
    const rehearsal = prepared();
    const operations = rehearsal.operations(() => action(openStore(rehearsal.boot())));
    for (let nth = 1; nth <= operations; nth++) {
      for (const kind of CUT_KINDS) {
        const bench = prepared();
        const life = bench.boot();
        bench.power.plan({ operation: bench.power.operations + nth, kind });
        assert.throws(() => action(openStore(life)), PowerCut);
        assert.lengthOf(bench.cuts, 1, `${kind} operation ${nth} did not strike`);
        check(bench, openStore(bench.boot()), bench.cuts[0] ?? "");
      }
    }
    return operations;
  }

  it("loses at most a segment, serves no wrong byte, and ends whole in the next life", () => {
    const progress = { appended: 0 };
    const action = (store: ImageStore) => {
      progress.appended = 0;
      run(store, progress);
    };
    const operations = sweep(
      () => {},
      action,
      (bench, store, cut) => {
        const image = assertSound(store, cut);
        assert.isAtLeast((image?.readableBytes ?? 0) + SEGMENT_BYTES, progress.appended, `${cut}: lost too much`);
        run(store, { appended: 0 });
        const whole = assertSound(openStore(bench.boot()), cut);
        assert.isDefined(whole?.facts, cut);
      },
    );
    assert.isAtLeast(operations, 10);
  });

  it("is sound when it was beginning anew with another content", () => {
    const prepare = (store: ImageStore) => {
      const image = create(store, offer);
      image.restart('"before"');
      appendRest(image, earlier);
      image.complete(makeFacts(earlier.length));
    };
    const renew = (store: ImageStore) => {
      const image = store.find(offer);
      image?.restart('"now"');
      if (image) appendRest(image, content, 20_000);
      image?.complete(makeFacts(content.length));
    };
    const operations = sweep(prepare, renew, (bench, store, cut) => {
      assertSound(store, cut);
      const image = store.find(offer) ?? create(store, offer);
      if (image.appendedBytes === 0) {
        // Whatever is left of the earlier content must not be joined to this.
        image.restart('"now"');
        image.append(content.subarray(0, SEGMENT_BYTES));
        assertSound(openStore(bench.boot()), cut);
      }
    });
    assert.isAtLeast(operations, 8);
  });

  it("keeps the other images when it was making room", () => {
    const others = ["1", "2", "3", "4"].map((version) => makeOffer(3000, { version }));
    const contents = others.map((other) => makeContent(3000, Number(other.version)));
    const prepare = (store: ImageStore) => {
      others.forEach((other, index) => void stage(store, other, contents[index] as Uint8Array));
    };
    const isWhole = (image: StagedImage | undefined, index: number) =>
      image?.facts !== undefined && sameBytes(readAll(image), contents[index] as Uint8Array);
    const action = (store: ImageStore) => void create(store, offer);
    const operations = sweep(prepare, action, (bench, store, cut) => {
      assertSound(store, cut);
      others.forEach((other, index) => {
        const image = store.find(other);
        if (index > 0) assert.isTrue(isWhole(image, index), `${cut}: image ${other.version}`);
        else assert.isTrue(!image?.facts || isWhole(image, index), `${cut}: the one that had to go`);
      });
      create(store, offer);
      assert.isDefined(openStore(bench.boot()).find(offer), cut);
    });
    assert.isAtLeast(operations, 6);
  });

  it("leaves nothing behind when it was removing an image", () => {
    const empty = makeStore().bench.storage.files.blocksUsed();
    const prepare = (store: ImageStore) => void stage(store, offer, content);
    const action = (store: ImageStore) => {
      const image = store.find(offer);
      if (image) store.remove(image);
    };
    const operations = sweep(prepare, action, (bench, store, cut) => {
      const image = assertSound(store, cut);
      if (image) store.remove(image);
      assert.strictEqual(bench.storage.files.blocksUsed(), empty, cut);
      assert.strictEqual(bench.storage.keyValues.domains.get("ferry")?.size, 0, cut);
    });
    assert.isAtLeast(operations, 6);
  });
});
