/**
 * The partition table in both forms, held to what ESP-IDF's own generator made of 38 tables, and its refusals.
 */

import { assert } from "chai";
import { SimDigest } from "../host/sim/digest.js";
import { Random } from "../host/sim/random.js";
import { encodePartitionTable, TABLE_BYTES } from "../src/store/partition-binary.js";
import { type PartitionEntry, subtypeNumber, typeNumber } from "../src/store/partition-entry.js";
import { type PartitionRule, rowName } from "../src/store/partition-rules.js";
import { PartitionTable } from "../src/store/partition-table.js";
import {
  accepted,
  binary,
  binaryOf,
  csv,
  fromHex,
  problems,
  ROW_BYTES,
  resealed,
  SMALL,
} from "./support/partitions.js";
import vectors from "./vectors/esp-partition-tables.json";

/** Accepted by ESP-IDF, which then cuts off the name or makes a table that serves nobody: refused here. */
const STRICTER_THAN_ESP_IDF = new Map<string, PartitionRule>([
  ["name-17-bytes", "label"],
  ["non-ascii-name", "label"],
  ["empty-table", "entry-count"],
]);

/** Why Ferry refuses the tables that ESP-IDF refuses. */
const REFUSED_FOR = new Map<string, PartitionRule>([
  ["unsorted-offsets", "order"],
  ["overlap", "order"],
  ["below-table-end", "below-table"],
  ["duplicate-name", "unique-label"],
  ["two-otadata", "otadata"],
  ["otadata-wrong-size", "otadata"],
  ["app-offset-unaligned", "alignment"],
  ["data-offset-unaligned", "alignment"],
  ["unknown-subtype", "subtype"],
  ["unknown-type", "type"],
  ["missing-size", "size"],
  ["missing-field", "size"],
  ["bad-number", "size"],
  ["negative-size-too-small", "size"],
  ["blank-app-subtype", "subtype"],
  ["unknown-flag", "flags"],
  ["otadata-readonly", "readonly"],
  ["small-nvs-writable", "nvs-size"],
  ["too-large-for-4mb", "flash-size"],
  ["ota-16", "subtype"],
  ["too-many-entries", "entry-count"],
  ["max-entries", "entry-count"],
]);

function asRecorded(entry: PartitionEntry) {
  const { label, type, subtype, offset, size } = entry;
  const flags = [...(entry.encrypted ? ["encrypted"] : []), ...(entry.readonly ? ["readonly"] : [])];
  return { name: label, type: typeNumber(type), subtype: subtypeNumber(type, subtype), offset, size, flags };
}

describe("partition table: what ESP-IDF's generator made of it", () => {
  it("covers every recorded table", () => {
    assert.lengthOf(vectors, 38);
    const refused = vectors.filter((vector) => !vector.accepted).map(({ name }) => name);
    assert.sameMembers([...REFUSED_FOR.keys()], refused);
    const names = vectors.filter((vector) => vector.accepted).map(({ name }) => name);
    assert.includeMembers(names, [...STRICTER_THAN_ESP_IDF.keys()]);
  });

  for (const vector of vectors) {
    const layout = { flashBytes: vector.flashBytes };
    const stricter = STRICTER_THAN_ESP_IDF.get(vector.name);
    const rule = REFUSED_FOR.get(vector.name) ?? stricter;
    if (rule !== undefined) {
      it(`${stricter ? "is stricter about" : "refuses"} ${vector.name}, by the rule ${rule}`, () => {
        assert.include(
          problems(csv(vector.csv, layout)).map((problem) => problem.split(" ")[0]),
          rule,
        );
      });
      continue;
    }
    it(`accepts ${vector.name} with the same entries and the same bytes`, () => {
      const table = accepted(csv(vector.csv, layout));
      assert.deepEqual(table.entries.map(asRecorded), vector.entries as unknown[]);
      const bytes = encodePartitionTable(table, SimDigest);
      assert.strictEqual(bytes.length, vector.bytes);
      assert.deepEqual(bytes, fromHex(vector.hexWithoutPadding ?? ""));
      assert.deepEqual(accepted(binary(bytes, layout)).entries, table.entries);
    });
  }
});

