/** Digests that a server gives with its file (x-sha256 in Base64, x-md5 in hex), as Blynk's does. */

import { assert } from "chai";
import { FIRMWARE_PATH, Workbench } from "../host/peers/workbench.js";
import { SimDigest } from "../host/sim/digest.js";
import { fromBase64 } from "../src/base/base64.js";
import { toHex } from "../src/base/hex.js";
import { announcedDigests } from "../src/download/response.js";

function digestOf(algorithm: "MD5" | "SHA256", bytes: Uint8Array): Uint8Array {
  const digest = new SimDigest(algorithm);
  digest.write(bytes);
  return new Uint8Array(digest.close());
}

/** A workbench whose server announces the digests of its file, or of other bytes. */
function makeBench(wrongDigestHeader: boolean): Workbench {
  const bench = new Workbench({ imageBytes: 5_000, mcu: { prefetch: true } });
  const bytes = bench.image;
  const file = { bytes, sha256: digestOf("SHA256", bytes), md5: digestOf("MD5", bytes) };
  bench.server.behavior = { files: { [FIRMWARE_PATH]: file }, wrongDigestHeader };
  bench.start();
  bench.offer();
  return bench;
}

describe("digests in a server's headers", () => {
  it("are met by an image that arrived whole", () => {
    const bench = makeBench(false);
    assert.equal(bench.awaitVerdict().kind, "succeeded");
  });

  it("refuse an image that does not meet them, before the MCU is disturbed", () => {
    const bench = makeBench(true);
    const verdict = bench.awaitVerdict();
    assert.equal(verdict.kind === "failed" && verdict.failure.cause, "mismatch");
    assert.isAbove(bench.server.fired.wrongDigestHeader, 0);
    assert.equal(bench.count("ferried"), 0);
    assert.equal(bench.mcu.record.update.writes, 0);
  });

  it("are read, or say nothing where they cannot be", () => {
    const sha256 = new Uint8Array(32).fill(0xff);
    const base64 = "//////////////////////////////////////////8=";
    assert.deepEqual(announcedDigests(new Map([["x-sha256", base64]])), { sha256: toHex(sha256) });
    assert.deepEqual(announcedDigests(new Map([["x-md5", "AB".repeat(16)]])), { md5: "ab".repeat(16) });
    for (const headers of [[], [["x-sha256", "abc"]], [["x-sha256", "!"]], [["x-md5", "12"]]] as [string, string][][]) {
      assert.deepEqual(announcedDigests(new Map(headers)), {});
    }
  });

  it("are Base64 as in RFC 4648, padded or not", () => {
    for (const [text, hex] of [
      ["", ""],
      ["Zg==", "66"],
      ["Zm8=", "666f"],
      ["Zm9v", "666f6f"],
      ["Zm9vYg", "666f6f62"],
      ["Zm9vYmE=", "666f6f6261"],
      ["+/+/", "fbffbf"],
    ] as const) {
      assert.equal(toHex(fromBase64(text) ?? new Uint8Array(1)), hex, text);
    }
    for (const text of ["Z", "Zg=", "Zh==", "Zm9v=", "Z g=", "Zm9-"]) assert.isUndefined(fromBase64(text), text);
  });
});
