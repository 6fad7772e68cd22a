/** Offers: which are taken, which name the same content, and when an image is the offered one. */

import { assert } from "chai";
import { tagBytes } from "../host/peers/firmware.js";
import { SimDigest } from "../host/sim/digest.js";
import { Random } from "../host/sim/random.js";
import { crc32 } from "../src/base/crc.js";
import { fromHex, toHex } from "../src/base/hex.js";
import { URL_LENGTH_MAX } from "../src/base/url.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { type ImageFacts, ImageInspector } from "../src/image/inspector.js";
import {
  FIRMWARE_TEXT_MAX,
  IMAGE_BYTES_MAX,
  isOffer,
  mismatch,
  type Offer,
  offerProblem,
  sameContent,
} from "../src/image/offer.js";

const SHA256 = "0123456789abcdef".repeat(4);
const MD5 = "fedcba9876543210".repeat(2);
const OFFER: Offer = Object.freeze({
  url: "http://files.example/firmware.bin",
  sizeBytes: 1000,
  type: "TMPL",
  version: "2.0.0",
  build: "Nov 21 2026 12:00:00",
});

function inspect(pieces: Iterable<Uint8Array>): ImageFacts {
  const inspector = new ImageInspector({ Digest: SimDigest, crc32 });
  for (const piece of pieces) inspector.push(piece);
  return inspector.finish();
}

describe("An offer", () => {
  const good: readonly (readonly [what: string, changes: Partial<Offer>])[] = [
    ["of http", {}],
    ["of https", { url: "https://files.example:8443/a/b.bin?token=1" }],
    ["with both digests", { sha256: SHA256, md5: MD5 }],
    ["with digests in capitals", { sha256: SHA256.toUpperCase(), md5: MD5.toUpperCase() }],
    ["of one byte", { sizeBytes: 1 }],
    ["of the largest size", { sizeBytes: IMAGE_BYTES_MAX }],
    ["without a tag's texts", { type: "", version: "", build: "" }],
    ["with the longest texts", { type: "t".repeat(FIRMWARE_TEXT_MAX), version: "v".repeat(FIRMWARE_TEXT_MAX) }],
    ["with texts of any script", { version: "версия 2 ✓" }],
    ["with the longest URL", { url: `http://h/${"x".repeat(URL_LENGTH_MAX - 9)}` }],
  ];
  for (const [what, changes] of good) {
    it(`${what} is taken`, () => assert.isUndefined(offerProblem({ ...OFFER, ...changes })));
  }

  const bad: readonly (readonly [what: string, changes: Partial<Offer>, says: RegExp])[] = [
    ["without a URL", { url: "" }, /^its URL is neither http/],
    ["of another scheme", { url: "ftp://files.example/x" }, /^its URL is neither http/],
    ["of no host", { url: "http:///x" }, /^its URL names no host/],
    ["of a bad port", { url: "http://h:0/x" }, /^its URL has a bad port/],
    ["of a URL too long", { url: `http://h/${"x".repeat(URL_LENGTH_MAX - 8)}` }, /^its URL is longer than 512/],
    ["with a space in its URL", { url: "http://h/a b" }, /^its URL has characters/],
    ["with a line break in its URL", { url: "http://h/a\r\nx: y" }, /^its URL has characters/],
    ["of no bytes", { sizeBytes: 0 }, /^its size is 0/],
    ["of fewer than no bytes", { sizeBytes: -1 }, /^its size is -1/],
    ["of half a byte", { sizeBytes: 1.5 }, /^its size is 1.5/],
    ["of no number of bytes", { sizeBytes: Number.NaN }, /^its size is NaN/],
    ["of endless bytes", { sizeBytes: Number.POSITIVE_INFINITY }, /^its size is Infinity/],
    ["of one byte too many", { sizeBytes: IMAGE_BYTES_MAX + 1 }, /above 67108864/],
    ["of a long type", { type: "x".repeat(FIRMWARE_TEXT_MAX + 1) }, /above 64 letters/],
    ["of a long version", { version: "x".repeat(FIRMWARE_TEXT_MAX + 1) }, /above 64 letters/],
    ["of a long build", { build: "x".repeat(FIRMWARE_TEXT_MAX + 1) }, /above 64 letters/],
    ["with a NUL in its type", { type: "a\0b" }, /control characters/],
    ["with a line break in its version", { version: "1\n2" }, /control characters/],
    ["with a DEL in its build", { build: "\x7f" }, /control characters/],
    ["of a short SHA-256", { sha256: SHA256.slice(2) }, /sha256 is not 64 hex digits/],
    ["of a long SHA-256", { sha256: `${SHA256}00` }, /sha256 is not 64 hex digits/],
    ["of a SHA-256 that is none", { sha256: "g".repeat(64) }, /sha256 is not 64 hex digits/],
    ["of an empty SHA-256", { sha256: "" }, /sha256 is not 64 hex digits/],
    ["of a SHA-256 in Base64", { sha256: "A".repeat(43).concat("=") }, /sha256 is not 64 hex digits/],
    ["of a short MD5", { md5: MD5.slice(2) }, /md5 is not 32 hex digits/],
    ["of an MD5 that is a SHA-256", { md5: SHA256 }, /md5 is not 32 hex digits/],
    ["of an empty MD5", { md5: "" }, /md5 is not 32 hex digits/],
  ];
  for (const [what, changes, says] of bad) {
    it(`${what} is refused, and says why`, () => assert.match(offerProblem({ ...OFFER, ...changes }) ?? "", says));
  }

  it("from storage is one only with all its parts, each of its kind", () => {
    assert.isTrue(isOffer(OFFER));
    assert.isTrue(isOffer({ ...OFFER, sha256: SHA256, md5: MD5 }));
    for (const part of ["url", "sizeBytes", "type", "version", "build"]) {
      assert.isFalse(isOffer({ ...OFFER, [part]: undefined }), part);
      assert.isFalse(isOffer({ ...OFFER, [part]: part === "sizeBytes" ? "1" : 1 }), part);
    }
    for (const part of ["sha256", "md5"]) assert.isFalse(isOffer({ ...OFFER, [part]: 1 }), part);
    for (const value of [undefined, null, 1, "offer", [], [OFFER]]) assert.isFalse(isOffer(value));
  });
});

