/** The ground everything stands on: bytes, text, checksums, URLs, JSON. */

import { assert } from "chai";
import { crc32Of } from "../host/peers/mcu-framing.js";
import { Random } from "../host/sim/random.js";
import { ByteReader, ByteWriter } from "../src/base/bytes.js";
import { CRC8_TABLE, crc8, crc32 } from "../src/base/crc.js";
import { failure, messageOf } from "../src/base/failure.js";
import { deepFreeze } from "../src/base/freeze.js";
import { fromHex, toHex } from "../src/base/hex.js";
import { isRecord, JSON_DEPTH_MAX, parseJson } from "../src/base/json.js";
import { FILE_NAME_LENGTH_MAX, fileNameOf, parseUrl, resolveUrl, URL_LENGTH_MAX } from "../src/base/url.js";
import { cutUtf8, decodeUtf8, encodeUtf8, utf8Length, writeUtf8 } from "../src/base/utf8.js";

describe("a byte reader", () => {
  it("reads little-endian fields in order, to the last byte", () => {
    const bytes = fromHex("01 0203 feff 04050607 0102030405060780 68c3a900 aabb".replaceAll(" ", "")) as Uint8Array;
    const reader = new ByteReader(bytes);
    assert.equal(reader.u8(), 1);
    assert.equal(reader.u16(), 0x0302);
    assert.equal(reader.i16(), -2);
    assert.equal(reader.u32(), 0x0706_0504);
    assert.equal(reader.i64(), -0x7ff8_f9fa_fbfc_fdffn);
    assert.equal(reader.text(), "hé");
    assert.deepEqual(reader.bytes(2), Uint8Array.of(0xaa, 0xbb));
    assert.equal(reader.remaining, 0);
    assert.isFalse(reader.failed);
  });

  it("reads u32 beyond 2^31 as a positive number", () => {
    assert.equal(new ByteReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff)).u32(), 0xffff_ffff);
  });

  it("gives zeros and nothing for all fields from the first that does not fit", () => {
    const fields = ["u8", "u16", "i16", "u32", "i64"] as const;
    for (const [index, field] of fields.entries()) {
      const width = [1, 2, 2, 4, 8][index] as number;
      const reader = new ByteReader(new Uint8Array(64).fill(0xff), 0, width - 1);
      assert.equal(Number(reader[field]()), 0, field);
      assert.isTrue(reader.failed, field);
      assert.equal(reader.u8(), 0, `a byte was left after ${field}, but it must not be read any more`);
      assert.equal(reader.text(), "");
      assert.lengthOf(reader.bytes(0), 0);
      assert.isTrue(reader.failed);
    }
  });

  it("never looks beyond its end, though the buffer goes on", () => {
    const bytes = fromHex("aabbcc610062") as Uint8Array;
    const text = new ByteReader(bytes, 3, 4);
    assert.equal(text.text(), "");
    assert.isTrue(text.failed, "the NUL stands beyond the end");
    const tail = new ByteReader(bytes, 1, 3);
    assert.lengthOf(tail.bytes(3), 0);
    assert.isTrue(tail.failed);
  });

  it("takes the NUL that is the very last byte, and an empty text", () => {
    const reader = new ByteReader(fromHex("00610000") as Uint8Array, 0, 3);
    assert.deepEqual([reader.text(), reader.text(), reader.failed, reader.remaining], ["", "a", false, 0]);
  });

  it("reads numbers through a view at an odd place of its buffer", () => {
    const bytes = (fromHex("ffff0102030405060708ff") as Uint8Array).subarray(2, 10);
    assert.equal(new ByteReader(bytes).i64(), 0x0807_0605_0403_0201n);
  });

  it("begins anew over other bytes, and over the same ones once they have changed", () => {
    const first = Uint8Array.of(1, 2);
    const reader = new ByteReader(first);
    reader.u32();
    assert.isTrue(reader.failed);
    first[0] = 9;
    reader.reset(first);
    assert.deepEqual([reader.failed, reader.remaining, reader.u16()], [false, 2, 0x0209]);
    reader.reset(Uint8Array.of(7, 8, 9), 1);
    assert.deepEqual([reader.remaining, reader.u16()], [2, 0x0908]);
  });

  it("hands out views, not copies", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const view = new ByteReader(bytes).bytes(2);
    bytes[1] = 99;
    assert.deepEqual(view, Uint8Array.of(1, 99));
  });
});