describe("partition table: refusals of a CSV", () => {
  const cases: [title: string, text: string, expected: string[]][] = [
    [
      "names each bad row, not only the first",
      "a,dat,nvs,,24K\n# fine\nb,data,nvs,,x\n",
      ["type @ line 1 (a)", "size @ line 3 (b)"],
    ],
    ["counts lines over all line ends", "# 1\r\n# 2\r# 3\nnvs,data,nvz,,24K", ["subtype @ line 4 (nvs)"]],
    ["does not take property names for type names", "a,constructor,nvs,,24K", ["type @ line 1 (a)"]],
    ["does not take property names for subtype names", "a,data,__proto__,,24K", ["subtype @ line 1 (a)"]],
    ["does not take an app's subtype for data", "a,data,factory,,24K", ["subtype @ line 1 (a)"]],
    ["refuses an empty name", ",data,nvs,,24K", ["label @ line 1"]],
    ["refuses an empty partition", "a,data,fat,,0", ["size @ line 1 (a)"]],
    ["refuses numbers beyond 32 bits", "a,data,fat,,4096M", ["size @ line 1 (a)"]],
    ["refuses numbers beyond all bounds", `a,data,fat,,${"9".repeat(400)}K`, ["size @ line 1 (a)"]],
    ["refuses ends beyond all bounds", `a,data,fat,,-${"9".repeat(400)}\nb,data,fat,,4K`, ["size @ line 1 (a)"]],
    ["refuses a negative offset", "a,data,fat,,4K\nb,data,fat,-0x9000,4K", ["offset @ line 2 (b)"]],
    ["refuses an octal-looking number, as Python does", "a,data,fat,,010000", ["size @ line 1 (a)"]],
    ["refuses Python's underscores", "a,data,fat,,1_000", ["size @ line 1 (a)"]],
    ["refuses doubled suffixes", "a,data,fat,,1KM", ["size @ line 1 (a)"]],
    ["refuses a type that means any", "a,0xff,1,,4K", ["type @ line 1 (a)"]],
    ["refuses a subtype that means any", "a,0x40,0xff,,4K", ["subtype @ line 1 (a)"]],
    ["refuses a type that is no byte", "a,256,1,,4K", ["type @ line 1 (a)"]],
    ["refuses flags in another spelling, as ESP-IDF does", "a,data,fat,,4K,Encrypted", ["flags @ line 1 (a)"]],
    ["refuses environment variables", "a,data,fat,,$SIZE", ["syntax @ line 1 (a)"]],
    ["refuses fields that would be ignored", "a,data,fat,,4K,,more", ["syntax @ line 1 (a)"]],
    ["refuses rows for the boot area", "b,bootloader,primary,,", ["type @ line 1 (b)"]],
    ["refuses an app size that ends inside a sector", "a,app,factory,,65537", ["alignment @ line 1 (a)"]],
    ["refuses a read-only coredump", "a,data,coredump,,64K,readonly", ["readonly @ line 1 (a)"]],
    ["refuses a TEE otadata of another size", "a,data,tee_ota,,4K", ["otadata @ line 1 (a)"]],
    ["refuses a second TEE otadata", "a,data,tee_ota,,8K\nb,data,tee_ota,,8K", ["otadata @ line 2 (b)"]],
    ["shows foreign names in printable form", "\u001b[2Jx,data,nvz,,4K", ["subtype @ line 1 (?[2Jx)"]],
  ];
  for (const [title, text, expected] of cases) {
    it(title, () => {
      assert.deepEqual(problems(csv(text)), expected);
    });
  }

  it("reports every broken rule of a table whose rows are well written", () => {
    const text = "a,data,nvs,0x9000,4K\na,data,ota,0xa010,8K\nb,data,ota,,0x2000\nc,app,factory,,4M\n";
    assert.deepEqual(problems(csv(text)), [
      "nvs-size @ line 1 (a)",
      "alignment @ line 2 (a)",
      "flash-size @ line 4 (c)",
      "unique-label @ line 2 (a)",
      "otadata @ line 3 (b)",
    ]);
  });

  it("takes as many partitions as fit beside the MD5 row, and one more not", () => {
    const rows = Array.from({ length: 95 }, (_, index) => `p${index},data,fat,,4K`);
    const table = accepted(csv(rows.slice(1).join("\n")));
    assert.lengthOf(accepted(binary(encodePartitionTable(table, SimDigest))).entries, 94);
    assert.deepEqual(problems(csv(rows.join("\n"))), ["entry-count @ table"]);
  });

  it("says where a partition with a negative size would end", () => {
    const result = csv("a,app,factory,0x10000,-0xe000");
    assert.deepEqual(problems(result), ["size @ line 1 (a)"]);
    assert.match(result.ok ? "" : (result.problems[0]?.message ?? ""), /^it would end at 0xe000, before its offset/);
  });

  it("tells a comment after the flags from an unknown flag", () => {
    const result = csv("a,data,fat,,4K,# my files");
    assert.deepEqual(problems(result), ["flags @ line 1 (a)"]);
    assert.match(result.ok ? "" : (result.problems[0]?.message ?? ""), /^a comment needs a line of its own/);
  });

  it("leaves the flash size alone when none is given, up to 4 GiB", () => {
    assert.isTrue(csv("a,app,factory,,64M", {}).ok);
    assert.isTrue(csv("a,data,fat,0xfffff000,4K", {}).ok);
    assert.deepEqual(problems(csv("a,data,fat,0xfffff000,8K", {})), ["flash-size @ line 1 (a)"]);
    assert.deepEqual(problems(csv("a,app,factory,,64M")), ["flash-size @ line 1 (a)"]);
  });

  it("begins after a table that a project has moved", () => {
    const moved = accepted(csv("a,data,fat,,4K", { tableOffset: 0x1_0000 }));
    assert.strictEqual(moved.entries[0]?.offset, 0x1_1000);
    assert.strictEqual(moved.tableOffset, 0x1_0000);
    assert.deepEqual(problems(csv("a,data,fat,0x9000,4K", { tableOffset: 0x1_0000 })), ["below-table @ line 1 (a)"]);
  });

  it("takes a byte order mark, capitals in names and suffixes, and comments", () => {
    const text = "\ufeff# Name\n  nvs , DATA , Nvs , 0X9000 , 24k ,\n#x\nfactory,App,FACTORY,,1m,readonly::encrypted\n";
    const [nvs, factory] = accepted(csv(text)).entries;
    assert.deepInclude(nvs, { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x6000 });
    assert.deepInclude(factory, { subtype: "factory", offset: 0x1_0000, encrypted: true, readonly: true });
  });

  it("gives custom types without a subtype the number that ESP-IDF gives them", () => {
    assert.deepInclude(accepted(csv("a,0x40,,,4K")).entries[0], { type: 0x40, subtype: 6 });
  });
});

