/** What the key-value store keeps of an image. */

import { assert } from "chai";
import { toHex } from "../src/base/hex.js";
import { URL_LENGTH_MAX } from "../src/base/url.js";
import { VALIDATOR_LENGTH_MAX } from "../src/download/response.js";
import { FIRMWARE_TEXT_MAX, offerProblem } from "../src/image/offer.js";
import { decodeImageRecord, encodeImageRecord } from "../src/store/image-record.js";
import { create, makeFacts, makeOffer, makeStore, openStore } from "./support/image-bench.js";

describe("The record of an image", () => {
  const complete = {
    crc32: 1,
    md5: "0".repeat(32),
    sha256: "f".repeat(64),
    firmware: { type: "", version: "1", build: "" },
  };
  const good = { born: 1, offer: makeOffer(10), validator: '"x"', complete };

  it("reads as it was written", () => {
    assert.deepEqual(decodeImageRecord(encodeImageRecord(good)), good);
    const bare = { born: 7, offer: makeOffer(1) };
    assert.deepEqual(decodeImageRecord(encodeImageRecord(bare)), bare);
    const inSlot = { ...good, slot: { label: "ota_1", sizeBytes: 4096 } };
    assert.deepEqual(decodeImageRecord(encodeImageRecord(inSlot)), inSlot);
  });

  const bad: readonly (readonly [what: string, record: unknown])[] = [
    ["no object", 5],
    ["an array", []],
    ["null", null],
    ["nothing", {}],
    ["no birth", { ...good, born: undefined }],
    ["a birth that is text", { ...good, born: "1" }],
    ["a broken birth", { ...good, born: 1.5 }],
    ["no offer", { ...good, offer: undefined }],
    ["an offer without a URL", { ...good, offer: { ...good.offer, url: 1 } }],
    ["an offer of no bytes", { ...good, offer: { ...good.offer, sizeBytes: 0 } }],
    ["an offer of half bytes", { ...good, offer: { ...good.offer, sizeBytes: 10.5 } }],
    ["an offer of more bytes than any image has", { ...good, offer: { ...good.offer, sizeBytes: 1e12 } }],
    ["a validator that is no text", { ...good, validator: 1 }],
    ["a slot that is none", { ...good, slot: "ota_1" }],
    ["a slot without a label", { ...good, slot: { sizeBytes: 1 } }],
    ["a slot without a size", { ...good, slot: { label: "ota_1" } }],
    ["completion without a number", { ...good, complete: { ...complete, crc32: "1" } }],
    ["a short MD5", { ...good, complete: { ...complete, md5: "00" } }],
    ["a SHA-256 that is no hexadecimal", { ...good, complete: { ...complete, sha256: "g".repeat(64) } }],
    ["completion without a firmware", { ...good, complete: { ...complete, firmware: {} } }],
    ["completion for nobody we know", { ...good, complete: { ...complete, target: "cloud" } }],
    ["a slot that becomes an app by half", { ...good, becomesApp: 1 }],
    ["completion that is a truth value", { ...good, complete: true }],
  ];
  for (const [what, record] of bad) {
    it(`is refused with ${what}`, () => {
      assert.isUndefined(decodeImageRecord(encodeImageRecord(record as typeof good)));
    });
  }

  it("is refused when it is no JSON", () => {
    assert.isUndefined(decodeImageRecord(new Uint8Array([0x7b, 0xff, 0x00])));
    assert.isUndefined(decodeImageRecord(new Uint8Array(0)));
  });

  it("has room for the longest texts that are let in", () => {
    const name = "漢".repeat(FIRMWARE_TEXT_MAX);
    const url = `http://h/${'"'.repeat(URL_LENGTH_MAX - 9)}`;
    const longest = makeOffer(10, {
      url,
      type: name,
      version: name,
      build: name,
      sha256: toHex(new Uint8Array(32).fill(6)),
      md5: toHex(new Uint8Array(16).fill(5)),
    });
    assert.isUndefined(offerProblem(longest));
    const { bench, store } = makeStore();
    const image = create(store, longest);
    image.restart('"'.repeat(VALIDATOR_LENGTH_MAX));
    image.append(new Uint8Array(10));
    const text = "\v".repeat(160);
    image.complete(
      makeFacts(10, {
        offset: 0,
        pairs: [
          ["mcu", text],
          ["fw-type", text],
          ["build", text],
        ],
      }),
    );
    assert.isDefined(openStore(bench.boot()).find(longest)?.facts);
  });
});