/** One above the smallest i64: an older XS, as the tests run on, reads the smallest itself as -0n. */
const I64_SMALL = -(2n ** 63n) + 1n;

describe("a byte writer", () => {
  it("writes what a reader reads", () => {
    const writer = new ByteWriter(64);
    writer.u8(255);
    writer.u16(0xa55a);
    writer.i16(-300);
    writer.u32(0xffff_fffe);
    writer.i64(I64_SMALL);
    writer.text("naïve 🦊");
    writer.raw(Uint8Array.of(1, 2));
    const reader = new ByteReader(writer.bytes, 0, writer.length);
    assert.deepEqual([reader.u8(), reader.u16(), reader.i16(), reader.u32()], [255, 0xa55a, -300, 0xffff_fffe]);
    assert.equal(reader.i64(), I64_SMALL);
    assert.equal(reader.text(), "naïve 🦊");
    assert.deepEqual(reader.bytes(2), Uint8Array.of(1, 2));
    assert.deepEqual([reader.failed, reader.remaining, writer.overflowed], [false, 0, false]);
  });

  it("takes what fits to the last byte, and nothing more once something did not fit", () => {
    const writer = new ByteWriter(4);
    writer.u32(1);
    assert.isFalse(writer.overflowed);
    writer.raw(new Uint8Array(0));
    assert.isFalse(writer.overflowed, "nothing always fits");
    writer.u8(1);
    assert.isTrue(writer.overflowed);
    const second = new ByteWriter(4);
    second.text("abcd");
    second.u8(7);
    assert.deepEqual([second.overflowed, second.length], [true, 0]);
    second.reset();
    second.text("abc");
    assert.deepEqual([second.overflowed, toHex(second.copy())], [false, "61626300"]);
  });

  it("cuts a text at a NUL, which would end it there for its reader", () => {
    const writer = new ByteWriter(8);
    writer.text("ab\0cd");
    writer.u8(7);
    assert.equal(toHex(writer.copy()), "61620007");
  });

  it("copies into an array of its own", () => {
    const writer = new ByteWriter(4);
    writer.u8(1);
    const copy = writer.copy();
    writer.reset();
    writer.u8(2);
    assert.deepEqual(copy, Uint8Array.of(1));
  });

  it("does not copy what stands in place already", () => {
    const writer = new ByteWriter(8);
    const place = writer.place(2, 3);
    place.set([7, 8, 9]);
    writer.u16(3);
    writer.raw(place);
    assert.equal(toHex(writer.copy()), "0300070809");
    assert.lengthOf(writer.place(6, 5), 2, "no more than there is");
  });
});

// ---- UTF-8 ----------------------------------------------------------------------------------------------------

const R = "\ufffd";

/** Bytes and what every TextDecoder makes of them (WHATWG's decoder: one U+FFFD per longest beginning). */
const DECODED: readonly (readonly [hex: string, text: string, why: string])[] = [
  ["", "", "nothing"],
  ["00", "\0", "NUL"],
  ["41427f", "AB\x7f", "ASCII"],
  ["c280", "\u0080", "the first of two bytes"],
  ["dfbf", "\u07ff", "the last of two bytes"],
  ["e0a080", "\u0800", "the first of three bytes"],
  ["ed9fbf", "\ud7ff", "the last before the surrogates"],
  ["ee8080", "\ue000", "the first after the surrogates"],
  ["efbfbd", R, "the replacement character itself"],
  ["efbfbf", "\uffff", "the last of three bytes"],
  ["f0908080", "\u{10000}", "the first of four bytes"],
  ["f48fbfbf", "\u{10ffff}", "the last of Unicode"],
  ["efbbbf41", "\ufeffA", "a byte order mark is kept"],
  ["80", R, "a continuation alone"],
  ["bf", R, "a continuation alone"],
  ["808182", R + R + R, "continuations alone"],
  ["41804280", `A${R}B${R}`, "continuations between letters"],
  ["c0", R, "never valid"],
  ["c080", R + R, "an overlong NUL"],
  ["c1bf", R + R, "overlong, two bytes"],
  ["e08080", R + R + R, "overlong, three bytes"],
  ["e09fbf", R + R + R, "the last overlong of three bytes"],
  ["f0808080", R + R + R + R, "overlong, four bytes"],
  ["f08fbfbf", R + R + R + R, "the last overlong of four bytes"],
  ["eda080", R + R + R, "the first surrogate"],
  ["edbfbf", R + R + R, "the last surrogate"],
  ["eda081edb080", R.repeat(6), "a pair of surrogates"],
  ["f4908080", R + R + R + R, "one beyond Unicode"],
  ["f5808080", R + R + R + R, "never valid"],
  ["f888808080", R.repeat(5), "five bytes"],
  ["fc8480808080", R.repeat(6), "six bytes"],
  ["fe", R, "never valid"],
  ["ff", R, "never valid"],
  ["c2", R, "two bytes cut short"],
  ["c241", `${R}A`, "two bytes cut short by a letter"],
  ["c2c3a9", `${R}é`, "two bytes cut short by a good character"],
  ["e2", R, "three bytes cut after one"],
  ["e282", R, "three bytes cut after two"],
  ["e28241", `${R}A`, "three bytes cut short by a letter"],
  ["e282e282ac", `${R}€`, "three bytes cut short by a good character"],
  ["f09f", R, "four bytes cut after two"],
  ["f09fa6", R, "four bytes cut after three"],
  ["f09fa641", `${R}A`, "four bytes cut short by a letter"],
  ["f09fa6f09fa68a", `${R}🦊`, "four bytes cut short by a good character"],
  ["f0419fa68a", `${R}A${R}${R}${R}`, "a letter in the second place"],
  ["e2c3a9", `${R}é`, "a lead in the second place"],
  ["f080c3a9", `${R}${R}é`, "a bad second byte, then a good character"],
];