describe("partition table: refusals of a binary", () => {
  it("refuses less than a whole table", () => {
    assert.deepEqual(problems(binary(binaryOf(SMALL).subarray(0, TABLE_BYTES - 1))), ["length @ table"]);
    assert.deepEqual(problems(binary(new Uint8Array(0))), ["length @ table"]);
  });

  it("does not look beyond the table, where secure boot keeps a signature", () => {
    const sector = new Uint8Array(0x1000).fill(0x5a);
    sector.set(binaryOf(SMALL));
    assert.isTrue(binary(sector).ok);
  });

  it("reads a table that does not begin at the start of its buffer", () => {
    const shifted = new Uint8Array(TABLE_BYTES + 7);
    shifted.set(binaryOf(SMALL), 7);
    assert.lengthOf(accepted(binary(shifted.subarray(7))).entries, 4);
  });

  it("refuses erased flash and noise", () => {
    assert.deepEqual(problems(binary(new Uint8Array(TABLE_BYTES).fill(0xff))), ["md5 @ entry 0 at byte 0x0"]);
    assert.deepEqual(problems(binary(new Random(5).bytes(TABLE_BYTES))), ["magic @ entry 0 at byte 0x0"]);
  });

  it("refuses a table without its MD5 row, which could not be told from a damaged one", () => {
    const bytes = binaryOf(SMALL);
    bytes.fill(0xff, 4 * ROW_BYTES);
    assert.deepEqual(problems(binary(bytes)), ["md5 @ entry 4 at byte 0x80"]);
  });

  it("refuses a table that leaves no room for its end", () => {
    const bytes = new Uint8Array(TABLE_BYTES);
    for (let at = 0; at < TABLE_BYTES; at += ROW_BYTES) bytes.set(binaryOf(SMALL).subarray(0, ROW_BYTES), at);
    assert.deepEqual(problems(binary(bytes)), ["entry-count @ table"]);
  });

  it("refuses a table with nothing but a valid MD5 row", () => {
    const empty = vectors.find(({ name }) => name === "empty-table");
    assert.deepEqual(problems(binary(fromHex(empty?.hexWithoutPadding ?? ""))), ["entry-count @ table"]);
  });

  it("refuses flags that it does not know, names that go on after their end, and names that are no text", () => {
    const bytes = binaryOf(SMALL);
    bytes[28] = 0x04;
    bytes[ROW_BYTES + 12 + 10] = 0x78;
    assert.deepEqual(problems(binary(resealed(bytes, 4))), [
      "flags @ entry 0 at byte 0x0 (nvs)",
      "label @ entry 1 at byte 0x20 (otadata)",
    ]);
    const named = binaryOf(SMALL);
    named[12] = 0xfc;
    assert.deepEqual(problems(binary(resealed(named, 4))), ["label @ entry 0 at byte 0x0 (?vs)"]);
  });

  it("holds entries to the same rules as rows of a CSV", () => {
    const bytes = binaryOf(SMALL);
    new DataView(bytes.buffer).setUint32(2 * ROW_BYTES + 4, 0x1_1000, true);
    new DataView(bytes.buffer).setUint32(3 * ROW_BYTES + 8, 0x40_0000, true);
    assert.deepEqual(problems(binary(resealed(bytes, 4))), [
      "alignment @ entry 2 at byte 0x40 (ota_0)",
      "flash-size @ entry 3 at byte 0x60 (ota_1)",
    ]);
  });

  it("accepts entries in any order, but none inside another", () => {
    const bytes = binaryOf(SMALL);
    const first = bytes.slice(0, ROW_BYTES);
    bytes.copyWithin(0, 3 * ROW_BYTES, 4 * ROW_BYTES);
    bytes.set(first, 3 * ROW_BYTES);
    const table = accepted(binary(resealed(bytes, 4)));
    assert.deepEqual(
      table.entries.map(({ label }) => label),
      ["ota_1", "otadata", "ota_0", "nvs"],
    );
    new DataView(bytes.buffer).setUint32(4, 0x2_0000, true);
    assert.deepEqual(problems(binary(resealed(bytes, 4))), ["overlap @ entry 2 at byte 0x40 (ota_0)"]);
  });

  it("finds every entry inside a large one, not only the first", () => {
    const bytes = binaryOf("a,data,fat,,64K\nb,data,fat,,4K\nc,data,fat,,4K\n");
    new DataView(bytes.buffer).setUint32(ROW_BYTES + 4, 0xa000, true);
    new DataView(bytes.buffer).setUint32(2 * ROW_BYTES + 4, 0xc000, true);
    assert.deepEqual(problems(binary(resealed(bytes, 3))), [
      "overlap @ entry 1 at byte 0x20 (b)",
      "overlap @ entry 2 at byte 0x40 (c)",
    ]);
  });

  it("lets boot loader and table list themselves below the table's end, and nobody else", () => {
    const bytes = binaryOf("a,0x40,0,,4K\nb,data,fat,,4K\n");
    bytes.set([3, 0], 2);
    new DataView(bytes.buffer).setUint32(4, 0x8000, true);
    const table = accepted(binary(resealed(bytes, 2)));
    assert.deepInclude(table.entries[0], { type: "partition_table", subtype: "primary", offset: 0x8000 });
    bytes.set([3, 1], 2);
    assert.deepEqual(problems(binary(resealed(bytes, 2))), ["below-table @ entry 0 at byte 0x0 (a)"]);
  });
});

