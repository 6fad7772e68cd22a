/** The scanner for Blynk's firmware tag, against what Blynk's own tool finds, and against its rule told anew. */

import { assert } from "chai";
import { Random } from "../host/sim/random.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import { firmwareOf, type InfoTag, InfoTagScanner, isFirmwareInfo, TAG_BYTES_MAX } from "../src/image/info-tag.js";
import { fromHex } from "./support/ncp-stub.js";
import recorded from "./vectors/blynk-tags.json";

interface TagCase {
  readonly name: string;
  readonly hex: string;
  /** The bytes of the tag. */
  readonly found: string | null;
  readonly offset: number | null;
  readonly pairs: readonly (readonly [string, string])[] | null;
}

const MARKER = "blnkinf\0";

/** Scans the image in pieces that end at these places. */
function scan(image: Uint8Array, ...cuts: number[]): InfoTag | undefined {
  const scanner = new InfoTagScanner();
  let start = 0;
  for (const cut of [...cuts, image.length]) {
    scanner.push(image.slice(start, cut));
    start = cut;
  }
  return scanner.tag;
}

function scanInSteps(image: Uint8Array, stepBytes: number): InfoTag | undefined {
  const scanner = new InfoTagScanner();
  for (let at = 0; at < image.length; at += stepBytes) scanner.push(image.subarray(at, at + stepBytes));
  return scanner.tag;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Blynk's rule as the regular expression that its tool uses; its \w and \s are those of bytes. */
function findByRule(image: Uint8Array): InfoTag | undefined {
  const text = Array.from(image, (byte) => String.fromCharCode(byte)).join("");
  const match = /blnkinf\0([A-Za-z0-9_ \t-\r.,:\-()\0]+?)\0\0/.exec(text);
  if (!match) return undefined;
  const words = (match[1] as string).split("\0");
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < words.length; i += 2) pairs.push([words[i] as string, words[i + 1] as string]);
  return { offset: match.index, pairs };
}

describe("the tags that Blynk's tool creates and finds", () => {
  const cases = recorded as unknown as readonly TagCase[];

  it("are 19", () => {
    assert.lengthOf(cases, 19);
    assert.lengthOf(
      cases.filter(({ found }) => found === null),
      6,
    );
  });

  for (const { name, hex, offset, pairs } of cases) {
    const image = Uint8Array.from(fromHex(hex));
    const expected = pairs === null ? undefined : { offset: offset as number, pairs };

    it(`are found however the image is cut: ${name}`, () => {
      assert.deepEqual(scan(image), expected, "in one piece");
      for (let cut = 0; cut <= image.length; cut++) assert.deepEqual(scan(image, cut), expected, `cut at ${cut}`);
      for (const stepBytes of [1, 2, 3, 5, 7, 8, 9, 16]) {
        assert.deepEqual(scanInSteps(image, stepBytes), expected, `in steps of ${stepBytes}`);
      }
    });

    it(`are what the rule says, told anew: ${name}`, () => {
      assert.deepEqual(findByRule(image), expected);
    });
  }
});