describe("UTF-8", () => {
  it("is decoded as the reference says, whatever the bytes", () => {
    for (const [hex, text, why] of DECODED) {
      assert.equal(decodeUtf8(fromHex(hex) as Uint8Array), text, `${hex}: ${why}`);
    }
  });

  it("is decoded between two places only", () => {
    const bytes = fromHex("41e282ac42") as Uint8Array;
    assert.equal(decodeUtf8(bytes, 1, 4), "€");
    assert.equal(decodeUtf8(bytes, 1, 3), R, "the last byte stands beyond the end");
    assert.equal(decodeUtf8(bytes, 3, 5), `${R}B`);
    assert.equal(decodeUtf8(bytes, 2, 2), "");
  });

  it("is encoded, measured and read back for every kind of character", () => {
    const borders = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x1_0000, 0x10_ffff];
    for (const point of borders) {
      const text = String.fromCodePoint(point);
      const bytes = encodeUtf8(text);
      assert.equal(bytes.length, utf8Length(text));
      assert.equal(decodeUtf8(bytes), text, point.toString(16));
    }
    assert.equal(toHex(encodeUtf8("€🦊")), "e282acf09fa68a");
  });

  it("has lone surrogates encoded as U+FFFD, where they stand", () => {
    assert.equal(toHex(encodeUtf8("\ud800")), "efbfbd");
    assert.equal(toHex(encodeUtf8("\udc00a")), "efbfbd61");
    assert.equal(toHex(encodeUtf8("\ud83d\ud83e\udd8a")), "efbfbdf09fa68a");
    assert.equal(utf8Length("a\ud800"), 4);
  });

  it("is cut to so many bytes at the end of a character", () => {
    const text = "aé€🦊";
    const cuts = ["", "a", "a", "aé", "aé", "aé", "aé€", "aé€", "aé€", "aé€", text, text];
    for (const [bytesMax, cut] of cuts.entries()) assert.equal(cutUtf8(text, bytesMax), cut, String(bytesMax));
    assert.equal(cutUtf8("\ud800\ud800", 5), "\ud800");
    assert.equal(cutUtf8("", 0), "");
  });

  it("is written into a larger array, at a place", () => {
    const bytes = new Uint8Array(6).fill(0xee);
    assert.equal(writeUtf8("é", bytes, 2), 4);
    assert.equal(toHex(bytes), "eeeec3a9eeee");
  });

  it("never throws and never grows beyond one character a byte, for any bytes", () => {
    const random = new Random(8);
    for (let round = 0; round < 300; round++) {
      const bytes = random.bytes(random.below(24));
      // the upper half is where the leads and continuations are
      for (let i = 0; i < bytes.length; i++) if (random.chance(0.8)) bytes[i] = (bytes[i] as number) | 0x80;
      const text = decodeUtf8(bytes);
      assert.isAtMost(text.length, bytes.length);
      const again = encodeUtf8(text);
      assert.equal(decodeUtf8(again), text, toHex(bytes));
    }
  });
});

// ---- checksums and hexadecimal -----------------------------------------------------------------------------------

