/**
 * What every Directory and File must do, as LittleFS behind the SDK's module does it. `makeRoot` gives an empty
 * directory with at least 64 KiB of space.
 */

import { assert } from "chai";
import type { Directory, File } from "../../../src/ports.js";
import { assertRefusesOddBuffers } from "./buffers.js";
import { describeDirectoryContract } from "./directories.js";
import { readFile, writeFile } from "./whole-files.js";

const BAD_PATHS = ["/a", "./a", "../a", "..", ".", "/", "d/..", "d/../a", "d/./a", "d/.", "d//a", "d///a", "a//"];

export function describeFilesContract(name: string, makeRoot: () => Directory): void {
  describe(`${name} as a file system`, () => {
    let root: Directory;
    beforeEach(() => {
      root = makeRoot();
    });

    describeOpening(() => root);
    describeReadingAndWriting(() => root);
    describeDirectoryContract(() => root);
  });
}

function describeOpening(root: () => Directory): void {
  describe("opening a file", () => {
    it("makes it in modes w and w+ and not in r and r+", () => {
      for (const mode of ["r", "r+"] as const) {
        assert.throws(() => root().openFile({ path: "a", mode }), Error);
        assert.isFalse(root().status("a").isFile());
      }
      for (const [path, mode] of [
        ["a", "w"],
        ["b", "w+"],
      ] as const) {
        root().openFile({ path, mode }).close();
        assert.equal(root().status(path).size, 0);
        assert.isTrue(root().status(path).isFile());
      }
    });

    it("empties an existing one in modes w and w+", () => {
      for (const mode of ["w", "w+"] as const) {
        writeFile(root(), "a", [1, 2, 3]);
        const file = root().openFile({ path: "a", mode });
        assert.equal(file.status().size, 0);
        file.close();
        assert.deepEqual(readFile(root(), "a"), []);
      }
    });

    it("keeps the content in mode r+", () => {
      writeFile(root(), "a", [1, 2, 3]);
      const file = root().openFile({ path: "a", mode: "r+" });
      file.write(Uint8Array.of(9), 1);
      file.close();
      assert.deepEqual(readFile(root(), "a"), [1, 9, 3]);
    });

    it("only reads without a mode", () => {
      writeFile(root(), "a", [1]);
      const file = root().openFile({ path: "a" });
      assert.throws(() => file.write(Uint8Array.of(2), 0), "read-only");
      assert.equal(file.read(new Uint8Array(1), 0), 1);
      file.close();
    });

    it("only writes in mode w", () => {
      const file = root().openFile({ path: "a", mode: "w" });
      file.write(Uint8Array.of(1), 0);
      assert.throws(() => file.read(new Uint8Array(1), 0), "write-only");
      file.close();
    });

    it("refuses a directory, a path through a file or a missing directory, and an unknown mode", () => {
      root().createDirectory("d");
      writeFile(root(), "a", [1]);
      for (const mode of ["r", "w"] as const) {
        assert.throws(() => root().openFile({ path: "d", mode }), "not file");
        assert.throws(() => root().openFile({ path: "a/b", mode }), Error);
        assert.throws(() => root().openFile({ path: "missing/b", mode }), Error);
      }
      assert.throws(() => root().openFile({ path: "a", mode: "a" as "r" }), "invalid mode");
    });

    it("refuses absolute, empty and relative steps in a path, in every call", () => {
      root().createDirectory("d");
      writeFile(root(), "a", [1]);
      for (const path of BAD_PATHS) {
        assert.throws(() => root().openFile({ path, mode: "w" }), "bad path");
        assert.throws(() => root().openDirectory({ path }), "bad path");
        assert.throws(() => root().createDirectory(path), "bad path");
        assert.throws(() => root().delete(path), "bad path");
        assert.throws(() => root().status(path), "bad path");
        assert.throws(() => root().scan(path), "bad path");
        assert.throws(() => root().move(path, "b"), "bad path");
        assert.throws(() => root().move("a", path), "bad path");
      }
    });

    it("takes names that merely contain dots", () => {
      for (const path of [".hidden", "..b", "...", "a..b", "end."]) {
        writeFile(root(), path, [7]);
        assert.deepEqual(readFile(root(), path), [7]);
      }
    });

    it("takes names of 255 characters and refuses 256", () => {
      writeFile(root(), "n".repeat(255), [1]);
      assert.throws(() => root().openFile({ path: "n".repeat(256), mode: "w" }), Error);
    });
  });
}

function describeReadingAndWriting(root: () => Directory): void {
  describe("an open file", () => {
    let file: File;
    const read = (position: number, length: number): number[] => {
      const into = new Uint8Array(length);
      return [...into.subarray(0, file.read(into, position))];
    };
    beforeEach(() => {
      file = root().openFile({ path: "a", mode: "w+" });
    });
    afterEach(() => file.close());

    it("reads back what it was given, before any flush", () => {
      file.write(Uint8Array.of(1, 2, 3, 4), 0);
      assert.deepEqual(read(1, 2), [2, 3]);
    });

    it("reads less at its end and nothing behind it", () => {
      file.write(Uint8Array.of(1, 2, 3), 0);
      assert.deepEqual([read(1, 10), read(3, 10), read(100, 1)], [[2, 3], [], []]);
    });

    it("fills a gap with zeroes", () => {
      file.write(Uint8Array.of(1), 0);
      file.write(Uint8Array.of(2), 4);
      assert.deepEqual(read(0, 10), [1, 0, 0, 0, 2]);
    });

    it("overwrites in the middle and over the end", () => {
      file.write(Uint8Array.of(1, 2, 3, 4), 0);
      file.write(Uint8Array.of(8, 9), 1);
      file.write(Uint8Array.of(6, 7), 3);
      assert.deepEqual(read(0, 10), [1, 8, 9, 6, 7]);
      assert.equal(file.status().size, 5);
    });

    it("holds its own against a plain array over many writes of every kind", () => {
      const expected = new Uint8Array(20_000);
      let size = 0;
      let state = 1;
      const next = (below: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
        return (state >> 8) % below;
      };
      for (let step = 0; step < 150; step++) {
        const position = next(3) === 0 ? next(size + 1) : size;
        const bytes = Uint8Array.from({ length: Math.min(next(700), expected.length - position) }, () => next(256));
        file.write(bytes, position);
        expected.set(bytes, position);
        size = Math.max(size, position + bytes.length);
        if (step % 10 === 0) file.flush();
        if (step % 25 === 0) assert.deepEqual(read(0, expected.length), [...expected.subarray(0, size)]);
      }
      file.close();
      assert.isAbove(size, 10_000);
      assert.deepEqual(readFile(root(), "a"), [...expected.subarray(0, size)]);
    });

    it("reports its size as written, the directory as flushed", () => {
      file.write(Uint8Array.of(1, 2, 3), 0);
      assert.equal(file.status().size, 3);
      assert.equal(root().status("a").size, 0);
      file.flush();
      assert.equal(root().status("a").size, 3);
    });

    it("refuses positions before the start", () => {
      assert.throws(() => file.write(Uint8Array.of(1), -1), Error);
      assert.throws(() => file.read(new Uint8Array(1), -1), Error);
      assert.equal(file.status().size, 0);
    });

    it("refuses what is no buffer of bytes", () => {
      assertRefusesOddBuffers((buffer) => file.write(buffer, 0));
      assertRefusesOddBuffers((buffer) => file.read(buffer, 0));
    });
  });
}
