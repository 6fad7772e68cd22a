/** The command `ferry partitions`, and the partition tables that come with Ferry. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { assert } from "chai";
import { partitionsCommand, USAGE } from "../../host/cli/partitions.js";
import { SimDigest } from "../../host/sim/digest.js";
import { encodePartitionTable } from "../../src/store/partition-binary.js";
import { parsePartitionCsv } from "../../src/store/partition-csv.js";
import type { PartitionTable } from "../../src/store/partition-table.js";

const MIB = 0x10_0000;

function run(content: string | Uint8Array, ...options: string[]) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return partitionsCommand(["table", ...options], () => bytes);
}

function parse(text: string, flashBytes: number): PartitionTable {
  const result = parsePartitionCsv(text, { flashBytes });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.table;
}

function assertRefused(result: ReturnType<typeof run>, line: RegExp): void {
  assert.strictEqual(result.exitCode, 2);
  assert.strictEqual(result.stdout, "");
  assert.match(result.stderr, /^ferry partitions: [^\n]+\n$/);
  assert.match(result.stderr, line);
}

describe("ferry partitions", () => {
  const text = "nvs,data,nvs,,24K\nota_0,app,ota_0,,1M\n";

  it("prints the same map of a CSV and of its binary", () => {
    const fromCsv = run(text);
    const fromBinary = run(encodePartitionTable(parse(text, 4 * MIB), SimDigest));
    assert.strictEqual(fromCsv.exitCode, 0);
    assert.match(fromCsv.stdout, /^nvs +data +nvs +0x009000 +0x00f000 +24 KiB +\|#/m);
    assert.deepEqual(fromBinary, fromCsv);
  });

  it("prints JSON on request, with the free gaps", () => {
    const { exitCode, stdout } = run(text, "--json");
    assert.strictEqual(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), {
      flashBytes: 4 * MIB,
      tableOffset: 0x8000,
      partitions: [
        { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x6000, flags: [] },
        { label: "ota_0", type: "app", subtype: "ota_0", offset: 0x1_0000, size: MIB, flags: [] },
      ],
      free: [
        { offset: 0xf000, size: 0x1000 },
        { offset: 0x11_0000, size: 0x2f_0000 },
      ],
    });
  });

  it("holds the table to the flash it is told of", () => {
    const large = "app,app,factory,,4M\n";
    assertRefused(run(large), /table: line 1 \(app\): .*beyond the flash of 0x400000 bytes.*\[flash-size\]/);
    assert.strictEqual(run(large, "--flash", "8MB").exitCode, 0);
    assert.strictEqual(run(large, "--flash=16M").exitCode, 0);
  });

  it("says in one line what is wrong with a table, and how much more there is", () => {
    assertRefused(
      run("nvs,data,nvz,,24K\n\nb,data,,,\n"),
      /line 1 \(nvs\): subtype "nvz" is unknown; use .* \(and 1 more\)/,
    );
  });

  it("refuses a damaged binary", () => {
    const bytes = encodePartitionTable(parse(text, 4 * MIB), SimDigest);
    bytes[5] = (bytes[5] ?? 0) ^ 0x10;
    assertRefused(run(bytes), /entry 2 at byte 0x40: .*MD5.*\[md5\]/);
  });

  it("refuses files that are neither form", () => {
    for (const content of [
      new Uint8Array([0xe9, 4, 2, 0x20, 0xff]),
      new Uint8Array(64),
      new Uint8Array(64).fill(0xff),
    ]) {
      assertRefused(run(content), /neither CSV text nor a binary table/);
    }
    assertRefused(run(""), /table: there is no partition in it/);
  });

  it("reports a file that cannot be read", () => {
    const result = partitionsCommand(["missing.csv"], (file) => readFileSync(`/nonexistent/${file}`));
    assertRefused(result, /cannot read missing\.csv: ENOENT/);
  });

  it("answers wrong usage with one line that tells the right one", () => {
    const read = () => new Uint8Array(0);
    for (const argv of [[], ["a", "b"], ["a", "--flash", "3MB"], ["a", "--flash"], ["a", "--colour"]]) {
      const result = partitionsCommand(argv, read);
      assertRefused(result, /; usage: ferry partitions FILE/);
    }
    assert.deepEqual(partitionsCommand(["--help"], read), { exitCode: 0, stdout: `${USAGE}\n`, stderr: "" });
  });
});

describe("the partition tables of Ferry", () => {
  for (const [file, mib] of [
    ["partitions.csv", 4],
    ["partitions-8mb.csv", 8],
    ["partitions-16mb.csv", 16],
  ] as const) {
    describe(file, () => {
      const read = () => parse(readFileSync(file, "utf8"), mib * MIB);

      it("has what Ferry and the SDK look for, under the names they use", () => {
        const table = read();
        assert.deepInclude(table.findByLabel("nvs"), { type: "data", subtype: "nvs", readonly: false });
        assert.deepInclude(table.findByLabel("otadata"), { type: "data", subtype: "ota", size: 0x2000 });
        assert.deepInclude(table.findByLabel("phy_init"), { type: "data", subtype: "phy" });
        assert.deepInclude(table.findByLabel("storage"), { type: "data", subtype: "littlefs" });
      });

      it("has two equal app slots of 1.8 MiB or more", () => {
        const slots = read().appSlots();
        assert.deepEqual(
          slots.map(({ label }) => label),
          ["ota_0", "ota_1"],
        );
        assert.strictEqual(slots[0]?.size, slots[1]?.size);
        assert.isAtLeast(slots[0]?.size ?? 0, 1.8 * MIB);
      });

      it("uses the flash to its last byte", () => {
        const { stdout } = partitionsCommand([file, `--flash=${mib}MB`], (path) => readFileSync(path));
        assert.match(stdout, /\nThe flash of \d+ MiB is in use to its last byte\.\n$/);
      });

      it("gives storage whole sectors, as LittleFS needs them", () => {
        assert.strictEqual((read().findByLabel("storage")?.size ?? 1) % 0x1000, 0);
      });
    });
  }

  it("agrees about MD5 with Node's own", () => {
    const bytes = encodePartitionTable(parse(readFileSync("partitions.csv", "utf8"), 4 * MIB), SimDigest);
    const entries = bytes.subarray(0, 6 * 32);
    assert.deepEqual([...bytes.subarray(6 * 32 + 16, 7 * 32)], [...createHash("md5").update(entries).digest()]);
  });
});