describe("the checksums", () => {
  const check = encodeUtf8("123456789");

  it("give their check values", () => {
    assert.equal(crc8(check), 0xf4);
    assert.equal(crc32(check), 0xcbf4_3926);
    assert.deepEqual([crc8(new Uint8Array(0)), crc32(new Uint8Array(0))], [0, 0]);
  });

  it("have the table of polynomial 07", () => {
    assert.lengthOf(CRC8_TABLE, 256);
    assert.equal(toHex(CRC8_TABLE.subarray(0, 8)), "00070e091c1b1215");
    assert.equal(CRC8_TABLE[255], 0xf3);
    assert.lengthOf([...new Set(CRC8_TABLE)], 256);
  });

  it("go on from an earlier value, wherever the bytes are cut", () => {
    for (let cut = 0; cut <= check.length; cut++) {
      assert.equal(crc8(check, cut, check.length, crc8(check, 0, cut)), 0xf4);
      assert.equal(crc32(check.subarray(cut), crc32(check.subarray(0, cut))), 0xcbf4_3926);
    }
  });

  it("agree with another implementation on random bytes of every small length", () => {
    const random = new Random(32);
    for (let length = 0; length < 80; length++) {
      const bytes = random.bytes(length);
      assert.equal(crc32(bytes), crc32Of(bytes), `${length} bytes`);
    }
  });

  it("end at zero over bytes and their own CRC-8, and not with any single bit changed", () => {
    const frame = Uint8Array.of(...check, 0xf4);
    assert.equal(crc8(frame), 0);
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.notEqual(crc8(changed), 0);
    }
  });
});

describe("hexadecimal text", () => {
  it("shows every byte as two digits, and is read back in either case", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const text = toHex(bytes);
    assert.lengthOf(text, 512);
    assert.equal(text.slice(0, 8), "00010203");
    assert.equal(text.slice(-8), "fcfdfeff");
    assert.deepEqual(fromHex(text), bytes);
    assert.deepEqual(fromHex(text.toUpperCase()), bytes);
    assert.deepEqual(fromHex(""), new Uint8Array(0));
  });

  it("is nothing else", () => {
    for (const text of ["0", "abc", "0g", "g0", "0x10", " 0a ", "a b ", "--", "é0", "00\0\0"]) {
      assert.isUndefined(fromHex(text), text);
    }
  });
});

// ---- URLs -------------------------------------------------------------------------------------------------------

describe("a URL", () => {
  it("is taken apart", () => {
    const parts = (secure: boolean, host: string, port: number, path: string) => ({ secure, host, port, path });
    const table: [string, ReturnType<typeof parts>][] = [
      ["http://host", parts(false, "host", 80, "/")],
      ["http://host/", parts(false, "host", 80, "/")],
      ["https://host/a/b.bin", parts(true, "host", 443, "/a/b.bin")],
      ["HTTPS://Files.Example/Path", parts(true, "files.example", 443, "/Path")],
      ["http://host:8080/x", parts(false, "host", 8080, "/x")],
      ["http://192.168.1.2:1/x", parts(false, "192.168.1.2", 1, "/x")],
      ["https://host:65535", parts(true, "host", 65535, "/")],
      ["http://host?token=1", parts(false, "host", 80, "/?token=1")],
      ["http://host/f?a=b/c@d:e#part", parts(false, "host", 80, "/f?a=b/c@d:e")],
      ["http://host#part", parts(false, "host", 80, "/")],
      ["http://host/%C3%A9?x=%20", parts(false, "host", 80, "/%C3%A9?x=%20")],
    ];
    for (const [url, expected] of table) assert.deepEqual(parseUrl(url), expected, url);
  });

  it("is refused with a phrase that says what is wrong", () => {
    const table: [string, RegExp][] = [
      ["", /neither http/],
      ["ftp://host/x", /neither http/],
      ["host/x", /neither http/],
      ["//host/x", /neither http/],
      ["http:/host", /neither http/],
      ["x?u=http://host/", /neither http/],
      ["http://", /names no host/],
      ["http:///x", /names no host/],
      ["http://:80/x", /names no host/],
      ["http://host:/x", /bad port/],
      ["http://host:0/x", /bad port/],
      ["http://host:65536/x", /bad port/],
      ["http://host:8o/x", /bad port/],
      ["http://host:+80/x", /bad port/],
      ["http://host:000080/x", /bad port/],
      ["http://a:b:80/x", /bad port/],
      ["http://user@host/x", /user name/],
      ["http://user:secret@host/x", /user name/],
      ["http://[::1]/x", /IPv6/],
      ["http://[fe80::1]:80/x", /IPv6/],
      ["http://host/a b", /percent-encode/],
      ["http://host/a\r\nEvil: x", /percent-encode/],
      ["http://host/\0", /percent-encode/],
      ["http://host/\x7f", /percent-encode/],
      ["http://hôst/é", /percent-encode/],
    ];
    for (const [url, problem] of table) {
      const parsed = parseUrl(url);
      assert.isString(parsed, url);
      assert.match(parsed as string, problem, url);
    }
  });

  it("may have 512 characters and no more", () => {
    const longest = `http://host/${"a".repeat(URL_LENGTH_MAX - 12)}`;
    assert.isObject(parseUrl(longest));
    assert.match(parseUrl(`${longest}a`) as string, /longer than 512/);
  });

  it("never makes the parser throw", () => {
    const random = new Random(3);
    const pieces = [
      "http",
      "https",
      "://",
      ":",
      "/",
      "?",
      "#",
      "@",
      "[",
      "]",
      "host",
      ".",
      "..",
      "80",
      "\u00e9",
      "\0",
      " ",
    ];
    for (let round = 0; round < 2000; round++) {
      let url = random.chance(0.5) ? "http://" : "";
      for (let n = random.below(8); n > 0; n--) url += pieces[random.below(pieces.length)];
      const parsed = parseUrl(url);
      if (typeof parsed === "string") continue;
      assert.isTrue(parsed.path.startsWith("/") && parsed.host.length > 0, url);
      // What was understood is understood again.
      const scheme = parsed.secure ? "https" : "http";
      assert.deepEqual(parseUrl(`${scheme}://${parsed.host}:${parsed.port}${parsed.path}`), parsed, url);
    }
  });
});

