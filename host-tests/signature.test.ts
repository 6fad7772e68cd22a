/** The trailer that carries a signature. */

import { assert } from "chai";
import { signatureIn, TRAILER_BYTES, trailerOf } from "../src/image/signature.js";

const SIGNATURE = Uint8Array.from({ length: 64 }, (_, index) => index);

describe("The trailer of a signed image", () => {
  it("gives back the signature that it was made of", () => {
    const trailer = trailerOf(SIGNATURE);
    assert.strictEqual(trailer.length, TRAILER_BYTES);
    assert.strictEqual(String.fromCharCode(...trailer.subarray(0, 8)), "ferrysig");
    assert.deepEqual(signatureIn(trailer), SIGNATURE);
  });

  it("is none with another marker or of another length", () => {
    for (let at = 0; at < 8; at++) {
      const trailer = trailerOf(SIGNATURE);
      trailer[at] = (trailer[at] ?? 0) ^ 0x20;
      assert.isUndefined(signatureIn(trailer), `byte ${at}`);
    }
    assert.isUndefined(signatureIn(trailerOf(SIGNATURE).subarray(1)));
    assert.isUndefined(signatureIn(new Uint8Array(0)));
  });

  it("is made of 64 bytes only", () => {
    for (const length of [0, 63, 65]) assert.throws(() => trailerOf(new Uint8Array(length)), `${length} bytes`);
  });
});