describe("partition table: queries", () => {
  it("finds partitions by name, and app slots in the order of their numbers", () => {
    const text = "f,app,factory,,64K\nb,app,ota_1,,64K\na,app,ota_0,,64K\nt,app,test,,64K\nd,data,ota,,8K\n";
    const table = accepted(csv(text));
    assert.strictEqual(table.findByLabel("d")?.subtype, "ota");
    assert.isUndefined(table.findByLabel("D"));
    assert.deepEqual(
      table.appSlots().map(({ label }) => label),
      ["a", "b"],
    );
  });

  it("verifies entries from code as well, and names what has a name", () => {
    const entry = { label: "n", type: 1, subtype: 2, offset: 0x9000, size: 0x3000, encrypted: false, readonly: false };
    const table = accepted(PartitionTable.verify([{ where: "row", entry }]));
    assert.deepEqual(table.entries, [{ ...entry, type: "data", subtype: "nvs" }]);
    for (const wrong of [
      { type: -1 },
      { type: 1.5 },
      { offset: Number.NaN },
      { offset: 0x1_0000_0000 },
      { size: -4096 },
    ]) {
      assert.lengthOf(problems(PartitionTable.verify([{ where: "row", entry: { ...entry, ...wrong } }])), 1);
    }
    const foreign = { ...entry, subtype: "factory" } as const;
    assert.deepEqual(problems(PartitionTable.verify([{ where: "row", entry: foreign }])), ["subtype @ row (n)"]);
  });

  it("cannot be changed", () => {
    const { entries } = accepted(csv(SMALL));
    assert.isFrozen(entries);
    assert.isFrozen(entries[0]);
  });

  it("names a row with and without its label", () => {
    assert.strictEqual(rowName("line 1", ""), "line 1");
    assert.strictEqual(rowName("line 1", "x".repeat(30)), `line 1 (${"x".repeat(24)}...)`);
  });
});
