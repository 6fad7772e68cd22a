/** A whole Ferry in a storm: a short one, for every engine; node/ncp-fuzz.test.ts has more, `npm run soak` the most. */

import { assert } from "chai";
import { fuzzFerry } from "../host/peers/fuzz/fuzz.js";
import { recordedFrames } from "./support/recorded-frames.js";

const SEED = 5;
const recorded = recordedFrames();

describe("a whole Ferry", () => {
  it("survives bytes from nowhere, keeps its settings, and answers the next good call", () => {
    const report = fuzzFerry({ seed: SEED, bytes: 20_000, conversations: 0, recorded });
    assert.isAbove(report.answers, 5);
    assert.equal(report.ferryBoots, 1);
  });

  it("survives conversations gone wrong, keeps its settings, and answers the next good call", () => {
    const report = fuzzFerry({ seed: SEED, bytes: 0, conversations: 150, recorded });
    assert.isAbove(report.answers, 20);
    assert.isAbove(report.delivered, 300, "hardly a call arrived whole");
  });
});
