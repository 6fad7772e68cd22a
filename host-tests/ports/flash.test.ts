import { assert } from "chai";
import { SimFlash, type SimFlashPartition } from "../../host/sim/flash.js";
import { FlashMisuse, SECTOR_BYTES, SECTOR_ERASE_MS } from "../../host/sim/nor.js";
import { DEFAULT_PARTITIONS, SimStorage } from "../../host/sim/storage.js";
import { describeFlashContract } from "./contracts/flash.js";
import { SimBench } from "./sim-bench.js";

describeFlashContract("SimFlash", () => ({ flash: new SimFlash(new SimBench().life), scratch: "scratch" }));

describe("SimFlash", () => {
  let bench: SimBench;
  let partition: SimFlashPartition;
  const scratchBytes = (length: number, offset = 0) => [...bench.storage.peek("scratch", offset, length)];

  beforeEach(() => {
    bench = new SimBench();
    partition = new SimFlash(bench.life).open({ path: "scratch" });
  });

  it("has the table that was asked for", () => {
    assert.deepEqual(
      [...new SimFlash(bench.life)],
      bench.storage.partitions.map(({ label }) => label),
    );
    assert.deepEqual(new SimStorage().partitions, DEFAULT_PARTITIONS);
  });

  it("reaches app slots only by their part", () => {
    const flash = new SimFlash(bench.life);
    assert.throws(() => flash.open({ path: "ota_0" }), "can't find partition");
    bench.storage.chip.preset(Uint8Array.of(7), bench.storage.partition("ota_0").offset);
    bench.storage.chip.preset(Uint8Array.of(8), bench.storage.partition("ota_1").offset);
    const first = (path: string) => {
      const byte = new Uint8Array(1);
      flash.open({ path, mode: "r" }).read(byte, 0);
      return byte[0];
    };
    assert.deepEqual([first("running"), first("nextota")], [7, 8]);
  });

  describe("when it is misused", () => {
    it("refuses to program a bit back to one, says where, and remembers it", () => {
      partition.write(Uint8Array.of(0xff, 0x0f), 0x10);
      assert.throws(() => partition.write(Uint8Array.of(0x00, 0x1f), 0x10), FlashMisuse, "0x30011 from 0xf to 0x1f");
      assert.deepEqual(scratchBytes(2, 0x10), [0xff, 0x0f]);
      assert.lengthOf(bench.storage.chip.misuses, 1);
    });

    it("refuses to touch the running program, the boot loader's record, LittleFS and NVS", () => {
      for (const path of ["running", "otadata", "storage", "nvs"]) {
        const foreign = new SimFlash(bench.life).open({ path });
        assert.throws(() => foreign.write(Uint8Array.of(0), 0), FlashMisuse);
        assert.throws(() => foreign.eraseBlock(0), FlashMisuse);
      }
      assert.lengthOf(bench.storage.chip.misuses, 8);
    });
  });

  describe("when the power fails", () => {
    const content = Uint8Array.from({ length: 200 }, (_, index) => index);

    it("before a write, nothing is written", () => {
      bench.cut("before", "flash program", () => partition.write(content, 0));
      assert.isTrue(scratchBytes(200).every((byte) => byte === 0xff));
    });

    it("after a write, everything is", () => {
      bench.cut("after", "flash program", () => partition.write(content, 0));
      assert.deepEqual(scratchBytes(200), [...content]);
    });

    it("inside a write, a beginning is there and the rest is erased", () => {
      const lengths = new Set<number>();
      for (let attempt = 0; attempt < 4; attempt++) {
        const offset = attempt * SECTOR_BYTES;
        const current = new SimFlash(bench.life).open({ path: "scratch" });
        bench.cut("torn", "flash program", () => current.write(content, offset));
        const left = scratchBytes(200, offset);
        const written = left.findIndex((byte, index) => byte !== content[index]);
        assert.isAtLeast(written, 0, "the whole write survived a torn one");
        // One byte may be half programmed: a superset of the bits wanted. Behind it nothing is.
        assert.equal((left[written] ?? 0) & (content[written] ?? 0), content[written]);
        assert.isTrue(left.slice(written + 1).every((byte) => byte === 0xff));
        lengths.add(written);
      }
      assert.isAbove(lengths.size, 1);
    });

    it("inside a write over bytes with bits to spare, no bit comes back", () => {
      partition.write(new Uint8Array(16).fill(0x0f), 0);
      for (let attempt = 0; attempt < 8; attempt++) {
        const current = new SimFlash(bench.life).open({ path: "scratch" });
        bench.cut("torn", "flash program", () => current.write(new Uint8Array(16), 0));
        assert.isTrue(scratchBytes(16).every((byte) => (byte & 0xf0) === 0));
      }
      assert.lengthOf(bench.cuts, 8);
      assert.deepEqual(bench.storage.chip.misuses, []);
    });

    it("before and after an erase, the block holds all or nothing", () => {
      partition.write(content, 0);
      bench.cut("before", "flash erase", () => partition.eraseBlock(0));
      assert.deepEqual(scratchBytes(200), [...content]);
      const next = new SimFlash(bench.life).open({ path: "scratch" });
      bench.cut("after", "flash erase", () => next.eraseBlock(0));
      assert.isTrue(scratchBytes(200).every((byte) => byte === 0xff));
    });

    it("inside an erase, the block is neither its old self nor erased, and no bit is lost", () => {
      partition.write(content, 0);
      bench.cut("torn", "flash erase", () => partition.eraseBlock(0));
      const left = scratchBytes(200);
      assert.notDeepEqual(left, [...content]);
      assert.isTrue(left.some((byte) => byte !== 0xff));
      assert.isTrue(left.every((byte, index) => (byte & (content[index] ?? 0)) === content[index]));
      const next = new SimFlash(bench.life).open({ path: "scratch" });
      assert.throws(() => next.write(new Uint8Array(200).fill(0xff), 0), FlashMisuse);
      next.eraseBlock(0);
      next.write(content, 0);
      assert.deepEqual(scratchBytes(200), [...content]);
    });

    it("among the blocks of one erase, those before are erased and those behind are not", () => {
      for (let block = 0; block < 3; block++) partition.write(Uint8Array.of(block), block * SECTOR_BYTES);
      bench.cut("before", "flash erase", () => partition.eraseBlock(0, 3), 2);
      const firstBytes = [0, 1, 2].map((block) => scratchBytes(1, block * SECTOR_BYTES)[0]);
      assert.deepEqual(firstBytes, [0xff, 1, 2]);
    });
  });

  it("wears: bytes programmed, and erases of each sector", () => {
    const sector = bench.storage.partition("scratch").offset / SECTOR_BYTES;
    partition.write(new Uint8Array(300), 0);
    partition.eraseBlock(0);
    partition.eraseBlock(0, 2);
    const { bytesProgrammed, sectorErases } = bench.storage.wear;
    assert.equal(bytesProgrammed, 300);
    assert.deepEqual([...sectorErases.subarray(sector, sector + 3)], [2, 1, 0]);
  });

  it("takes 45 ms to erase a block, 0.7 ms to program in a page, and a little to read", () => {
    const erasing = bench.spentMs(() => partition.eraseBlock(0, 2));
    const onePage = bench.spentMs(() => partition.write(new Uint8Array(256), 0));
    const twoPages = bench.spentMs(() => partition.write(new Uint8Array(2), 511));
    const nothing = bench.spentMs(() => partition.write(new Uint8Array(0), 700));
    const reading = bench.spentMs(() => partition.read(new Uint8Array(2048), 0));
    assert.equal(erasing, 2 * SECTOR_ERASE_MS);
    assert.approximately(onePage, 0.7, 1e-9);
    assert.approximately(twoPages, 1.4, 1e-9);
    assert.equal(nothing, 0);
    assert.approximately(reading, 0.04, 1e-9);
  });
});
