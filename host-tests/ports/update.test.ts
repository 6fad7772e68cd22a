import { assert } from "chai";
import { buildEspImage, checkEspImage } from "../../host/sim/esp-image.js";
import { SimFlash } from "../../host/sim/flash.js";
import { sectorErasesTotal } from "../../host/sim/nor.js";
import { readOtadata } from "../../host/sim/otadata.js";
import { Random } from "../../host/sim/random.js";
import { SimSlots } from "../../host/sim/slots.js";
import type { SimStorageOptions } from "../../host/sim/storage.js";
import { type SimUpdate, SimUpdater } from "../../host/sim/update.js";
import { describeUpdateContract } from "./contracts/update.js";
import { SimBench } from "./sim-bench.js";

const SEGMENTS = [new Random(7).bytes(9000), new Random(8).bytes(1004)];
const IMAGE = buildEspImage({ segments: SEGMENTS });

describeUpdateContract("SimUpdater", () => {
  const { life } = new SimBench();
  return { flash: new SimFlash(life), updater: new SimUpdater(life), image: IMAGE };
});

describe("SimUpdater", () => {
  let bench: SimBench;
  const open = (options: SimStorageOptions = {}): SimUpdate => {
    bench = new SimBench(options);
    return reopen();
  };
  const reopen = () =>
    new SimUpdater(bench.life).open({ partition: new SimFlash(bench.life).open({ path: "nextota" }) });

  it("boots the new image only after complete, and keeps running the old one until then", () => {
    const update = open();
    update.write(IMAGE);
    assert.equal(bench.boot().running, "ota_0");
    const again = reopen();
    again.write(IMAGE);
    again.complete();
    assert.equal(bench.life.running, "ota_0");
    assert.equal(bench.boot().running, "ota_1");
    assert.deepEqual([...bench.storage.peek("ota_1", 0, IMAGE.length)], [...IMAGE]);
  });

  it("keeps the boot slot after a refused image", () => {
    const update = open();
    update.write(IMAGE.subarray(0, 5000));
    assert.throws(() => update.complete(), "end failed");
    assert.equal(bench.boot().running, "ota_0");
  });

  it("asks the validator that it was given, with the bytes of the slot", () => {
    const seen: Uint8Array[] = [];
    const update = open({
      validateImage: (slot) => {
        seen.push(slot);
        return slot[1] === 77 ? "not today" : undefined;
      },
    });
    update.write(Uint8Array.of(0xe9, 77));
    assert.throws(() => update.complete(), "end failed");
    const last = seen.at(-1);
    assert.deepEqual([last?.length, last?.[1]], [0x1_0000, 77]);
  });

  it("drops the record of the slot that it is going to overwrite, and no other", () => {
    open();
    const sequences = () => readOtadata(bench.storage)?.map(({ sequence }) => sequence);
    const complete = () => {
      const update = reopen();
      update.write(IMAGE);
      update.complete();
    };
    complete();
    assert.deepEqual(sequences(), [1, 2]);
    assert.equal(bench.operations(reopen), 0, "the record of the running app");
    bench.boot();
    new SimSlots(bench.life).markValid();
    assert.equal(bench.operations(reopen), 1);
    assert.deepEqual(sequences(), [0xffff_ffff, 2]);
    assert.throws(() => new SimSlots(bench.life).rollBackAndRestart(), "no other app");
    complete();
    assert.deepEqual(sequences(), [3, 2]);
    assert.equal(bench.boot().running, "ota_0");
  });

  it("erases a sector when it gets there, each once", () => {
    const update = open();
    const erases = () => sectorErasesTotal(bench.storage.wear);
    const counts: number[] = [];
    for (const end of [1, 4096, 4097, 8192, 10_000]) {
      update.write(IMAGE.subarray(bench.storage.wear.bytesProgrammed, end));
      counts.push(erases());
    }
    assert.deepEqual(counts, [1, 1, 2, 2, 3]);
  });

  it("charges erasing and programming, and reading the slot back at the end", () => {
    const update = open({ validateImage: () => undefined });
    const writingMs = bench.spentMs(() => update.write(IMAGE.subarray(0, 4096)));
    const completingMs = bench.spentMs(() => update.complete());
    assert.approximately(writingMs, 45 + 16 * 0.7, 1e-9);
    const slotKib = bench.storage.partition("ota_1").size / 1024;
    assert.approximately(completingMs, slotKib * 0.02 + 45 + 0.7, 1e-9);
  });

  describe("when the power fails", () => {
    for (const kind of ["before", "torn", "after"] as const) {
      for (const [operation, nth] of [
        ["update erase", 1],
        ["update program", 4],
      ] as const) {
        it(`${kind} ${operation}, boots the old image, and a second update goes through`, () => {
          const update = open();
          bench.cut(kind, operation, () => update.write(IMAGE.subarray(0, 9000)), nth);
          assert.equal(bench.life.running, "ota_0");
          const again = reopen();
          again.write(IMAGE);
          again.complete();
          assert.equal(bench.boot().running, "ota_1");
        });
      }
    }

    for (const [kind, operation, nth, slot] of [
      ["before", "otadata erase", 1, "ota_0"],
      ["erase-torn", "otadata erase", 1, "ota_0"],
      ["after", "otadata erase", 1, "ota_0"],
      ["torn-prefix", "otadata program", 2, "ota_0"],
      ["torn-bits", "otadata program", 2, "ota_0"],
      ["after", "otadata program", 2, "ota_1"],
    ] as const) {
      it(`${kind} ${operation}, which makes the slot boot, boots ${slot}`, () => {
        const update = open();
        update.write(IMAGE);
        bench.cut(kind, operation, () => update.complete(), nth);
        assert.equal(bench.life.running, slot);
      });
    }

    it("inside a write, leaves a beginning of it in the slot", () => {
      const update = open();
      bench.cut("torn", "update program", () => update.write(IMAGE), 4);
      const left = bench.storage.peek("ota_1", 0, IMAGE.length);
      const written = left.findIndex((byte, index) => byte !== IMAGE[index]);
      assert.isAtLeast(written, 0);
      assert.isTrue(left.subarray(written + 1).every((byte) => byte === 0xff));
    });
  });
});