describe("a location", () => {
  const resolve = (base: string, location: string): string => {
    const parsed = parseUrl(base);
    if (typeof parsed === "string") throw new Error(parsed);
    return resolveUrl(parsed, location);
  };

  it("is resolved against its page as RFC 3986 says (5.4)", () => {
    const table: [string, string][] = [
      ["g", "/b/c/g"],
      ["./g", "/b/c/g"],
      ["g/", "/b/c/g/"],
      ["/g", "/g"],
      ["?y", "/b/c/d;p?y"],
      ["g?y", "/b/c/g?y"],
      ["#s", "/b/c/d;p?q#s"],
      ["g#s", "/b/c/g#s"],
      ["g?y#s", "/b/c/g?y#s"],
      [";x", "/b/c/;x"],
      ["g;x?y#s", "/b/c/g;x?y#s"],
      ["", "/b/c/d;p?q"],
      [".", "/b/c/"],
      ["./", "/b/c/"],
      ["..", "/b/"],
      ["../", "/b/"],
      ["../g", "/b/g"],
      ["../..", "/"],
      ["../../g", "/g"],
      ["../../../g", "/g"],
      ["/./g", "/g"],
      ["/../g", "/g"],
      ["g.", "/b/c/g."],
      [".g", "/b/c/.g"],
      ["..g", "/b/c/..g"],
      ["./../g", "/b/g"],
      ["./g/.", "/b/c/g/"],
      ["g/../h", "/b/c/h"],
      ["g;x=1/../y", "/b/c/y"],
      ["g?y/../x", "/b/c/g?y/../x"],
      ["x//y/../z", "/b/c/x//z"],
    ];
    for (const [location, path] of table) {
      assert.equal(resolve("http://a/b/c/d;p?q", location), `http://a:80${path}`, location);
    }
  });

  it("keeps scheme, host and port where it names none", () => {
    assert.equal(resolve("https://a:8443/b", "/g"), "https://a:8443/g");
    assert.equal(resolve("https://a:8443/b", "//c/g"), "https://c/g");
    assert.equal(resolve("http://a/b", "//c:81/g"), "http://c:81/g");
    assert.equal(resolve("http://a", "g"), "http://a:80/g");
    assert.equal(resolve("http://a/b?x=/y/z", "g"), "http://a:80/g");
  });

  it("is taken as it is where it names a scheme, and only then", () => {
    assert.equal(resolve("http://a/b", "https://c/g"), "https://c/g");
    assert.equal(resolve("http://a/b", "HTTPS://c/g"), "HTTPS://c/g");
    assert.equal(resolve("http://a/b", "mailto:x"), "mailto:x");
    assert.equal(resolve("http://a/b", "/login?next=http://c/g"), "http://a:80/login?next=http://c/g");
    assert.equal(resolve("http://a/b/", "get?from=https://c"), "http://a:80/b/get?from=https://c");
    assert.equal(resolve("http://a/b/", "/a:b"), "http://a:80/a:b");
  });
});

