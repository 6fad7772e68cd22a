/** ESP-IDF app images: their head, and the walk through a whole one, beside what the simulated chip makes of it. */

import { assert } from "chai";
import { type ImageFlaw, makeFerryImage } from "../host/peers/ferry-image.js";
import { SimDigest } from "../host/sim/digest.js";
import { buildEspImage, checkEspImage, makeAppDescriptor } from "../host/sim/esp-image.js";
import { Random } from "../host/sim/random.js";
import { ESP_HEAD_BYTES, type EspHead, EspHeadScanner, EspImageWalk, parseEspHead } from "../src/image/esp-image.js";

const C3 = 5;

function walk(image: Uint8Array, pieceBytes = image.length): string | undefined {
  const parts = new EspImageWalk({ head: parseEspHead(image) as EspHead, Digest: SimDigest });
  for (let at = 0; at < image.length; at += pieceBytes) parts.push(image.slice(at, at + pieceBytes));
  return parts.finish();
}

function withByte(image: Uint8Array, at: number, value: number): Uint8Array {
  const changed = image.slice();
  changed[at] = value;
  return changed;
}

describe("The head of an ESP image", () => {
  it("names chip, segments, version and project", () => {
    const image = makeFerryImage({
      version: "1.2.3-rc.1",
      chipId: C3,
      bytes: 4096,
      isTagged: false,
      projectName: "app",
    });
    const elfSha256 = "00".repeat(32);
    assert.deepEqual(parseEspHead(image), {
      segmentCount: 1,
      chipId: C3,
      hashAppended: true,
      app: { version: "1.2.3-rc.1", project: "app", elfSha256 },
    });
  });

  it("is the same in pieces of any size", () => {
    const image = makeFerryImage({ version: "1.2.3", bytes: 1024 });
    for (const pieceBytes of [1, 7, 32, ESP_HEAD_BYTES - 1, ESP_HEAD_BYTES, ESP_HEAD_BYTES + 1, 1024]) {
      const scanner = new EspHeadScanner();
      for (let at = 0; at < image.length; at += pieceBytes) scanner.push(image.subarray(at, at + pieceBytes));
      assert.deepEqual(scanner.head, parseEspHead(image), `pieces of ${pieceBytes} bytes`);
    }
  });

  it("reads names that fill their field, and such as are no text", () => {
    const image = makeFerryImage({ version: "1", bytes: 1024 });
    image.fill(0x41, 48, 80);
    image.fill(0xff, 80, 112);
    assert.deepEqual(parseEspHead(image)?.app?.version, "A".repeat(32));
    assert.strictEqual(parseEspHead(image)?.app?.project.length, 32);
  });

  it("has no app where its descriptor is none, or cut off", () => {
    const image = makeFerryImage({ version: "1", bytes: 1024, flaw: "descriptor" });
    assert.deepEqual(parseEspHead(image), { segmentCount: 1, chipId: 0, hashAppended: true });
    const cutOff = makeFerryImage({ version: "1", bytes: 1024 }).subarray(0, ESP_HEAD_BYTES - 1);
    assert.isUndefined(parseEspHead(cutOff)?.app);
  });

  it("is none with another first byte, with no segments or too many, or cut off", () => {
    const image = makeFerryImage({ version: "1", bytes: 1024 });
    const changed = (at: number, value: number) => withByte(image, at, value);
    assert.isUndefined(parseEspHead(changed(0, 0xe8)));
    assert.isUndefined(parseEspHead(changed(1, 0)));
    assert.isUndefined(parseEspHead(changed(1, 17)));
    assert.isDefined(parseEspHead(changed(1, 16)));
    assert.isUndefined(parseEspHead(image.subarray(0, 23)));
    assert.isUndefined(parseEspHead(new Uint8Array(0)));
    assert.isUndefined(new EspHeadScanner().head);
  });

  it("makes sense of no random bytes", () => {
    const random = new Random(7);
    let heads = 0;
    for (let run = 0; run < 2_000; run++) {
      const bytes = random.bytes(random.below(ESP_HEAD_BYTES + 8));
      if (bytes.length > 1) bytes.set([0xe9, random.below(18)]);
      const head = parseEspHead(bytes);
      if (!head) continue;
      heads++;
      assert.isUndefined(head.app);
      assert.isAtMost(head.segmentCount, 16);
    }
    assert.isAbove(heads, 500);
  });
});

