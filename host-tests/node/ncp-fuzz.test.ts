/** A whole Ferry in a storm. NCP_FUZZ_SEEDS=17,18 runs those seeds; `npm run soak` does far more. */

import { assert } from "chai";
import { fuzzFerry } from "../../host/peers/fuzz/fuzz.js";
import { FuzzRig } from "../../host/peers/fuzz/rig.js";
import { callNames } from "../../src/rpc/catalogue.js";
import { recordedFrames } from "../support/recorded-frames.js";

const SEEDS = process.env.NCP_FUZZ_SEEDS?.split(",").map(Number) ?? [1, 2, 3, 4];
const BYTES = 75_000;
const CONVERSATIONS = 500;
const recorded = recordedFrames();

describe("a whole Ferry, for longer", () => {
  for (const seed of SEEDS) {
    it(`survives ${BYTES} bytes from nowhere and ${CONVERSATIONS} conversations gone wrong, of seed ${seed}`, () => {
      const report = fuzzFerry({ seed, bytes: BYTES, conversations: CONVERSATIONS, recorded });
      assert.isAtLeast(report.bytes, BYTES);
      assert.equal(report.conversations, CONVERSATIONS);
      assert.isAbove(report.callsReached, callNames.length / 2, "most calls never came whole");
      assert.isBelow(report.longestSilenceMs, 5_000);
    }).timeout(300_000);
  }
});

describe("the judge of these storms", () => {
  it("finds a setting that has changed and that nobody asked to change", () => {
    const rig = new FuzzRig(1);
    rig.checkSettings();
    for (const values of rig.device.storage.keyValues.domains.values()) {
      for (const [key, value] of values) if (key.startsWith("set.cloud")) value[12] = 0xff;
    }
    assert.throws(() => rig.checkSettings(), /the setting set\.cloud\.[ab] has changed/);
  });

  it("lets pass what the MCU has asked for", () => {
    const rig = new FuzzRig(1);
    rig.ask("blynk.setVendorPrefix", { vendor: "Other" });
    rig.checkSettings();
    assert.equal(rig.delivered.get("blynk.setVendorPrefix"), 3, "it was not set up anew");
  });

  it("finds a Ferry that does not answer", () => {
    const rig = new FuzzRig(1);
    rig.device.powerOff();
    assert.throws(() => rig.ask("ncp.ping", {}), /ncp\.ping was not answered within 10000 ms/);
  });

  it("sees a durable operation", () => {
    const rig = new FuzzRig(1);
    const before = rig.operations;
    rig.ask("ncp.ping", {});
    assert.equal(rig.operations, before);
    rig.ask("blynk.setVendorPrefix", { vendor: "Other" });
    assert.isAbove(rig.operations, before);
  });
});
