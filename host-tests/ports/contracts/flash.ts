/** What every Flash must do. `scratch` labels a data partition of at least three blocks that may be overwritten. */

import { assert } from "chai";
import type { Flash, FlashPartition } from "../../../src/ports.js";
import { assertRefusesOddBuffers } from "./buffers.js";

export interface FlashFixture {
  readonly flash: Flash;
  readonly scratch: string;
}

export function describeFlashContract(name: string, makeFixture: () => FlashFixture): void {
  describe(`${name} as a Flash`, () => {
    let flash: Flash;
    let scratch: string;
    let partition: FlashPartition;
    let blockBytes: number;
    const read = (offset: number, length: number): number[] => {
      const into = new Uint8Array(length);
      partition.read(into, offset);
      return [...into];
    };

    beforeEach(() => {
      ({ flash, scratch } = makeFixture());
      partition = flash.open({ path: scratch });
      blockBytes = partition.status().blockLength;
      partition.eraseBlock(0, 3);
    });

    describe("the table", () => {
      it("lists the labels of the partitions", () => {
        assert.include([...flash], scratch);
      });

      it("opens data partitions by label, and the app slots by their part", () => {
        for (const path of [scratch, "running", "nextota"]) {
          const opened = flash.open({ path });
          const { size, blockLength, blocks } = opened.status();
          assert.equal(size, blockLength * blocks);
          assert.isAbove(size, 0);
          opened.close();
        }
      });

      it("refuses a label that is not there and a mode that it does not know", () => {
        assert.throws(() => flash.open({ path: "no-such" }), "can't find partition");
        assert.throws(() => flash.open({ path: scratch, mode: "w" as "r" }), "invalid mode");
      });
    });

    describe("an open partition", () => {
      it("reads erased blocks as ones", () => {
        assert.deepEqual(read(blockBytes - 2, 4), [0xff, 0xff, 0xff, 0xff]);
      });

      it("reads back what was written, also across a block's end", () => {
        const bytes = Uint8Array.from({ length: 300 }, (_, index) => index & 0xff);
        partition.write(bytes, blockBytes - 100);
        assert.deepEqual(read(blockBytes - 100, 300), [...bytes]);
      });

      it("returns the count read", () => {
        assert.equal(partition.read(new Uint8Array(17), 3), 17);
      });

      it("clears further bits of bytes already written", () => {
        partition.write(Uint8Array.of(0xf0), 5);
        partition.write(Uint8Array.of(0x30), 5);
        assert.deepEqual(read(4, 3), [0xff, 0x30, 0xff]);
      });

      it("erases the blocks from first to before end", () => {
        for (let block = 0; block < 3; block++) partition.write(Uint8Array.of(block), block * blockBytes);
        partition.eraseBlock(1, 2);
        assert.deepEqual([read(0, 1), read(blockBytes, 1), read(2 * blockBytes, 1)], [[0], [0xff], [2]]);
      });

      it("erases nothing where the range is empty", () => {
        for (let block = 0; block < 3; block++) partition.write(Uint8Array.of(block), block * blockBytes);
        partition.eraseBlock(2, 2);
        assert.deepEqual(read(2 * blockBytes, 1), [2]);
        assert.deepEqual(read(blockBytes, 1), [1]);
      });

      it("shows its content to other objects on the same partition", () => {
        partition.write(Uint8Array.of(1, 2, 3), 0);
        const into = new Uint8Array(3);
        flash.open({ path: scratch, mode: "r" }).read(into, 0);
        assert.deepEqual([...into], [1, 2, 3]);
      });

      it("refuses what lies outside of it", () => {
        const { size, blocks } = partition.status();
        assert.throws(() => partition.read(new Uint8Array(2), size - 1), "read failed");
        assert.throws(() => partition.read(new Uint8Array(1), -1), "read failed");
        assert.throws(() => partition.write(new Uint8Array(2), size - 1), "write failed");
        assert.throws(() => partition.write(new Uint8Array(1), -1), "write failed");
        assert.throws(() => partition.eraseBlock(blocks, blocks + 1), "erase failed");
        assert.throws(() => partition.eraseBlock(1, 0), "erase failed");
      });

      it("refuses what is no buffer of bytes", () => {
        assertRefusesOddBuffers((buffer) => partition.read(buffer, 0));
        assertRefusesOddBuffers((buffer) => partition.write(buffer, 0));
      });
    });

    it("only reads in mode r", () => {
      const readOnly = flash.open({ path: scratch, mode: "r" });
      assert.throws(() => readOnly.write(Uint8Array.of(0), 0), "read-only");
      assert.throws(() => readOnly.eraseBlock(0, 1), "read-only");
      assert.equal(readOnly.read(new Uint8Array(1), 0), 1);
      assert.deepEqual(read(0, 1), [0xff]);
    });

    it("is of no use once closed, but may be closed again", () => {
      partition.close();
      partition.close();
      assert.throws(() => partition.read(new Uint8Array(1), 0), SyntaxError);
      assert.throws(() => partition.write(new Uint8Array(1), 0), SyntaxError);
      assert.throws(() => partition.eraseBlock(0, 1), SyntaxError);
      assert.throws(() => partition.status(), SyntaxError);
    });
  });
}
