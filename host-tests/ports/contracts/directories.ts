/** The part of the files contract that is about entries: making, finding, deleting, moving, scanning, closing. */

import { assert } from "chai";
import type { Directory } from "../../../src/ports.js";
import { readFile, writeFile } from "./whole-files.js";

export function describeDirectoryContract(root: () => Directory): void {
  describeEntries(root);
  describeMoving(root);
  describeScanning(root);
  describeClosing(root);
}

function describeEntries(root: () => Directory): void {
  describe("a directory", () => {
    it("is made once, and left alone by a second call", () => {
      root().createDirectory("d");
      writeFile(root(), "d/a", [1]);
      root().createDirectory("d");
      assert.isTrue(root().status("d").isDirectory());
      assert.deepEqual(readFile(root(), "d/a"), [1]);
    });

    it("is not made over a file, nor without its parent", () => {
      writeFile(root(), "a", [1]);
      assert.throws(() => root().createDirectory("a"), Error);
      assert.throws(() => root().createDirectory("missing/d"), Error);
    });

    it("opens as a directory of its own, one slash behind its name or not", () => {
      root().createDirectory("d");
      root().createDirectory("d/e");
      for (const path of ["d/e", "d/e/"]) {
        const directory = root().openDirectory({ path });
        writeFile(directory, "a", [5]);
        assert.deepEqual(readFile(root(), "d/e/a"), [5]);
        directory.close();
      }
      assert.throws(() => root().openDirectory({ path: "missing" }), Error);
      assert.throws(() => root().openDirectory({ path: "d/e/a" }), "not directory");
    });

    it("deletes files and empty directories, and says whether something was there", () => {
      root().createDirectory("d");
      writeFile(root(), "d/a", [1]);
      assert.throws(() => root().delete("d"), Error);
      assert.isTrue(root().delete("d/a"));
      assert.isTrue(root().delete("d"));
      assert.isFalse(root().delete("d"));
      assert.isFalse(root().delete("missing/a"));
      assert.isFalse(root().status("d").isDirectory());
    });

    it("tells files from directories, and finds neither where nothing is", () => {
      root().createDirectory("d");
      writeFile(root(), "a", [1, 2]);
      const kinds = ["a", "d", "missing", "missing/a"].map((path) => {
        const status = root().status(path);
        return [status.isFile(), status.isDirectory()];
      });
      assert.deepEqual(kinds, [
        [true, false],
        [false, true],
        [false, false],
        [false, false],
      ]);
      assert.equal(root().status("a").size, 2);
    });

    it("refuses a status without a path", () => {
      assert.throws(() => root().status(undefined as unknown as string), "path required");
    });

    it("drops what an open file writes after its entry was deleted", () => {
      const file = root().openFile({ path: "a", mode: "w" });
      root().delete("a");
      file.write(Uint8Array.of(1), 0);
      file.close();
      assert.isFalse(root().status("a").isFile());
    });
  });
}

function describeMoving(root: () => Directory): void {
  describe("moving", () => {
    it("gives a file another name, also in another directory", () => {
      root().createDirectory("d");
      writeFile(root(), "a", [1]);
      root().move("a", "b");
      root().move("b", "d/c");
      assert.deepEqual(readFile(root(), "d/c"), [1]);
      assert.isFalse(root().status("a").isFile() || root().status("b").isFile());
    });

    it("replaces an existing file", () => {
      writeFile(root(), "a", [1]);
      writeFile(root(), "b", [2, 2]);
      root().move("a", "b");
      assert.deepEqual(readFile(root(), "b"), [1]);
    });

    it("moves a directory with all that is in it", () => {
      root().createDirectory("d");
      writeFile(root(), "d/a", [1]);
      root().move("d", "e");
      assert.deepEqual(readFile(root(), "e/a"), [1]);
      assert.isFalse(root().status("d").isDirectory());
    });

    it("leaves a file where it is when both names are the same", () => {
      writeFile(root(), "a", [1]);
      root().move("a", "a");
      assert.deepEqual(readFile(root(), "a"), [1]);
    });

    it("refuses a missing source, a missing target directory, and a target of another kind", () => {
      root().createDirectory("d");
      root().createDirectory("full");
      writeFile(root(), "full/a", [1]);
      writeFile(root(), "a", [1]);
      assert.throws(() => root().move("missing", "b"), Error);
      assert.throws(() => root().move("a", "missing/b"), Error);
      assert.throws(() => root().move("a", "d"), Error);
      assert.throws(() => root().move("d", "a"), Error);
      assert.throws(() => root().move("d", "full"), Error);
      assert.deepEqual(readFile(root(), "a"), [1]);
      assert.isTrue(root().status("d").isDirectory());
    });

    it("drops what a file that was open meanwhile writes later", () => {
      const file = root().openFile({ path: "a", mode: "w" });
      file.write(Uint8Array.of(1), 0);
      file.flush();
      root().move("a", "b");
      file.write(Uint8Array.of(2), 0);
      file.close();
      assert.deepEqual(readFile(root(), "b"), [1]);
    });
  });
}

