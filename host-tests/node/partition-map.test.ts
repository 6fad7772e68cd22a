/** The map of the flash that the command and the demo print. */

import { assert } from "chai";
import { flashRegions, renderPartitionMap } from "../../host/cli/partition-map.js";
import { Random } from "../../host/sim/random.js";
import { PartitionTable } from "../../src/store/partition-table.js";
import { accepted, csv } from "../support/partitions.js";
import { randomTable } from "../support/random-partitions.js";

describe("partition map", () => {
  it("cuts the flash into regions without a hole, free gaps included", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { text, flashBytes } = randomTable(new Random(seed));
      const table = accepted(csv(text, { flashBytes }));
      const regions = flashRegions(table, flashBytes);
      let end = 0;
      for (const region of regions) {
        assert.strictEqual(region.offset, end, `seed ${seed}`);
        assert.isAbove(region.size, 0);
        end += region.size;
      }
      assert.strictEqual(end, flashBytes);
      assert.strictEqual(regions.filter(({ kind }) => kind === "partition").length, table.entries.length);
    }
  });

  it("sorts by offset, and leaves the boot area to entries that describe it", () => {
    const free = { encrypted: false, readonly: false };
    const entries = [
      { label: "late", type: "data", subtype: "fat", offset: 0xa000, size: 0x1000, ...free },
      { label: "early", type: "data", subtype: "fat", offset: 0x9000, size: 0x1000, ...free },
      { label: "self", type: "partition_table", subtype: "primary", offset: 0x8000, size: 0x1000, ...free },
    ] as const;
    const table = accepted(PartitionTable.verify(entries.map((entry) => ({ where: entry.label, entry }))));
    const regions = flashRegions(table, 0x10_0000).map(({ kind, name, offset }) => [kind, name, offset]);
    assert.deepEqual(regions, [
      ["boot", "(boot loader)", 0],
      ["partition", "self", 0x8000],
      ["partition", "early", 0x9000],
      ["partition", "late", 0xa000],
      ["free", "(free)", 0xb000],
    ]);
  });

  it("shows the smallest region as one mark, also at the very end", () => {
    const flashBytes = 0x100_0000;
    const text = "a,data,fat,,4K\nb,data,fat,0xfff000,4K\n";
    const map = renderPartitionMap(accepted(csv(text, { flashBytes })), flashBytes);
    assert.match(map, /^b .* \| {31}#\|$/m);
    assert.match(map, /^a .* \|# {31}\|$/m);
  });

  it("shows each region in a line of its own, with a bar in proportion", () => {
    const text = "nvs,data,nvs,,24K\nota_0,app,ota_0,0x100000,1M,encrypted\nmine,0x40,1,,2M\n";
    assert.deepEqual(renderPartitionMap(accepted(csv(text)), 0x40_0000).split("\n"), [
      "Name               Type  SubType    Offset       End     Size  Flags      0                            4 MiB",
      "(boot loader)                     0x000000  0x008000   32 KiB             |=                               |",
      "(partition table)                 0x008000  0x009000    4 KiB             |=                               |",
      "nvs                data  nvs      0x009000  0x00f000   24 KiB             |#                               |",
      "(free)                            0x00f000  0x100000  964 KiB             |........                        |",
      "ota_0              app   ota_0    0x100000  0x200000    1 MiB  encrypted  |        ########                |",
      "mine               0x40  0x1      0x200000  0x400000    2 MiB             |                ################|",
      "",
      "Free: 964 KiB of 4 MiB, in one piece.",
      "",
    ]);
  });
});
