import { assert } from "chai";
import { SimKeyValue } from "../../host/sim/key-value.js";
import { SECTOR_ERASE_MS, sectorErasesTotal } from "../../host/sim/nor.js";
import { describeKeyValueContract } from "./contracts/key-value.js";
import { SimBench } from "./sim-bench.js";

describeKeyValueContract("SimKeyValue", () => ({ keyValue: new SimKeyValue(new SimBench().life), domain: "records" }));

describe("SimKeyValue", () => {
  let bench: SimBench;
  const open = () => new SimKeyValue(bench.life).open({ path: "records" });
  const read = (key: string) => {
    const value = open().read(key);
    return value && [...new Uint8Array(value)];
  };

  beforeEach(() => {
    bench = new SimBench();
    open().write("old", Uint8Array.of(1));
  });

  describe("when the power fails", () => {
    for (const [kind, value] of [
      ["before", [1]],
      ["torn", [1]],
      ["after", [2]],
    ] as const) {
      it(`${kind} a write, keeps one whole version`, () => {
        bench.cut(kind, "key-value write", () => open().write("old", Uint8Array.of(2)));
        assert.deepEqual(read("old"), [...value]);
      });
    }

    for (const [kind, value] of [
      ["before", [1]],
      ["torn", [1]],
      ["after", undefined],
    ] as const) {
      it(`${kind} a delete, keeps the value or has none`, () => {
        bench.cut(kind, "key-value delete", () => open().delete("old"));
        assert.deepEqual(read("old"), value && [...value]);
      });
    }

    it("before a new domain is stored, does not know it", () => {
      bench.cut("before", "key-value open", () => new SimKeyValue(bench.life).open({ path: "new" }));
      assert.throws(() => new SimKeyValue(bench.life).open({ path: "new", mode: "r" }), "ESP_ERR_NVS_NOT_FOUND");
    });
  });

  it("performs no operation for a value that is there already, nor for deleting what is not", () => {
    const domain = open();
    assert.equal(
      bench.operations(() => {
        domain.write("old", Uint8Array.of(1));
        domain.delete("missing");
        open();
      }),
      0,
    );
  });

  it("takes values of 4000 bytes and refuses one more", () => {
    const domain = open();
    domain.write("key", new Uint8Array(4000));
    assert.throws(() => domain.write("key", new Uint8Array(4001)), "ESP_ERR_NVS_VALUE_TOO_LONG");
    assert.equal(domain.read("key")?.byteLength, 4000);
  });

  it("is full when the old and the new version of a value do not fit side by side", () => {
    const domain = open();
    const { entriesTotal } = bench.storage.keyValues;
    assert.equal(entriesTotal, 252);
    const free = () => entriesTotal - bench.storage.keyValues.entriesUsed();
    domain.write("big", new Uint8Array(32 * 120));
    const left = free();
    domain.write("rest", new Uint8Array(32 * (left - 2)));
    assert.equal(free(), 0);
    assert.throws(() => domain.write("old", Uint8Array.of(2)), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
    assert.throws(() => new SimKeyValue(bench.life).open({ path: "more" }), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
    assert.deepEqual(read("old"), [1]);
    domain.delete("rest");
    domain.write("rest", new Uint8Array(32 * (left - 2)));
    assert.throws(() => domain.write("rest2", Uint8Array.of(2)), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
  });

  it("counts 32 bytes an entry, and erases each page that it begins again", () => {
    const domain = open();
    const { wear } = bench.storage;
    const bytesBefore = wear.bytesProgrammed;
    let longestMs = 0;
    const value = new Uint8Array(32 * 61);
    for (let round = 0; round < 20; round++) {
      value[0] = round;
      longestMs = Math.max(
        longestMs,
        bench.spentMs(() => domain.write("key", value)),
      );
    }
    assert.equal(wear.bytesProgrammed - bytesBefore, 20 * 63 * 32);
    // 1264 entries in all, 126 to a page: eleven pages begun, the first three of them fresh.
    assert.equal(sectorErasesTotal(wear), 8);
    assert.isAbove(longestMs, SECTOR_ERASE_MS);
    assert.isBelow(longestMs, 2 * SECTOR_ERASE_MS);
  });
});