function describeScanning(root: () => Directory): void {
  describe("scanning", () => {
    it("names all entries of a directory and no dots", () => {
      root().createDirectory("d");
      for (const path of ["b", "a", "d/inner"]) writeFile(root(), path, [1]);
      assert.sameMembers(namesIn(root().scan()), ["a", "b", "d"]);
      assert.sameMembers(namesIn(root().scan("d")), ["inner"]);
      assert.sameMembers(namesIn(root().openDirectory({ path: "d" }).scan()), ["inner"]);
    });

    it("finds nothing in an empty directory", () => {
      assert.deepEqual(namesIn(root().scan()), []);
    });

    it("stays at its end", () => {
      const names = root().scan();
      assert.isTrue(names.next().done);
      assert.isTrue(names.next().done);
    });

    it("bears the deletion of each entry as it comes", () => {
      for (const path of ["a", "b", "c", "d"]) writeFile(root(), path, [1]);
      const names = root().scan();
      for (let next = names.next(); !next.done; next = names.next()) root().delete(next.value);
      assert.deepEqual(namesIn(root().scan()), []);
    });

    it("refuses a file and a directory that is not there", () => {
      writeFile(root(), "a", [1]);
      assert.throws(() => root().scan("a"), "not directory");
      assert.throws(() => root().scan("missing"), Error);
    });
  });
}

function describeClosing(root: () => Directory): void {
  describe("closing", () => {
    it("ends the use of a file, and may be repeated", () => {
      const file = root().openFile({ path: "a", mode: "w+" });
      file.close();
      file.close();
      assert.throws(() => file.read(new Uint8Array(1), 0), SyntaxError);
      assert.throws(() => file.write(new Uint8Array(1), 0), SyntaxError);
      assert.throws(() => file.flush(), SyntaxError);
      assert.throws(() => file.status(), SyntaxError);
    });

    it("ends the use of a directory object, and of nothing that was opened through it", () => {
      root().createDirectory("d");
      const directory = root().openDirectory({ path: "d" });
      const file = directory.openFile({ path: "a", mode: "w" });
      directory.close();
      directory.close();
      assert.throws(() => directory.openFile({ path: "a" }), SyntaxError);
      assert.throws(() => directory.openDirectory({ path: "a" }), SyntaxError);
      assert.throws(() => directory.createDirectory("b"), SyntaxError);
      assert.throws(() => directory.delete("a"), SyntaxError);
      assert.throws(() => directory.move("a", "b"), SyntaxError);
      assert.throws(() => directory.status("a"), SyntaxError);
      assert.throws(() => directory.scan(), SyntaxError);
      file.write(Uint8Array.of(3), 0);
      file.close();
      assert.deepEqual(readFile(root(), "d/a"), [3]);
    });
  });
}

function namesIn(scan: Iterator<string>): string[] {
  const names: string[] = [];
  for (let next = scan.next(); !next.done; next = scan.next()) names.push(next.value);
  return names;
}