describe("A walk through an ESP image", () => {
  const random = new Random(3);
  const segments = [
    [makeAppDescriptor({ version: "1", projectName: "ferry" })],
    [random.bytes(4)],
    [random.bytes(12), new Uint8Array(0), random.bytes(1000)],
    [new Uint8Array(0), new Uint8Array(0)],
    Array.from({ length: 16 }, () => random.bytes(4 * random.below(60))),
  ];

  it("finds a whole one sound, in pieces of any number of words", () => {
    for (const data of segments) {
      for (const hashAppended of [true, false]) {
        const image = buildEspImage({ segments: data, hashAppended });
        for (const pieceBytes of [4, 8, 12, 28, 32, 256, 1024, image.length]) {
          assert.isUndefined(walk(image, pieceBytes), `${data.length} segments in pieces of ${pieceBytes} bytes`);
        }
      }
    }
  });

  it("does not look at what follows", () => {
    const image = buildEspImage({ segments: [random.bytes(100)] });
    for (const extra of [1, 16, 72, 3000]) {
      assert.isUndefined(walk(new Uint8Array([...image, ...random.bytes(extra)]), 64));
    }
  });

  it("takes views into larger buffers, at any place", () => {
    const image = makeFerryImage({ version: "1", bytes: 1024 });
    for (let shift = 0; shift < 5; shift++) {
      const view = new Uint8Array(2000).subarray(shift, shift + image.length);
      view.set(image);
      const parts = new EspImageWalk({ head: parseEspHead(view) as EspHead, Digest: SimDigest });
      parts.push(view);
      assert.isUndefined(parts.finish(), `at ${shift}`);
    }
  });

  const flaws: readonly (readonly [ImageFlaw, RegExp])[] = [
    ["checksum", /^its checksum is wrong$/],
    ["hash", /^its own SHA-256 is wrong$/],
    ["cut-off", /^it ends at byte \d+, inside its SHA-256$/],
  ];
  for (const [flaw, says] of flaws) {
    it(`finds its flaw: ${flaw}`, () => {
      assert.match(walk(makeFerryImage({ version: "1", bytes: 2048, flaw }), 256) ?? "", says);
    });
  }

  it("says where it ends too early", () => {
    const image = makeFerryImage({ version: "1", bytes: 2048 });
    assert.match(walk(image.slice(0, 400), 100) ?? "", /^it ends at byte 400, inside its segments$/);
    assert.match(walk(image.slice(0, 28)) ?? "", /inside its segments/);
    const checksumAt = image.length - 33;
    assert.match(walk(image.slice(0, checksumAt)) ?? "", /before its checksum$/);
  });

  it("refuses a segment that is not in whole words", () => {
    const image = makeFerryImage({ version: "1", bytes: 2048 });
    image[28] = (image[28] ?? 0) + 2;
    assert.match(walk(image, 256) ?? "", /no whole words/);
  });

  it("finds every single changed bit that the chip finds", () => {
    const image = makeFerryImage({ version: "1", bytes: 448 });
    let found = 0;
    for (let at = 0; at < image.length; at++) {
      const changed = withByte(image, at, (image[at] as number) ^ (1 << random.below(8)));
      const head = parseEspHead(changed);
      const isSound = head !== undefined && head.chipId === 0 && walk(changed, 64) === undefined;
      assert.strictEqual(isSound, checkEspImage(changed) === undefined, `byte ${at}`);
      if (!isSound) found++;
    }
    assert.isAtLeast(found, image.length - 1);
  });
});