describe("Two offers", () => {
  const otherSha = "f".repeat(64);
  const otherMd5 = "0".repeat(32);
  const rows: readonly (readonly [what: string, a: Partial<Offer>, b: Partial<Offer>, same: boolean])[] = [
    ["that say the same", {}, {}, true],
    ["of other URLs", {}, { url: "http://files.example/other.bin" }, false],
    ["of other types", {}, { type: "other" }, false],
    ["of other versions", {}, { version: "2.0.1" }, false],
    ["of other builds", {}, { build: "later" }, false],
    ["of other sizes", {}, { sizeBytes: 1001 }, false],
    ["of one SHA-256 and other URLs", { sha256: SHA256 }, { sha256: SHA256, url: "http://h/rotated" }, true],
    ["of one SHA-256 and other names", { sha256: SHA256 }, { sha256: SHA256, version: "9" }, true],
    ["of one SHA-256 in other letters", { sha256: SHA256 }, { sha256: SHA256.toUpperCase() }, true],
    ["of one SHA-256 and other MD5s", { sha256: SHA256, md5: MD5 }, { sha256: SHA256, md5: otherMd5 }, true],
    ["of other SHA-256s", { sha256: SHA256 }, { sha256: otherSha }, false],
    ["of other SHA-256s and one MD5", { sha256: SHA256, md5: MD5 }, { sha256: otherSha, md5: MD5 }, false],
    ["of one SHA-256 and other sizes", { sha256: SHA256 }, { sha256: SHA256, sizeBytes: 999 }, false],
    ["of one MD5 and other URLs", { md5: MD5 }, { md5: MD5.toUpperCase(), url: "http://h/rotated" }, true],
    ["of other MD5s", { md5: MD5 }, { md5: otherMd5 }, false],
    ["of which one has a SHA-256", { sha256: SHA256 }, {}, true],
    ["of which one has a SHA-256, and of other URLs", { sha256: SHA256 }, { url: "http://h/rotated" }, false],
    ["of which each has another kind of digest", { sha256: SHA256 }, { md5: MD5 }, true],
  ];
  for (const [what, a, b, same] of rows) {
    it(`${what} are of ${same ? "the same content" : "different contents"}, either way round`, () => {
      assert.strictEqual(sameContent({ ...OFFER, ...a }, { ...OFFER, ...b }), same);
      assert.strictEqual(sameContent({ ...OFFER, ...b }, { ...OFFER, ...a }), same);
    });
  }
});