describe("the name of a file", () => {
  it("is what stands behind the last slash of the path", () => {
    assert.equal(fileNameOf("http://host/a/fw.bin"), "fw.bin");
    assert.equal(fileNameOf("http://host/a/fw.bin?token=/x/y#z"), "fw.bin");
    assert.equal(fileNameOf("http://host/fw"), "fw");
  });

  it("is firmware.bin where there is none", () => {
    for (const url of ["http://host", "http://host/", "http://host/a/", "http://host?x=1/fw.bin", "no url"]) {
      assert.equal(fileNameOf(url), "firmware.bin", url);
    }
  });

  it("keeps the end of a long one: an MCU must have room for it in its offer", () => {
    const name = fileNameOf(`http://host/${"a".repeat(100)}-1.2.3.bin`);
    assert.lengthOf(name, FILE_NAME_LENGTH_MAX);
    assert.isTrue(name.endsWith("a-1.2.3.bin"));
  });
});

// ---- the rest -----------------------------------------------------------------------------------------------------

describe("JSON from outside", () => {
  it("is parsed, and undefined where it is none", () => {
    assert.deepEqual(parseJson('{"a":[1,null]}'), { a: [1, null] });
    assert.isNull(parseJson("null"));
    for (const text of ["", "{", "{a:1}", "undefined", "'x'", "{} {}", "\0"]) assert.isUndefined(parseJson(text), text);
  });

  it("is undefined where it is too deep for an engine's stack, however much of it there is", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    assert.isDefined(parseJson(nested(JSON_DEPTH_MAX)));
    assert.isUndefined(parseJson(nested(JSON_DEPTH_MAX + 1)));
    assert.isUndefined(parseJson("[".repeat(100_000)));
    assert.isUndefined(parseJson(`[${'{"a":'.repeat(JSON_DEPTH_MAX)}1${"}".repeat(JSON_DEPTH_MAX)}]`));
  });

  it("has the properties that were named", () => {
    const value = parseJson('{"a":{"a":1,"x":[{"b":2}]},"b":[{"a":3}],"y":4}', ["a", "b"]);
    assert.isTrue(isRecord(value));
    assert.deepInclude(value, { b: [{ a: 3 }] });
    assert.deepInclude((value as { a: object }).a, { a: 1 });
    assert.isUndefined(parseJson("{", ["a"]));
  });

  it("takes brackets in strings for letters", () => {
    const text = `${"[".repeat(100)}\\"{{"`;
    assert.deepEqual(parseJson(JSON.stringify({ [text]: [text] })), { [text]: [text] });
    assert.deepEqual(parseJson(`[${Array(100).fill("[]").join()}]`), Array(100).fill([]));
  });

  it("is a record where it is an object with names", () => {
    assert.isTrue(isRecord({}));
    assert.isTrue(isRecord(parseJson('{"a":1}')));
    for (const value of [null, undefined, [], "a", 1, true]) assert.isFalse(isRecord(value), String(value));
  });
});

describe("a frozen table", () => {
  it("is frozen to its last leaf", () => {
    const table = deepFreeze({ a: { b: [{ c: 1 }] }, text: "x" });
    assert.isTrue(Object.isFrozen(table) && Object.isFrozen(table.a) && Object.isFrozen(table.a.b));
    assert.isTrue(Object.isFrozen(table.a.b[0]));
    assert.throws(() => {
      table.a.b.push({ c: 2 });
    }, TypeError);
  });
});

describe("a failure", () => {
  it("has an offset only where there is one", () => {
    assert.deepEqual(failure("download", "stalled", "no byte for 30 s", 512), {
      stage: "download",
      cause: "stalled",
      detail: "no byte for 30 s",
      offset: 512,
    });
    assert.notProperty(failure("offer", "declined", "the MCU said no"), "offset");
    assert.property(failure("transfer", "rejected", "at the first byte", 0), "offset");
  });

  it("has a text for whatever was thrown", () => {
    const table: [unknown, string][] = [
      [new Error("disk full"), "disk full"],
      [new RangeError(""), "RangeError"],
      ["text", "text"],
      [undefined, "undefined"],
      [null, "null"],
      [42, "42"],
    ];
    for (const [thrown, text] of table) assert.equal(messageOf(thrown), text);
  });
});