describe("checkEspImage", () => {
  const change = (at: number, value: number): Uint8Array => {
    const changed = IMAGE.slice();
    changed[at] = value;
    return changed;
  };
  const SECOND_SEGMENT_AT = 24 + 8 + 9000;
  const CHECKSUM_AT = IMAGE.length - 33;

  it("accepts an image whatever follows it, with and without an appended hash", () => {
    for (const hashAppended of [true, false]) {
      const image = buildEspImage({ segments: SEGMENTS, hashAppended });
      assert.isUndefined(checkEspImage(image));
      const slot = new Uint8Array(image.length + 100).fill(0xa5);
      slot.set(image);
      assert.isUndefined(checkEspImage(slot));
    }
  });

  it("puts the checksum at the end of a row of 16 for segments of every length", () => {
    for (let words = 1; words <= 8; words++) {
      const image = buildEspImage({ segments: [new Uint8Array(4 * words).fill(words)], hashAppended: false });
      assert.equal(image.length % 16, 0);
      assert.isUndefined(checkEspImage(image));
    }
  });

  it("says what is wrong", () => {
    const cases: [Uint8Array, string | RegExp][] = [
      [new Uint8Array(23).fill(0xe9), "shorter than an image header"],
      [change(0, 0xe8), "no image magic"],
      [change(1, 0), "0 segments"],
      [change(1, 17), "17 segments"],
      [change(12, 9), "made for another chip"],
      [change(24 + 4, 0x29), "segment 0 is not in whole words"],
      [change(SECOND_SEGMENT_AT + 7, 0x7f), "segment 1 ends beyond the slot"],
      [IMAGE.subarray(0, SECOND_SEGMENT_AT + 4), "segment 1 begins beyond the slot"],
      [IMAGE.subarray(0, CHECKSUM_AT), "the checksum is beyond the slot"],
      [change(5000, (IMAGE[5000] ?? 0) ^ 1), "wrong checksum"],
      [IMAGE.subarray(0, IMAGE.length - 1), "the SHA-256 is beyond the slot"],
      [change(8, 1), "wrong SHA-256"],
      [change(IMAGE.length - 1, (IMAGE.at(-1) ?? 0) ^ 1), "wrong SHA-256"],
    ];
    for (const [image, reason] of cases) assert.equal(checkEspImage(image), reason);
  });

  it("accepts another chip where that is the one asked for", () => {
    assert.isUndefined(checkEspImage(buildEspImage({ segments: SEGMENTS, chipId: 9 }), 9));
  });
});
