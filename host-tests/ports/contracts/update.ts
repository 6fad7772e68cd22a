/**
 * What every Updater must do. `image` is one that this device accepts, longer than two flash blocks. A successful
 * update changes what the device boots next.
 */

import { assert } from "chai";
import type { Flash, FlashPartition, Update, Updater } from "../../../src/ports.js";
import { assertRefusesOddBuffers } from "./buffers.js";

export interface UpdateFixture {
  readonly flash: Flash;
  readonly updater: Updater;
  readonly image: Uint8Array;
}

export function describeUpdateContract(name: string, makeFixture: () => UpdateFixture): void {
  describe(`${name} as an Updater`, () => {
    let flash: Flash;
    let updater: Updater;
    let image: Uint8Array;
    let slot: FlashPartition;
    let update: Update;

    beforeEach(() => {
      ({ flash, updater, image } = makeFixture());
      slot = flash.open({ path: "nextota" });
      update = updater.open({ partition: slot, mode: "a" });
    });

    const slotBytes = (): number[] => {
      const bytes = new Uint8Array(image.length);
      slot.read(bytes, 0);
      return [...bytes];
    };
    const writeInPieces = (bytes: Uint8Array, pieceBytes: number): void => {
      for (let at = 0; at < bytes.length; at += pieceBytes) update.write(bytes.subarray(at, at + pieceBytes));
    };

    describe("opening", () => {
      it("refuses the running slot, a data partition, a read-only object and a closed one", () => {
        const open = (partition: FlashPartition) => updater.open({ partition });
        assert.throws(() => open(flash.open({ path: "running" })), "begin failed");
        assert.throws(() => open(flash.open({ path: "otadata" })), "begin failed");
        assert.throws(() => open(flash.open({ path: "nextota", mode: "r" })), "read-only partition");
        const closed = flash.open({ path: "nextota" });
        closed.close();
        assert.throws(() => open(closed), SyntaxError);
        assert.throws(() => open({} as FlashPartition), SyntaxError);
      });

      it("refuses a mode that it does not know", () => {
        assert.throws(() => updater.open({ partition: slot, mode: "x" as "a" }), RangeError);
      });
    });

    describe("an update", () => {
      for (const pieceBytes of [1000, 1024, 4096, 10_000]) {
        it(`accepts a good image in pieces of ${pieceBytes}`, () => {
          writeInPieces(image, pieceBytes);
          update.complete();
          update.close();
          assert.deepEqual(slotBytes(), [...image]);
        });
      }

      it("overwrites what the slot held, an earlier half of an update for one", () => {
        writeInPieces(
          image.map((byte, at) => (at === 0 ? byte : ~byte)),
          700,
        );
        update.close();
        update = updater.open({ partition: slot });
        writeInPieces(image, 700);
        update.complete();
        assert.deepEqual(slotBytes(), [...image]);
      });

      it("refuses a first byte that is not the image magic", () => {
        assert.throws(() => update.write(Uint8Array.of(0xe8, 1, 2, 3)), "write failed");
      });

      it("refuses more than the slot holds", () => {
        const block = new Uint8Array(slot.status().size);
        block[0] = 0xe9;
        update.write(block.subarray(0, block.length - 1));
        assert.throws(() => update.write(Uint8Array.of(0, 0)), "write failed");
      });

      it("refuses what is no buffer of bytes", () => {
        assertRefusesOddBuffers((buffer) => update.write(buffer));
      });
    });

    describe("complete", () => {
      it("refuses an update without a byte", () => {
        assert.throws(() => update.complete(), "end failed");
      });

      it("refuses a damaged image", () => {
        const damaged = image.slice();
        damaged[image.length >> 1] = (damaged[image.length >> 1] ?? 0) ^ 1;
        writeInPieces(damaged, 4096);
        assert.throws(() => update.complete(), "end failed");
      });

      it("refuses a cut-off image", () => {
        writeInPieces(image.subarray(0, image.length - 40), 4096);
        assert.throws(() => update.complete(), "end failed");
      });

      for (const [outcome, bytesMissing] of [
        ["success", 0],
        ["failure", 40],
      ] as const) {
        it(`ends the update after a ${outcome}: no more writing, no second try`, () => {
          writeInPieces(image.subarray(0, image.length - bytesMissing), 4096);
          if (bytesMissing === 0) update.complete();
          else assert.throws(() => update.complete(), "end failed");
          assert.throws(() => update.write(Uint8Array.of(0)), "already complete");
          assert.throws(() => update.complete(), "already complete");
          update.close();
        });
      }
    });

    it("is of no use once closed, but may be closed again", () => {
      update.close();
      update.close();
      assert.throws(() => update.write(Uint8Array.of(0xe9)), SyntaxError);
      assert.throws(() => update.complete(), SyntaxError);
    });
  });
}
