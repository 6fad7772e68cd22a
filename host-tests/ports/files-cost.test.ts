import { assert } from "chai";
import { mountFiles, type SimDirectory } from "../../host/sim/files.js";
import { blockAt, bytesIn, INLINE_BYTES_MAX } from "../../host/sim/littlefs.js";
import { SECTOR_ERASE_MS, sectorErasesTotal } from "../../host/sim/nor.js";
import { writeFile } from "./contracts/whole-files.js";
import { SimBench } from "./sim-bench.js";

const NO_SPACE = "LFS ERR -28";

describe("The simulated LittleFS counts", () => {
  let bench: SimBench;
  let root: SimDirectory;
  const start = (fileBlocks = 32) => {
    bench = new SimBench({ fileBlocks });
    root = mountFiles(bench.life);
  };
  const durable = (path: string) => {
    const content = bench.storage.files.peek(path);
    return content && [...content];
  };
  const freeBlocks = () => bench.storage.files.blocks - bench.storage.files.blocksUsed();

  beforeEach(() => start());

  describe("space", () => {
    // Two blocks are the superblock's.
    beforeEach(() => start(8));

    it("has blocks whose pointers LittleFS counts: 1, 2, 1, 3 ... words from the second on", () => {
      assert.deepEqual([0, 1, 2, 3, 4, 5].map(bytesIn), [0, 4096, 8188, 12_276, 16_368, 20_452]);
      for (let block = 1; block < 600; block++) {
        assert.equal(blockAt(bytesIn(block)), block);
        assert.equal(blockAt(bytesIn(block) - 1), block - 1);
      }
    });

    it("takes a file that fits exactly", () => {
      writeFile(root, "a", new Uint8Array(bytesIn(6)));
      assert.equal(freeBlocks(), 0);
      assert.equal(durable("a")?.length, bytesIn(6));
    });

    it("refuses a file of one byte more, whether it comes at once or in pieces", () => {
      for (const pieceBytes of [4096, bytesIn(6) + 1]) {
        const file = root.openFile({ path: "a", mode: "w" });
        assert.throws(() => {
          for (let at = 0; at <= bytesIn(6); at += pieceBytes) file.write(new Uint8Array(pieceBytes), at);
        }, NO_SPACE);
        file.close();
        assert.deepEqual(durable("a"), []);
        assert.equal(freeBlocks(), 6);
      }
    });

    it("keeps the last flushed content after a write that found no space, and says nothing more", () => {
      const file = root.openFile({ path: "a", mode: "w+" });
      file.write(Uint8Array.of(1, 2, 3), 0);
      file.flush();
      file.write(Uint8Array.of(4), 3);
      assert.throws(() => file.write(new Uint8Array(bytesIn(7)), 4), NO_SPACE);
      assert.equal(
        bench.operations(() => file.flush()),
        0,
      );
      assert.throws(() => file.write(Uint8Array.of(5), 4), NO_SPACE);
      file.close();
      assert.deepEqual(durable("a"), [1, 2, 3]);
    });

    it("needs room for the new version beside the old one", () => {
      writeFile(root, "three", new Uint8Array(bytesIn(3)));
      writeFile(root, "three", new Uint8Array(bytesIn(3)).fill(1));
      root.delete("three");
      writeFile(root, "four", new Uint8Array(bytesIn(4)));
      assert.throws(() => writeFile(root, "four", new Uint8Array(bytesIn(4)).fill(1)), NO_SPACE);
      assert.equal(durable("four")?.[0], 0);
    });

    it("needs one block to go on in a flushed file whose last block is not full, and copies it", () => {
      const file = root.openFile({ path: "a", mode: "w" });
      file.write(new Uint8Array(bytesIn(6) - 1), 0);
      file.flush();
      assert.throws(() => file.write(Uint8Array.of(1), bytesIn(6) - 1), NO_SPACE);
      file.close();
      assert.equal(durable("a")?.length, bytesIn(6) - 1);
    });

    it("counts the blocks of open files until they are closed", () => {
      const file = root.openFile({ path: "a", mode: "w" });
      file.write(new Uint8Array(bytesIn(4)), 0);
      root.delete("a");
      const other = root.openFile({ path: "b", mode: "w" });
      assert.throws(() => other.write(new Uint8Array(bytesIn(3)), 0), NO_SPACE);
      other.close();
      file.close();
      writeFile(root, "b", new Uint8Array(bytesIn(6)));
    });

    it("gives the blocks of the old version free at the flush, also while the file stays open", () => {
      writeFile(root, "a", new Uint8Array(bytesIn(3)));
      const file = root.openFile({ path: "a", mode: "w" });
      file.write(new Uint8Array(bytesIn(3)), 0);
      assert.throws(() => writeFile(root, "b", new Uint8Array(100)), NO_SPACE);
      file.flush();
      writeFile(root, "b", new Uint8Array(bytesIn(3)));
      file.close();
    });

    it("drops the blocks of files left open at a reset", () => {
      root.openFile({ path: "a", mode: "w" }).write(new Uint8Array(bytesIn(6)), 0);
      root = mountFiles(bench.boot());
      writeFile(root, "b", new Uint8Array(bytesIn(6)));
      assert.equal(freeBlocks(), 0);
    });

    it("puts small files into their directory, which takes two blocks", () => {
      writeFile(root, "small", new Uint8Array(INLINE_BYTES_MAX));
      assert.equal(freeBlocks(), 6);
      writeFile(root, "large", new Uint8Array(INLINE_BYTES_MAX + 1));
      assert.equal(freeBlocks(), 5);
      root.createDirectory("d");
      root.createDirectory("e");
      assert.equal(freeBlocks(), 1);
      assert.throws(() => root.createDirectory("f"), NO_SPACE);
      root.delete("e");
      root.createDirectory("f");
    });
  });

  describe("time and wear", () => {
    const PAGE_MS = 0.7;
    const spentAndErased = (action: () => void): [spentMs: number, erases: number] => {
      const before = sectorErasesTotal(bench.storage.wear);
      const spentMs = bench.spentMs(action);
      return [Math.round(spentMs * 1e6) / 1e6, sectorErasesTotal(bench.storage.wear) - before];
    };

    it("cost an erase for each block begun, a page program for each 256 bytes, and a commit for a flush", () => {
      const file = root.openFile({ path: "a", mode: "w" });
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(4096), 0)),
        [SECTOR_ERASE_MS + 16 * PAGE_MS, 1],
      );
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(100), 4096)),
        [SECTOR_ERASE_MS + PAGE_MS, 1],
      );
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(100), 4196)),
        [PAGE_MS, 0],
      );
      assert.deepEqual(
        spentAndErased(() => file.flush()),
        [PAGE_MS, 0],
      );
      assert.deepEqual(
        spentAndErased(() => file.flush()),
        [0, 0],
      );
    });

    it("cost the copy of a block that was flushed half full, and none at a block's end", () => {
      const file = root.openFile({ path: "a", mode: "w" });
      file.write(new Uint8Array(2560), 0);
      file.flush();
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(256), 2560)),
        [SECTOR_ERASE_MS + 11 * PAGE_MS, 1],
      );
      file.write(new Uint8Array(4096 - 2816), 2816);
      file.flush();
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(256), 4096)),
        [SECTOR_ERASE_MS + PAGE_MS, 1],
      );
    });

    it("cost the copy of everything behind a change", () => {
      writeFile(root, "a", new Uint8Array(bytesIn(4)));
      const file = root.openFile({ path: "a", mode: "r+" });
      const [, erasesAtFirst] = spentAndErased(() => file.write(new Uint8Array(256), 0));
      const [, erasesAtEnd] = spentAndErased(() => file.flush());
      assert.deepEqual([erasesAtFirst, erasesAtEnd], [1, 3]);
    });

    it("cost a copy of the block begun when writing jumps, and when a read comes between", () => {
      const file = root.openFile({ path: "a", mode: "w+" });
      file.write(new Uint8Array(1024), 0);
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(256), 512)),
        [SECTOR_ERASE_MS + 3 * PAGE_MS, 1],
      );
      // What lies behind the jump is copied at its end.
      file.read(new Uint8Array(0), 0);
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(256), 1024)),
        [SECTOR_ERASE_MS + 5 * PAGE_MS, 1],
      );
      assert.deepEqual(
        spentAndErased(() => file.write(new Uint8Array(256), 1280)),
        [PAGE_MS, 0],
      );
    });

    it("spread over the blocks of the partition in turn", () => {
      start(8);
      for (let round = 0; round < 16; round++) writeFile(root, "a", new Uint8Array(100));
      const first = bench.storage.partition("storage").offset / 4096;
      assert.deepEqual([...bench.storage.wear.sectorErases.subarray(first, first + 8)], Array(8).fill(2));
    });

    it("cost an erase for every 4096 bytes of commits", () => {
      let erases = 0;
      for (let round = 0; round < 128; round++) {
        writeFile(root, "a", [round]);
        root.delete("a");
      }
      erases = sectorErasesTotal(bench.storage.wear);
      // Each round commits three times 32 bytes and one byte of content.
      assert.equal(erases, Math.floor((128 * 97) / 4096));
    });

    it("count the bytes programmed", () => {
      const before = bench.storage.wear.bytesProgrammed;
      writeFile(root, "a", new Uint8Array(1000));
      assert.equal(bench.storage.wear.bytesProgrammed - before, 1000 + 2 * 32);
    });
  });
});
