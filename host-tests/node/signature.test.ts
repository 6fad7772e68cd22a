/** Signatures of P-256 on Node: the port that checks them, and an update of Ferry that depends on it. */

import { createHash, createSign, generateKeyPairSync } from "node:crypto";
import { assert } from "chai";
import { verifyP256 } from "../../host/node/p256.js";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { fromHex } from "../../src/base/hex.js";
import { PUBLIC_KEY_BYTES, trailerOf } from "../../src/image/signature.js";
import { NEW_VERSION, SelfBench } from "../support/self-bench.js";

const bytesOf = (hex: string) => fromHex(hex) as Uint8Array;

// RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
const PUBLIC_KEY = bytesOf(
  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
);
const DIGEST = bytesOf("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
const SIGNATURE = bytesOf(
  "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
);

describe("The port that checks signatures", () => {
  it("accepts a signature of RFC 6979", () => {
    assert.isTrue(verifyP256(PUBLIC_KEY, DIGEST, SIGNATURE));
  });

  it("refuses any other digest, signature or key, and whatever is none of them", () => {
    const changed = (bytes: Uint8Array, at: number) => {
      const copy = bytes.slice();
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    assert.isFalse(verifyP256(PUBLIC_KEY, changed(DIGEST, 31), SIGNATURE));
    assert.isFalse(verifyP256(PUBLIC_KEY, DIGEST, changed(SIGNATURE, 0)));
    assert.isFalse(verifyP256(PUBLIC_KEY, DIGEST, changed(SIGNATURE, 63)));
    assert.isFalse(verifyP256(changed(PUBLIC_KEY, 64), DIGEST, SIGNATURE), "no point of the curve");
    assert.isFalse(verifyP256(PUBLIC_KEY, DIGEST, new Uint8Array(64)));
    assert.isFalse(verifyP256(PUBLIC_KEY, DIGEST, SIGNATURE.subarray(0, 63)));
    assert.isFalse(verifyP256(new Uint8Array(65), DIGEST, SIGNATURE));
    assert.isFalse(verifyP256(new Uint8Array(0), DIGEST, SIGNATURE));
  });

  it("accepts what Node signs, whichever of its two forms a signature has", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const point = publicKey.export({ type: "spki", format: "der" }).subarray(-PUBLIC_KEY_BYTES);
    for (let run = 0; run < 20; run++) {
      const message = Buffer.from([run]);
      const signature = createSign("sha256").update(message).sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
      assert.isTrue(verifyP256(point, createHash("sha256").update(message).digest(), signature));
    }
  });
});

describe("An update of Ferry that has to be signed", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const point = publicKey.export({ type: "spki", format: "der" }).subarray(-PUBLIC_KEY_BYTES);
  const image = makeFerryImage({ version: NEW_VERSION, bytes: 8_000 });
  const signature = createSign("sha256").update(image).sign({ key: privateKey, dsaEncoding: "ieee-p1363" });
  const signed = new Uint8Array([...image, ...trailerOf(signature)]);

  function update(served: Uint8Array) {
    const bench = new SelfBench({
      image: served,
      overrides: { selfUpdate: { signature: { publicKey: point, verifyP256 } } },
    });
    bench.start();
    assert.isUndefined(bench.offerFerry());
    const verdict = bench.awaitSelfVerdict();
    return { version: bench.runningVersion, verdict };
  }

  it("is installed with the right signature", () => {
    assert.deepEqual(update(signed), { version: NEW_VERSION, verdict: { kind: "succeeded", proof: "confirmed" } });
  });

  it("is refused with any other", () => {
    for (const at of [signed.length - 1, signed.length - 33, signed.length - 64]) {
      const changed = signed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { verdict } = update(changed);
      assert.deepInclude(verdict.kind === "failed" && verdict.failure, { stage: "verify", cause: "untrusted" });
    }
  });
});
