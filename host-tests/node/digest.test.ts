import { assert } from "chai";
import { NodeDigest } from "../../host/node/digest.js";
import { describeDigestContract } from "../ports/contracts/digest.js";

describeDigestContract("NodeDigest", NodeDigest);

describe("NodeDigest", () => {
  it("is of no use once closed", () => {
    const digest = new NodeDigest("MD5");
    digest.close();
    assert.throws(() => digest.write(Uint8Array.of(1)), "after close");
    assert.throws(() => digest.close(), "after close");
  });
});
