/** Staging in the passive app slot with the power cut: nothing wrong is ever served, and little is lost. */

import { assert } from "chai";
import { type CutKind, type Operation, PowerCut } from "../../host/sim/power.js";
import type { ImageStore } from "../../src/store/image-store.js";
import { CHECKPOINT_BYTES } from "../../src/store/slot-body.js";
import type { SimBench } from "../ports/sim-bench.js";
import {
  appendRest,
  create,
  makeContent,
  makeFacts,
  makeOffer,
  readAll,
  sameBytes,
  stage,
} from "../support/image-bench.js";
import { makeSlotBench, openSlotStore } from "../support/slot-bench.js";

const content = makeContent(CHECKPOINT_BYTES + 3000, 14);
const earlier = makeContent(content.length, 15);
const offer = makeOffer(content.length);
const other = makeOffer(content.length, { version: "other" });

describe("A staging run into the app slot whose power is cut", () => {
  /** Fetches as a download does: from where the bytes in hand end, or anew where there are none. */
  function run(store: ImageStore, progress = { appended: 0 }): void {
    const image = store.find(offer) ?? create(store, offer);
    if (image.facts) return;
    if (image.appendedBytes === 0) image.restart('"now"');
    while (image.appendedBytes < content.length) {
      const at = image.appendedBytes;
      image.append(content.subarray(at, at + Math.min(1024, image.roomBytes)));
      progress.appended = image.appendedBytes;
    }
    image.complete(makeFacts(content.length));
  }

  /** What the store holds fits one content under the validator of that content, and nothing else. */
  function assertSound(store: ImageStore, cut: string): void {
    for (const image of [store.find(offer), store.find(other)]) {
      if (!image) continue;
      const expected = image.validator === '"now"' ? content : earlier;
      assert.isTrue(sameBytes(readAll(image), expected.subarray(0, image.readableBytes)), `${cut}: wrong bytes`);
      assert.strictEqual(image.appendedBytes, image.readableBytes);
      if (image.facts) assert.strictEqual(image.readableBytes, content.length, cut);
    }
  }

  /** Cuts at each durable operation of the action, in each way that they know; returns how many cuts there were. */
  function sweep(
    prepare: (store: ImageStore) => void,
    action: (store: ImageStore) => void,
    check: (bench: SimBench, store: ImageStore, cut: string) => void,
  ): number {
    const prepared = () => {
      const bench = makeSlotBench();
      prepare(openSlotStore(bench.life));
      bench.boot();
      return bench;
    };
    let cuts = 0;
    for (const { number, kinds } of operationsToCut(prepared(), action)) {
      for (const kind of kinds) {
        const bench = prepared();
        bench.power.plan({ operation: number, kind });
        assert.throws(() => action(openSlotStore(bench.life)), PowerCut);
        assert.isTrue(bench.power.struck.at(-1)?.applied, `${kind} operation ${number} did not strike`);
        const cut = bench.cuts[0] ?? "";
        const store = openSlotStore(bench.boot());
        assertSound(store, cut);
        check(bench, store, cut);
        run(store);
        const image = openSlotStore(bench.boot()).find(offer);
        assert.isTrue(image?.facts && sameBytes(readAll(image), content), `${cut}: not whole in the end`);
        assert.deepEqual(bench.storage.chip.misuses, [], cut); // a touch of the running slot would be one
        cuts++;
      }
    }
    return cuts;
  }

  function operationsToCut(bench: SimBench, action: (store: ImageStore) => void): Operation[] {
    const operations: Operation[] = [];
    bench.power.onOperation = (operation) => operations.push(operation);
    action(openSlotStore(bench.life));
    return operations;
  }

  it("loses what came after the last promise, serves no wrong byte, and ends whole in the next life", () => {
    const progress = { appended: 0 };
    const seen = new Set<CutKind>();
    const cuts = sweep(
      () => {},
      (store) => {
        progress.appended = 0;
        run(store, progress);
      },
      (bench, store, cut) => {
        for (const { kind } of bench.power.struck) seen.add(kind);
        const kept = store.find(offer)?.readableBytes ?? 0;
        assert.isAtLeast(kept + CHECKPOINT_BYTES, progress.appended, `${cut}: lost too much`);
      },
    );
    assert.isAbove(cuts, 500);
    assert.includeMembers([...seen], ["before", "torn-prefix", "torn-bits", "erase-torn", "after"]);
  });

  it("is sound when it was beginning anew with another content", () => {
    const cuts = sweep(
      (store) => {
        const image = create(store, offer);
        image.restart('"before"');
        appendRest(image, earlier);
        image.complete(makeFacts(earlier.length));
      },
      (store) => {
        const image = store.find(offer);
        image?.restart('"now"');
        if (image) run(store);
      },
      (_, store) => {
        const image = store.find(offer);
        if (image?.validator === '"before"') store.remove(image);
      },
    );
    assert.isAbove(cuts, 500);
  });

  it("is sound when it was driving out another image", () => {
    const cuts = sweep(
      (store) => void stage(store, other, earlier),
      (store) => run(store),
      (_, store, cut) => {
        if (store.find(offer)) assert.isUndefined(store.find(other), `${cut}: two images in one slot`);
      },
    );
    assert.isAbove(cuts, 500);
  });
});
