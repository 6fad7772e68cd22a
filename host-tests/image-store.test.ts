/** Images at rest: what is found again, what goes when room is needed, and what each loss leaves. */

import { assert } from "chai";
import { mountFiles } from "../host/sim/files.js";
import { SimKeyValue } from "../host/sim/key-value.js";
import { toHex } from "../src/base/hex.js";
import type { Offer } from "../src/image/offer.js";
import type { ImageStore, StagedImage } from "../src/store/image-store.js";
import { IMAGES_MAX } from "../src/store/place.js";
import { blocksFor, SEGMENT_BYTES } from "../src/store/segments.js";
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
  segmentSizes,
  stage,
} from "./support/image-bench.js";

function versions(store: ImageStore, offers: readonly Offer[]): string[] {
  return offers.filter((offer) => store.find(offer)).map((offer) => offer.version);
}

describe("A whole image", () => {
  const content = makeContent(SEGMENT_BYTES + 321, 9);
  const offer = makeOffer(content.length);

  it("is found after any number of reboots, with its facts and its bytes, at no durable operation", () => {
    const { bench, store } = makeStore();
    const tag = {
      offset: 5,
      pairs: [
        ["mcu", "2.0.0"],
        ["fw-type", "TMPL"],
        ["build", "Nov 21"],
      ] as const,
    };
    const image = create(store, offer);
    image.restart('"one"');
    appendRest(image, content);
    assert.isUndefined(image.facts, "before complete()");
    image.complete(makeFacts(content.length, tag));
    for (let boots = 0; boots < 3; boots++) {
      const life = bench.boot();
      const found = { image: undefined as StagedImage | undefined };
      const operations = bench.operations(() => {
        found.image = openStore(life).find(offer);
      });
      assert.strictEqual(operations, 0);
      assert.deepEqual(found.image?.facts, {
        crc32: 0x1234_5678,
        md5: new Uint8Array(16).fill(5),
        sha256: new Uint8Array(32).fill(6),
        firmware: { type: "TMPL", version: "2.0.0", build: "Nov 21" },
        target: "mcu",
      });
      assert.strictEqual(found.image?.validator, '"one"');
      assert.isTrue(found.image !== undefined && sameBytes(readAll(found.image), content));
    }
  });

  it("is found by its digest, also when its own offer named none", () => {
    const { store } = makeStore();
    const image = stage(store, offer, content);
    const sha256 = toHex(new Uint8Array(32).fill(6));
    assert.strictEqual(store.find(makeOffer(content.length, { sha256, url: "http://elsewhere.example/" })), image);
    assert.strictEqual(image.offer.url, offer.url, "what it was remains on record");
  });

  it("is not found for an offer of the same name and another digest", () => {
    const { store } = makeStore();
    stage(store, offer, content);
    assert.isUndefined(store.find({ ...offer, sha256: "00".repeat(32) }));
    assert.isUndefined(store.find({ ...offer, md5: "00".repeat(16) }));
    assert.isDefined(store.find(offer));
  });

  it("is under way again after it was begun anew", () => {
    const { bench, store } = makeStore();
    stage(store, offer, content).restart(undefined);
    assert.isUndefined(store.find(offer)?.facts);
    assert.isUndefined(openStore(bench.boot()).find(offer)?.facts);
  });

  it("is gone when it was removed, and so is everything of it", () => {
    const { bench, store } = makeStore();
    const blocksBefore = bench.storage.files.blocksUsed();
    store.remove(stage(store, offer, content));
    assert.isUndefined(store.find(offer));
    assert.strictEqual(bench.storage.files.blocksUsed(), blocksBefore);
    assert.strictEqual(bench.storage.keyValues.domains.get("ferry")?.size, 0);
  });

  it("stays usable when the record of its completion finds no room", () => {
    const { bench, store } = makeStore();
    const image = create(store, offer);
    appendRest(image, content);
    const filler = new SimKeyValue(bench.life).open({ path: "filler" });
    const fill = () => {
      for (let i = 0; ; i++) filler.write(`${i}`, makeContent(300 - i, i));
    };
    assert.throws(fill, "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
    for (let i = 1000; ; i++) {
      try {
        filler.write(`${i}`, new Uint8Array(1));
      } catch {
        break;
      }
    }
    assert.throws(() => image.complete(makeFacts(content.length)), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
    assert.isUndefined(image.facts, "what is not on record is not complete");
    for (const key of ["0", "1", "2", "3"]) filler.delete(key);
    image.complete(makeFacts(content.length));
    assert.isDefined(openStore(bench.boot()).find(offer)?.facts);
  });
});

describe("A full store", () => {
  const offers = ["1", "2", "3", "4", "5"].map((version) => makeOffer(5000, { version }));
  const [first, second, third, fourth, fifth] = offers as [Offer, Offer, Offer, Offer, Offer];

  it("gives up its oldest image for a new one", () => {
    const { store } = makeStore();
    for (const offer of offers) stage(store, offer, makeContent(5000, Number(offer.version)));
    assert.strictEqual(IMAGES_MAX, 4);
    assert.deepEqual(versions(store, offers), ["2", "3", "4", "5"]);
  });

  it("knows after reboots which is the oldest", () => {
    const { bench, store } = makeStore();
    let current = store;
    for (const offer of [...offers, makeOffer(5000, { version: "6" })]) {
      stage(current, offer, makeContent(5000, Number(offer.version)));
      current = openStore(bench.boot());
    }
    assert.deepEqual(versions(current, offers), ["3", "4", "5"]);
  });

  it("gives up images under way like others", () => {
    const { store } = makeStore();
    for (const offer of offers) create(store, offer);
    assert.deepEqual(versions(store, offers), ["2", "3", "4", "5"]);
  });

  it("keeps what it is told to keep, however old", () => {
    const { store } = makeStore();
    for (const offer of [first, second, third, fourth]) stage(store, offer, makeContent(5000, Number(offer.version)));
    create(store, fifth, [first, third]);
    assert.deepEqual(versions(store, offers), ["1", "3", "4", "5"]);
  });

  it("knows what to keep by its digest, under whatever URL", () => {
    const { store } = makeStore();
    const oldest = create(store, first);
    appendRest(oldest, makeContent(5000, 1));
    oldest.complete({ ...makeFacts(5000), sha256: new Uint8Array(32).fill(0xaa) });
    for (const offer of [second, third, fourth]) stage(store, offer, makeContent(5000, Number(offer.version)));
    create(store, fifth, [{ ...first, url: "http://elsewhere.example/", sha256: "aa".repeat(32) }]);
    assert.deepEqual(versions(store, offers), ["1", "3", "4", "5"]);
  });

  it("makes no room, and gives up nothing, when all are to be kept", () => {
    const { bench, store } = makeStore();
    const kept = [first, second, third, fourth];
    for (const offer of kept) stage(store, offer, makeContent(5000, Number(offer.version)));
    const operations = bench.operations(() => assert.isUndefined(store.create(fifth, kept)));
    assert.strictEqual(operations, 0);
    assert.deepEqual(versions(store, offers), ["1", "2", "3", "4"]);
  });

  it("gives up as many as a large one needs, and no more", () => {
    const { store } = makeStore(64);
    // 52 blocks: three images of 4 blocks leave 40 for 32 + 4, or 8 + 32 + 4.
    for (const offer of [first, second, third]) stage(store, offer, makeContent(5000, Number(offer.version)));
    assert.strictEqual(blocksFor(5000), 4);
    const large = makeOffer(5 * SEGMENT_BYTES, { version: "large" });
    assert.strictEqual(blocksFor(large.sizeBytes), 42);
    create(store, large);
    assert.deepEqual(versions(store, offers), ["2", "3"]);
  });

  it("makes no room, and gives up nothing, for what would not fit into an empty one", () => {
    const { bench, store } = makeStore(64);
    stage(store, first, makeContent(5000, 1));
    const huge = makeOffer(7 * SEGMENT_BYTES, { version: "huge" });
    assert.strictEqual(
      bench.operations(() => assert.isUndefined(store.create(huge, []))),
      0,
    );
    assert.deepEqual(versions(store, offers), ["1"]);
  });

  it("makes no room, and gives up nothing, when those to be kept leave too little", () => {
    const { bench, store } = makeStore(64);
    for (const offer of [first, second]) stage(store, offer, makeContent(5000, Number(offer.version)));
    const large = makeOffer(6 * SEGMENT_BYTES, { version: "large" });
    assert.strictEqual(
      bench.operations(() => assert.isUndefined(store.create(large, [second]))),
      0,
    );
    assert.deepEqual(versions(store, offers), ["1", "2"]);
  });

  it("has the room that it promises, to the last byte", () => {
    const rooms = [
      { before: [] as Offer[], size: 6 * SEGMENT_BYTES + 2 * 4096 - 44 },
      { before: [first, second, third], size: 4 * SEGMENT_BYTES + 6 * 4096 - 44 },
    ];
    for (const { before, size } of rooms) {
      const { store } = makeStore(64);
      for (const offer of before) stage(store, offer, makeContent(5000, Number(offer.version)));
      const tooLarge = makeOffer(size + 1, { version: "large" });
      assert.isUndefined(store.create(tooLarge, before), `${size} bytes are the most`);
      const content = makeContent(size, 11);
      const image = stage(store, makeOffer(size, { version: "large" }), content);
      assert.isTrue(sameBytes(readAll(image), content));
      assert.lengthOf(versions(store, before), before.length, "nobody had to go for it");
    }
  });
});

describe("A store that starts", () => {
  const content = makeContent(SEGMENT_BYTES + 900, 12);
  const offer = makeOffer(content.length);

  it("is empty on an empty device", () => {
    const { bench, store } = makeStore();
    assert.isUndefined(store.find(offer));
    assert.isUndefined(openStore(bench.boot()).find(offer));
  });

  it("forgets the images whose file system was formatted", () => {
    const { bench, store } = makeStore();
    stage(store, offer, content);
    create(store, makeOffer(10));
    bench.storage.files.format();
    const next = openStore(bench.boot());
    assert.isUndefined(next.find(offer));
    assert.isUndefined(next.find(makeOffer(10)));
    assert.strictEqual(bench.storage.keyValues.domains.get("ferry")?.size, 0, "no record without a body");
    assert.isTrue(sameBytes(readAll(stage(next, offer, content)), content), "and works on");
  });

  it("deletes the bodies whose records are lost", () => {
    const { bench, store } = makeStore();
    const empty = bench.storage.files.blocksUsed();
    stage(store, offer, content);
    bench.storage.keyValues.domains.clear();
    assert.isUndefined(openStore(bench.boot()).find(offer));
    assert.strictEqual(bench.storage.files.blocksUsed(), empty);
  });

  it("deletes the body whose record is damaged in both slots", () => {
    const { bench, store } = makeStore();
    const empty = bench.storage.files.blocksUsed();
    stage(store, offer, content);
    const domain = new SimKeyValue(bench.life).open({ path: "ferry" });
    for (const key of ["image0.a", "image0.b"]) {
      assert.isDefined(domain.read(key));
      domain.write(key, new Uint8Array(50));
    }
    assert.isUndefined(openStore(bench.boot()).find(offer));
    assert.strictEqual(bench.storage.files.blocksUsed(), empty);
    assert.strictEqual(bench.storage.keyValues.domains.get("ferry")?.size, 0);
  });

  it("takes the image for one under way when the record of its completion is damaged", () => {
    const { bench, store } = makeStore();
    stage(store, offer, content);
    const domain = new SimKeyValue(bench.life).open({ path: "ferry" });
    const isCompletion = (key: string) => new Uint8Array(domain.read(key) ?? []).length > 300;
    const newest = ["image0.a", "image0.b"].filter(isCompletion);
    assert.lengthOf(newest, 1);
    for (const key of newest) domain.write(key, new Uint8Array(50));
    const image = openStore(bench.boot()).find(offer);
    assert.isDefined(image);
    assert.isUndefined(image?.facts);
    assert.isTrue(image !== undefined && sameBytes(readAll(image), content), "nothing has to be fetched again");
  });

  it("deletes what else is in the images' directory", () => {
    const { bench, store } = makeStore();
    const empty = bench.storage.files.blocksUsed();
    store.close();
    const root = mountFiles(bench.boot());
    root.createDirectory("images/17");
    for (const path of ["images/17/0", "images/notes.txt", "images/2"]) {
      const file = root.openFile({ path, mode: "w" });
      file.write(new Uint8Array(5000), 0);
      file.close();
    }
    openStore(bench.boot());
    assert.strictEqual(bench.storage.files.blocksUsed(), empty);
  });

  it("leaves other files and records of the device alone", () => {
    const { bench } = makeStore();
    const root = mountFiles(bench.life);
    const file = root.openFile({ path: "users.txt", mode: "w" });
    file.write(new Uint8Array(100), 0);
    file.close();
    const domain = new SimKeyValue(bench.life).open({ path: "ferry" });
    domain.write("update.a", new Uint8Array(3));
    openStore(bench.boot());
    assert.strictEqual(bench.storage.files.peek("users.txt")?.length, 100);
    assert.deepEqual([...(bench.storage.keyValues.domains.get("ferry")?.keys() ?? [])], ["update.a"]);
  });

  describe("with a body that is not as its record says", () => {
    /** Changes the files of a staged image from outside, and starts the next store. */
    function tamper(whole: boolean, change: (root: ReturnType<typeof mountFiles>) => void) {
      const { bench, store } = makeStore();
      const image = create(store, offer);
      image.restart('"one"');
      appendRest(image, content);
      if (whole) image.complete(makeFacts(content.length));
      store.close();
      change(mountFiles(bench.boot()));
      return { bench, image: openStore(bench.boot()).find(offer) };
    }

    const shorten = (root: ReturnType<typeof mountFiles>) => {
      const file = root.openFile({ path: "images/0/1", mode: "w" });
      file.write(content.subarray(SEGMENT_BYTES, SEGMENT_BYTES + 899), 0);
      file.close();
    };

    it("forgets a whole image that lacks a segment", () => {
      for (const path of ["images/0/0", "images/0/1"]) {
        const { bench, image } = tamper(true, (root) => root.delete(path));
        assert.isUndefined(image, path);
        assert.deepEqual(segmentSizes(bench, 0).slice(0, 2), [undefined, undefined]);
      }
    });

    it("forgets a whole image with a segment that is too short", () => {
      assert.isUndefined(tamper(true, shorten).image);
    });

    it("goes on with an image under way from the first byte that is missing", () => {
      const { bench, image } = tamper(false, shorten);
      assert.strictEqual(image?.appendedBytes, SEGMENT_BYTES);
      assert.deepEqual(segmentSizes(bench, 0).slice(0, 2), [SEGMENT_BYTES, undefined]);
    });

    it("does not count segments behind a missing one, now or later", () => {
      const { bench, image } = tamper(false, (root) => root.delete("images/0/0"));
      assert.strictEqual(image?.appendedBytes, 0);
      const other = makeContent(content.length, 13);
      image?.append(other.subarray(0, SEGMENT_BYTES));
      assert.strictEqual(openStore(bench.boot()).find(offer)?.readableBytes, SEGMENT_BYTES);
    });

    it("does not count a segment that is too long", () => {
      const { image } = tamper(false, (root) => {
        const file = root.openFile({ path: "images/0/1", mode: "r+" });
        file.write(new Uint8Array(1), 900);
        file.close();
      });
      assert.strictEqual(image?.appendedBytes, SEGMENT_BYTES);
    });
  });
});