describe("An image", () => {
  type Pairs = readonly (readonly [string, string])[];
  const tagged = (pairs: Pairs): Partial<ImageFacts> => ({ tag: { offset: 0, pairs } });
  const facts: ImageFacts = {
    sizeBytes: 1000,
    crc32: 0,
    md5: fromHex(MD5) as Uint8Array,
    sha256: fromHex(SHA256) as Uint8Array,
    tag: undefined,
  };
  const full = tagged([
    ["mcu", "2.0.0"],
    ["fw-type", "TMPL"],
    ["build", "another day"],
  ]);

  const ncp = tagged([
    ["ncp", "2.0.0"],
    ["fw-type", "TMPL"],
  ]);
  const app = (project: string) => ({
    segmentCount: 1,
    chipId: 0,
    hashAppended: true,
    app: { project, version: "2.0.0", elfSha256: "" },
  });

  const rows: readonly (readonly [string, Partial<Offer>, Partial<ImageFacts>, RegExp | undefined])[] = [
    ["of the offered size, without a tag", {}, {}, undefined],
    ["of the offered digests", { sha256: SHA256, md5: MD5 }, {}, undefined],
    [
      "of the offered digests, in other letters",
      { sha256: SHA256.toUpperCase(), md5: MD5.toUpperCase() },
      {},
      undefined,
    ],
    ["of the offered tag but for its build", {}, full, undefined],
    ["of a tag, where the offer names nothing", { type: "", version: "", build: "" }, full, undefined],
    ["of a tag that names a version only", {}, tagged([["mcu", "2.0.0"]]), undefined],
    ["of a tag that names a type only", {}, tagged([["fw-type", "TMPL"]]), undefined],
    ["of a tag that names nothing that is known", {}, tagged([["blynk", "1.3.2"]]), undefined],
    ["of one byte too few", {}, { sizeBytes: 999 }, /^size is 999, offered were 1000/],
    ["of one byte too many", {}, { sizeBytes: 1001 }, /^size is 1001, offered were 1000/],
    ["of another SHA-256", { sha256: "0".repeat(64) }, {}, /^SHA-256 is 0123/],
    ["of another MD5", { md5: "0".repeat(32) }, {}, /^MD5 is fedc/],
    ["of another MD5 under the right SHA-256", { sha256: SHA256, md5: "0".repeat(32) }, {}, /^MD5 is fedc/],
    ["of another version", {}, tagged([["mcu", "2.0.1"]]), /version "2.0.1", offered was "2.0.0"/],
    [
      "of another type",
      {},
      tagged([
        ["mcu", "2.0.0"],
        ["fw-type", "TMPX"],
      ]),
      /type "TMPX", offered was "TMPL"/,
    ],
    ["of a type in other letters", {}, tagged([["fw-type", "tmpl"]]), /type "tmpl"/],
    ["of Ferry, offered for the MCU", { target: "mcu" }, ncp, /^it is firmware of Ferry itself, offered for the MCU$/],
    ["of an MCU, offered for Ferry", { target: "ncp" }, full, /^it is firmware of an MCU, offered for Ferry itself$/],
    ["of Ferry, offered for Ferry", { target: "ncp" }, ncp, undefined],
    ["of Ferry, offered for whom it may concern", {}, ncp, undefined],
    ["of Ferry by its app descriptor, offered for the MCU", { target: "mcu" }, { esp: app("ferry") }, /Ferry itself/],
    ["of an MCU that is an ESP32", { target: "mcu" }, { esp: app("thermostat") }, undefined],
  ];
  for (const [what, offer, changes, says] of rows) {
    it(`${what} is ${says ? "not " : ""}the offered one`, () => {
      const problem = mismatch({ ...OFFER, ...offer }, { ...facts, ...changes });
      if (says) assert.match(problem ?? "", says);
      else assert.isUndefined(problem);
    });
  }
});

describe("The inspector", () => {
  it("computes what others compute", () => {
    const { sizeBytes, crc32: crc, md5, sha256, tag } = inspect([encodeUtf8("123456789")]);
    assert.strictEqual(sizeBytes, 9);
    assert.strictEqual(crc, 0xcbf4_3926);
    assert.strictEqual(toHex(md5), "25f9e794323b453885f5181f1b624d0b");
    assert.strictEqual(toHex(sha256), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    assert.isUndefined(tag);
  });

  it("knows of nothing what others know of it", () => {
    const { sizeBytes, crc32: crc, md5, sha256 } = inspect([]);
    assert.deepEqual([sizeBytes, crc], [0, 0]);
    assert.strictEqual(toHex(md5), "d41d8cd98f00b204e9800998ecf8427e");
    assert.strictEqual(toHex(sha256), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("comes to the same whatever the pieces, also where they cut the tag", () => {
    const image = new Random(3).bytes(400);
    image.set(tagBytes({ type: "TMPL", version: "2.0.0", build: "Nov 21" }), 131);
    const whole = inspect([image]);
    assert.strictEqual(whole.tag?.offset, 131);
    for (const pieceBytes of [1, 2, 7, 63, 64, 65, 133, 399]) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < image.length; at += pieceBytes) pieces.push(image.subarray(at, at + pieceBytes));
      assert.deepEqual(inspect(pieces), whole, `pieces of ${pieceBytes} bytes`);
    }
    assert.deepEqual(inspect([new Uint8Array(0), image, new Uint8Array(0)]), whole);
  });

  it("keeps nothing of the pieces: their buffer may be used again", () => {
    const image = new Random(4).bytes(300);
    image.set(tagBytes({ type: "TMPL", version: "2.0.0", build: "Nov 21" }), 90);
    const buffer = new Uint8Array(100);
    const reused = function* () {
      for (let at = 0; at < image.length; at += buffer.length) {
        buffer.set(image.subarray(at, at + buffer.length));
        yield buffer;
        buffer.fill(0xee);
      }
    };
    assert.deepEqual(inspect(reused()), inspect([image]));
  });

  it("knows how much it has taken in", () => {
    const inspector = new ImageInspector({ Digest: SimDigest, crc32 });
    assert.strictEqual(inspector.sizeBytes, 0);
    inspector.push(new Uint8Array(5));
    inspector.push(new Uint8Array(7));
    assert.strictEqual(inspector.sizeBytes, 12);
  });
});
