/** The order of versions. */

import { assert } from "chai";
import { compareVersions } from "../src/image/version.js";

describe("Versions", () => {
  /** From the oldest to the newest; those of a row are equal. */
  const ordered: readonly (readonly string[])[] = [
    ["0", "0.0", "v0.0.0"],
    ["0.0.1"],
    ["0.9", "0.9.0"],
    ["0.10.0"],
    ["1.0.0-0"],
    ["1.0.0-2"],
    ["1.0.0-10"],
    ["1.0.0-alpha", "v1.0-alpha+build.5"],
    ["1.0.0-alpha.1"],
    ["1.0.0-alpha.beta"],
    ["1.0.0-beta"],
    ["1.0.0-beta.2"],
    ["1.0.0-beta.11"],
    ["1.0.0-rc.1"],
    ["1.0.0-rc.1.0"],
    ["1.0.0-rc-1"],
    ["1", "1.0", "1.0.0", "1.0.0.0", "1.0.0+anything at all", "01.0"],
    ["1.0.0.1"],
    ["1.2"],
    ["1.10"],
    ["2.0.0-999999999"],
    ["2"],
    ["999999999.1"],
  ];

  it("are ordered as semver.org has it, each against each", () => {
    const all = ordered.flatMap((row, rank) => row.map((version) => ({ version, rank })));
    for (const a of all) {
      for (const b of all) {
        const order = compareVersions(a.version, b.version);
        assert.strictEqual(Math.sign(order ?? Number.NaN), Math.sign(a.rank - b.rank), `${a.version} and ${b.version}`);
      }
    }
  });

  const without = ["", "v", "1.", ".1", "1..2", "1.x", "x", "latest", "1.0-", "1.0-a..b", "1.0-é", "-1", "1 0", " 1"];
  for (const version of [...without, "1e3", "0x10", "1234567890", "1.2.3.4.5.6.7.8.9", "١.٢", "vv1", "V1"]) {
    it(`${JSON.stringify(version)} has no order`, () => {
      assert.isUndefined(compareVersions(version, "1.0.0"));
      assert.isUndefined(compareVersions("1.0.0", version));
      assert.isUndefined(compareVersions(version, version));
    });
  }
});