describe("the scanner", () => {
  const tag = ascii(`${MARKER}mcu\x001.2.3\0fw-type\0TMPL0123456789\0build\0Mar  5 2024 18:29:27\0\0`);
  const found = (offset: number): InfoTag => ({
    offset,
    pairs: [
      ["mcu", "1.2.3"],
      ["fw-type", "TMPL0123456789"],
      ["build", "Mar  5 2024 18:29:27"],
    ],
  });

  it("finds a tag across every border of two pieces of a larger image", () => {
    const image = new Random(5).bytes(700);
    image.set(tag, 300);
    for (let cut = 290; cut < 300 + tag.length + 10; cut++) assert.deepEqual(scan(image, cut), found(300), `${cut}`);
  });

  it("finds a tag across every pair of borders", () => {
    const small = ascii(`x${MARKER}a\0b\0\0y`);
    const expected = { offset: 1, pairs: [["a", "b"]] };
    for (let first = 0; first <= small.length; first++) {
      for (let second = first; second <= small.length; second++) {
        assert.deepEqual(scan(small, first, second) as unknown, expected, `${first}, ${second}`);
      }
    }
  });

  it("agrees with the rule on random images rich in pieces of tags, in pieces of any size", () => {
    const random = new Random(11);
    const pieces = [
      MARKER,
      MARKER,
      MARKER,
      "blnkinf",
      "bln",
      "b",
      "\0",
      "\0\0",
      "\0\0",
      "mcu\0",
      "1.0.0\0",
      "x",
      "+",
      " (",
    ];
    let tags = 0;
    for (let round = 0; round < 1000; round++) {
      let text = "";
      for (let n = random.below(16); n > 0; n--) text += pieces[random.below(pieces.length)];
      const image = ascii(text);
      const expected = findByRule(image);
      if (expected) tags++;
      assert.deepEqual(scanInSteps(image, 1 + random.below(9)), expected, JSON.stringify(text));
    }
    assert.isAbove(tags, 200, "too few images had a tag");
    assert.isBelow(tags, 800, "too few images had none");
  });

  it("takes every character that the rule allows, and no other", () => {
    for (let byte = 1; byte < 256; byte++) {
      const image = Uint8Array.of(...ascii(`${MARKER}k\0`), byte, 0, 0);
      assert.deepEqual(scan(image), findByRule(image), `byte ${byte}`);
    }
  });

  it("starts over in the middle of a marker that turns out to be none", () => {
    for (const start of ["b", "bl", "blnkinf", "blnkinfblnkinf", "bbb", "blnkinblnkin"]) {
      assert.deepEqual(scan(ascii(`${start}${MARKER}a\0b\0\0`))?.offset, start.length, start);
    }
  });

  it("goes on after a tag that holds a bad character", () => {
    const image = ascii(`${MARKER}mcu\x001+0\0\0${MARKER}a\0b\0\0`);
    assert.deepEqual(scan(image)?.pairs as unknown, [["a", "b"]]);
  });

  it("keeps the first tag and looks no further", () => {
    const scanner = new InfoTagScanner();
    scanner.push(tag);
    const first = scanner.tag;
    scanner.push(ascii(`${MARKER}mcu\x009.9.9\0\0`));
    assert.strictEqual(scanner.tag, first);
    assert.deepEqual(first, found(0));
  });

  it("prefers the MCU's tag to one of an NCP before it, and to nothing else", () => {
    const ncp = ascii(`${MARKER}ncp\x000.1.0\0fw-type\0ferry\0\0`);
    const nobody = ascii(`${MARKER}fw-type\0T\0\0`);
    const last = (...parts: Uint8Array[]) => scanInSteps(Uint8Array.of(...parts.flatMap((part) => [...part])), 7);
    assert.deepEqual(last(ncp, tag)?.pairs, found(0).pairs);
    assert.strictEqual(last(ncp, tag)?.offset, ncp.length);
    for (const [first, ...others] of [
      [tag, ncp],
      [ncp, ncp, nobody],
      [nobody, tag],
    ] as const) {
      assert.deepEqual(last(first, ...others), last(first), "the first wins");
    }
    const version = ascii(`${MARKER}mcu\x009.9.9\0\0`);
    assert.strictEqual(firmwareOf(last(ncp, tag, version) as InfoTag).version, "1.2.3", "the first of an MCU");
  });

  it("counts the offset over all pieces, empty ones too", () => {
    const scanner = new InfoTagScanner();
    scanner.push(new Uint8Array(100_000));
    scanner.push(new Uint8Array(0));
    scanner.push(new Uint8Array(23).fill(0x62));
    scanner.push(tag);
    assert.equal(scanner.tag?.offset, 100_023);
  });

  it("looks at tags of 512 bytes, and not at longer ones", () => {
    const sized = (bodyBytes: number) => ascii(`${MARKER}k\0${"v".repeat(bodyBytes - 4)}\0\0`);
    assert.equal(TAG_BYTES_MAX, 512);
    assert.lengthOf(scan(sized(512))?.pairs[0]?.[1] as string, 508);
    assert.isUndefined(scan(sized(513)));
    assert.isUndefined(scan(sized(100_000)));
  });

  it("finds the tag behind a marker that is followed by an endless run of letters", () => {
    // Not as arguments: thousands of them are more than the engine's stack.
    const image = Uint8Array.from([...ascii(`${MARKER}${"text ".repeat(400)}+`), ...tag]);
    assert.deepEqual(scan(image), found(8 + 2000 + 1));
    assert.deepEqual(scanInSteps(image, 64), found(8 + 2000 + 1));
  });

  it("finds the tag that begins where it gives up on a long one", () => {
    const image = Uint8Array.of(...ascii(MARKER + "x".repeat(TAG_BYTES_MAX)), ...tag);
    for (const stepBytes of [1, 64, 4096]) assert.deepEqual(scanInSteps(image, stepBytes), found(8 + TAG_BYTES_MAX));
  });

  it("finds nothing in long runs of zeros, of the marker's first letter, and of markers without an end", () => {
    for (const image of [new Uint8Array(5000), new Uint8Array(5000).fill(0x62), ascii("blnkinf".repeat(700))]) {
      assert.isUndefined(scanInSteps(image, 1024));
    }
  });

  it("takes three NULs behind the marker for a tag that says nothing, as the rule does", () => {
    const image = ascii(`${MARKER}\0\0\0`);
    assert.deepEqual(scan(image), findByRule(image));
    assert.isDefined(scan(image));
    assert.isUndefined(scan(image.subarray(0, image.length - 1)));
  });
});

describe("a tag's firmware", () => {
  const tagOf = (...pairs: [string, string][]): InfoTag => ({ offset: 0, pairs });

  it("is the MCU's or Ferry's own by its first key, with what it says of type and build", () => {
    assert.deepEqual(firmwareOf(tagOf(["mcu", "1.0"], ["fw-type", "T"], ["build", "B"], ["blynk", "0.7"])), {
      target: "mcu",
      type: "T",
      version: "1.0",
      build: "B",
    });
    assert.deepEqual(firmwareOf(tagOf(["ncp", "2.0"])), { target: "ncp", type: "", version: "2.0", build: "" });
    assert.deepEqual(firmwareOf(tagOf(["fw-type", "T"])), { target: "unknown", type: "T", version: "", build: "" });
    assert.deepEqual(firmwareOf(tagOf()), { target: "unknown", type: "", version: "", build: "" });
  });

  it("is known again when it comes from storage, and nothing else is", () => {
    assert.isTrue(isFirmwareInfo({ type: "T", version: "1", build: "" }));
    for (const value of [null, [], "T", { type: "T", version: "1" }, { type: 1, version: "1", build: "" }]) {
      assert.isFalse(isFirmwareInfo(value));
    }
  });

  it("is not found where a value is in another alphabet", () => {
    assert.isUndefined(scan(encodeUtf8(`${MARKER}mcu\0версія\0\0`)));
  });
});
