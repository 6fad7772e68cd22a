import { assert } from "chai";
import { SimDigest } from "../../host/sim/digest.js";
import { describeDigestContract } from "./contracts/digest.js";

describeDigestContract("SimDigest", SimDigest);

describe("SimDigest", () => {
  it("is of no use once closed", () => {
    const digest = new SimDigest("MD5");
    digest.close();
    assert.throws(() => digest.write(Uint8Array.of(1)), "after close");
    assert.throws(() => digest.close(), "after close");
  });
});
