/** Who may sign images of Ferry: the key in the configuration, and the range that the SDK's ECDSA does not look at. */

import { assert } from "chai";
import { fromHex, toHex } from "../src/base/hex.js";
import { makeVerifyP256, parseUpdateKey } from "../src/device/update-key.js";

const bytesOf = (hex: string) => fromHex(hex) as Uint8Array;

// RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
const X = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const Y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const KEY = bytesOf(`04${X}${Y}`);
const KEY_IN_BASE64 = "BGD+1LolWp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2eQP+EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk=";
const DIGEST = bytesOf("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
const R = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
const S = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
const ZERO = "00".repeat(32);
const ORDER = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

describe("The key that images of Ferry are signed with", () => {
  it("is none where the product names none", () => {
    for (const given of [undefined, "", "none"]) assert.equal(parseUpdateKey(given), "none");
  });

  it("is read in hexadecimal and in base64", () => {
    for (const given of [toHex(KEY), toHex(KEY).toUpperCase(), KEY_IN_BASE64]) {
      assert.deepEqual(parseUpdateKey(given), KEY);
    }
  });

  it("is unusable, and never none, where it cannot be read", () => {
    const compressed = `02${X}`;
    const cases = [
      toHex(KEY).slice(2),
      `${toHex(KEY)}00`,
      `05${toHex(KEY).slice(2)}`,
      compressed,
      "my key",
      5,
      {},
      null,
    ];
    for (const given of cases) assert.equal(parseUpdateKey(given), "unusable", String(given));
  });
});

describe("A signature, as the SDK's ECDSA is asked", () => {
  let asked: { key: object; curve: object; digest: string; signature: string }[];
  let answer: () => boolean;

  class Curve {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
  }
  class Point {
    readonly x: bigint;
    readonly y: bigint;
    constructor(x: bigint, y: bigint) {
      this.x = x;
      this.y = y;
    }
  }
  class Ecdsa {
    readonly #key: object;
    readonly #curve: object;
    constructor(key: object, curve: object) {
      this.#key = key;
      this.#curve = curve;
    }
    verify(digest: ArrayBuffer, signature: ArrayBuffer): boolean {
      const [told, signed] = [digest, signature].map((buffer) => toHex(new Uint8Array(buffer)));
      asked.push({ key: this.#key, curve: this.#curve, digest: told ?? "", signature: signed ?? "" });
      return answer();
    }
  }

  const verify = makeVerifyP256({ Ecdsa, Curve, Point });

  beforeEach(() => {
    asked = [];
    answer = () => true;
  });

  it("is judged by the point, the curve, the digest, and r and s alone, wherever they lie in memory", () => {
    const inside = (bytes: Uint8Array) => Uint8Array.of(9, ...bytes, 9).subarray(1, 1 + bytes.length);
    assert.isTrue(verify(inside(KEY), inside(DIGEST), inside(bytesOf(R + S))));
    const key = new Point(BigInt(`0x${X}`), BigInt(`0x${Y}`));
    assert.deepEqual(asked, [{ key, curve: new Curve("secp256r1"), digest: toHex(DIGEST), signature: R + S }]);
  });

  it("is none when the SDK says so, or throws", () => {
    answer = () => false;
    assert.isFalse(verify(KEY, DIGEST, bytesOf(R + S)));
    answer = () => {
      throw new Error("no inverse");
    };
    assert.isFalse(verify(KEY, DIGEST, bytesOf(R + S)));
    assert.lengthOf(asked, 2);
  });

  it("is none with a number out of range, of another length, or under a key of another form", () => {
    for (const [r, s] of [
      [ZERO, ZERO],
      [ZERO, S],
      [R, ZERO],
      [ORDER, S],
      [R, ORDER],
      [R, "ff".repeat(32)],
    ] as const) {
      assert.isFalse(verify(KEY, DIGEST, bytesOf(r + s)), r + s);
    }
    for (const signature of [bytesOf(R), bytesOf(`${R}${S}00`)]) assert.isFalse(verify(KEY, DIGEST, signature));
    for (const key of [KEY.slice(1), bytesOf(`02${X}${Y}`)]) assert.isFalse(verify(key, DIGEST, bytesOf(R + S)));
    assert.isEmpty(asked);
  });
});
