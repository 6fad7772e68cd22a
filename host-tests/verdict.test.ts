/** What the MCU's return proves. */

import { assert } from "chai";
import type { FirmwareInfo } from "../src/image/info-tag.js";
import { judgeReturn } from "../src/update/verdict.js";

const OLD: FirmwareInfo = { type: "T", version: "1.0.0", build: "Mar  5 2024 18:29:27" };
const NEW: FirmwareInfo = { type: "T", version: "2.0.0", build: "Nov 21 2026 12:00:00" };
const UNKNOWN: FirmwareInfo = { type: "", version: "", build: "" };
const kindOf = (...args: Parameters<typeof judgeReturn>) => {
  const verdict = judgeReturn(...args);
  return verdict.kind === "succeeded" ? `${verdict.kind} by ${verdict.proof}` : verdict.kind;
};

describe("the verdict on an MCU that returns", () => {
  for (const [what, expected, target, previous, reported] of [
    ["with the new version", "succeeded by version", NEW, OLD, NEW],
    ["with the new version, never seen before", "succeeded by version", NEW, undefined, NEW],
    ["with the new version and no build", "succeeded by version", NEW, OLD, { ...NEW, build: "" }],
    ["with its old version", "rolled-back", NEW, OLD, OLD],
    ["with a third version", "failed", NEW, OLD, { ...NEW, version: "3.0.0" }],
    ["with an unexpected version, the old one unknown", "failed", NEW, undefined, OLD],
    ["naming nothing", "succeeded by finish", NEW, OLD, undefined],
    ["naming an empty version", "succeeded by finish", NEW, OLD, UNKNOWN],
    ["changed, the target unknown", "succeeded by finish", UNKNOWN, OLD, NEW],
    ["unchanged to the build, the target unknown", "rolled-back", UNKNOWN, OLD, OLD],
    [
      "with the same version and no build, the target unknown",
      "succeeded by finish",
      UNKNOWN,
      { ...OLD, build: "" },
      { ...OLD, build: "" },
    ],
    [
      "with another build of its version",
      "succeeded by version",
      { ...NEW, version: "1.0.0" },
      OLD,
      { ...NEW, version: "1.0.0" },
    ],
    ["with the old build of the same version", "rolled-back", { ...NEW, version: "1.0.0" }, OLD, OLD],
    [
      "with a build written by another tool",
      "succeeded by version",
      { ...OLD, build: "Mar 05 2024 18:29:27" },
      NEW,
      OLD,
    ],
  ] as const) {
    it(`${what} is: ${expected}`, () => assert.equal(kindOf(target, previous, reported), expected));
  }
});
