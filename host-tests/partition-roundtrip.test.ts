/** Partition tables on random input: both forms agree, and nothing damaged passes. */

import { assert } from "chai";
import { SimDigest } from "../host/sim/digest.js";
import { Random } from "../host/sim/random.js";
import { encodePartitionTable, TABLE_BYTES } from "../src/store/partition-binary.js";
import { accepted, binary, binaryOf, csv, ROW_BYTES, resealed, SMALL } from "./support/partitions.js";
import { randomTable } from "./support/random-partitions.js";

describe("partition table: whatever the table", () => {
  const SEEDS = 20;

  it("comes back equal from CSV and from binary", () => {
    let entriesMost = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { entries, text, flashBytes } = randomTable(new Random(seed));
      const context = `seed ${seed}`;
      const table = accepted(csv(text, { flashBytes }));
      assert.deepEqual(table.entries, entries, context);
      const bytes = encodePartitionTable(table, SimDigest);
      const read = accepted(binary(bytes, { flashBytes }));
      assert.deepEqual(read.entries, entries, context);
      assert.deepEqual(encodePartitionTable(read, SimDigest), bytes, context);
      entriesMost = Math.max(entriesMost, entries.length);
    }
    assert.isAbove(entriesMost, 80, "the random tables never came near the limit");
  });

  it("refuses a binary with any one byte changed in any one bit, or at random", () => {
    let corruptions = 0;
    const seed = 101;
    const random = new Random(seed);
    const { text, entries, flashBytes } = randomTable(random, 4);
    const bytes = encodePartitionTable(accepted(csv(text, { flashBytes })), SimDigest);
    const contentBytes = (entries.length + 2) * ROW_BYTES;
    for (let at = 0; at < TABLE_BYTES; at++) {
      const right = bytes[at] ?? 0;
      const masks = [1 + random.below(255), ...(at < contentBytes ? [1, 2, 4, 8, 16, 32, 64, 128] : [])];
      for (const mask of masks) {
        bytes[at] = right ^ mask;
        assert.isFalse(binary(bytes, { flashBytes }).ok, `seed ${seed}, byte ${at}, mask ${mask}`);
        corruptions++;
      }
      bytes[at] = right;
    }
    assert.isTrue(binary(bytes, { flashBytes }).ok, "the table was not put back");
    assert.strictEqual(corruptions, TABLE_BYTES + 8 * contentBytes);
  });

  it("never throws on noise, in either form", () => {
    let refused = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const random = new Random(seed);
      const alphabet = "a,0x9K-M:# \n\r\t$%nvsdtop_1\u00e9\u0000";
      let text = "";
      for (let i = random.below(80); i >= 0; i--) text += alphabet.charAt(random.below(alphabet.length));
      const bytes = binaryOf(SMALL);
      bytes.set(random.bytes(ROW_BYTES - 2), random.below(4) * ROW_BYTES + 2);
      for (const result of [
        csv(text),
        binary(resealed(bytes, 4)),
        binary(random.bytes(random.below(TABLE_BYTES + 100))),
      ]) {
        if (!result.ok) refused++;
      }
    }
    assert.strictEqual(refused, 300);
  });
});
