import { assert } from "chai";
import { mountFiles, type SimDirectory } from "../../host/sim/files.js";
import type { CutKind } from "../../host/sim/power.js";
import { describeFilesContract } from "./contracts/files.js";
import { readFile, writeFile } from "./contracts/whole-files.js";
import { SimBench } from "./sim-bench.js";

const CUT_KINDS: readonly CutKind[] = ["before", "torn", "after"];

describeFilesContract("SimDirectory", () => mountFiles(new SimBench().life));

describe("The simulated LittleFS", () => {
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

  beforeEach(() => start());

  describe("when the power fails", () => {
    beforeEach(() => writeFile(root, "a", [1, 2, 3]));

    const cut = (kind: CutKind, operation: string, action: () => void) => {
      root = mountFiles(bench.cut(kind, operation, action));
    };

    it("forgets what was written and not flushed", () => {
      const file = root.openFile({ path: "a", mode: "r+" });
      file.write(Uint8Array.of(9), 0);
      file.flush();
      file.write(new Uint8Array(6000), 0);
      root = mountFiles(bench.pullPlug());
      assert.deepEqual(readFile(root, "a"), [9, 2, 3]);
    });

    it("keeps the old content of a file that was emptied and not flushed", () => {
      root.openFile({ path: "a", mode: "w" });
      root = mountFiles(bench.pullPlug());
      assert.deepEqual(readFile(root, "a"), [1, 2, 3]);
    });

    it("keeps a file that was made and never flushed, with nothing in it", () => {
      root.openFile({ path: "new", mode: "w" }).write(Uint8Array.of(1), 0);
      root = mountFiles(bench.pullPlug());
      assert.isTrue(root.status("new").isFile());
      assert.deepEqual(readFile(root, "new"), []);
    });

    for (const kind of CUT_KINDS) {
      const happened = kind === "after";

      it(`${kind} making a file, ${happened ? "has it" : "does not have it"}`, () => {
        cut(kind, "file create", () => root.openFile({ path: "new", mode: "w" }));
        assert.equal(root.status("new").isFile(), happened);
      });

      for (const operation of ["flush", "close"] as const) {
        it(`${kind} a ${operation}, has the ${happened ? "new" : "old"} content`, () => {
          const file = root.openFile({ path: "a", mode: "w" });
          file.write(Uint8Array.of(7, 7), 0);
          cut(kind, `file ${operation}`, () => file[operation]());
          assert.deepEqual(readFile(root, "a"), happened ? [7, 7] : [1, 2, 3]);
        });
      }

      it(`${kind} a move over a file, has one of both contents and never none`, () => {
        writeFile(root, "b", [9]);
        cut(kind, "file move", () => root.move("b", "a"));
        assert.deepEqual(readFile(root, "a"), happened ? [9] : [1, 2, 3]);
        assert.equal(root.status("b").isFile(), !happened);
      });

      it(`${kind} a delete, ${happened ? "has no file" : "still has the file"}`, () => {
        cut(kind, "file delete", () => root.delete("a"));
        assert.equal(root.status("a").isFile(), !happened);
      });

      it(`${kind} making a directory, ${happened ? "has it" : "does not have it"}`, () => {
        cut(kind, "directory create", () => root.createDirectory("d"));
        assert.equal(root.status("d").isDirectory(), happened);
      });
    }

    it("at any operation of a longer story, leaves what the operations before it made", () => {
      const story = (directory: SimDirectory) => {
        directory.createDirectory("d");
        writeFile(directory, "d/new", Array(5000).fill(4));
        directory.move("d/new", "a");
        directory.delete("d");
      };
      const operationsTotal = bench.operations(() => story(root));
      assert.equal(operationsTotal, 5);
      const sizes: string[] = [];
      for (let nth = 1; nth <= operationsTotal; nth++) {
        start();
        writeFile(root, "a", [1, 2, 3]);
        bench.power.plan({ operation: bench.power.operations + nth, kind: "after" });
        assert.throws(() => story(root));
        assert.lengthOf(bench.cuts, 1);
        root = mountFiles(bench.boot());
        sizes.push(["a", "d/new"].map((path) => durable(path)?.length ?? "none").join(" "));
      }
      assert.deepEqual(sizes, ["3 none", "3 0", "3 5000", "5000 none", "5000 none"]);
    });
  });

  it("performs no operation for flushing or closing what has not changed, nor for reading", () => {
    writeFile(root, "a", [1]);
    assert.equal(
      bench.operations(() => {
        const file = root.openFile({ path: "a", mode: "r+" });
        file.read(new Uint8Array(1), 0);
        file.flush();
        file.close();
        root.createDirectory("");
        root.move("a", "a");
      }),
      0,
    );
  });

  it("performs no operation for a file whose entry was deleted, moved or replaced while it was open", () => {
    for (const detach of [() => root.delete("a"), () => root.move("a", "c"), () => root.move("b", "a")]) {
      writeFile(root, "b", [2]);
      const file = root.openFile({ path: "a", mode: "w" });
      file.write(Uint8Array.of(1), 0);
      detach();
      assert.equal(
        bench.operations(() => file.close()),
        0,
      );
    }
  });

  it("is empty after the SDK has formatted a partition that did not mount", () => {
    writeFile(root, "a", [1]);
    bench.storage.files.format();
    root = mountFiles(bench.boot());
    assert.isTrue(root.scan().next().done);
  });

  it("refuses to move a directory into itself", () => {
    root.createDirectory("d");
    assert.throws(() => root.move("d", "d/e"), "into itself");
    assert.throws(() => root.move("", "d/e"), "LFS ERR -22");
  });
});
