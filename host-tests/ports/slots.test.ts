import { assert } from "chai";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { SimFlash } from "../../host/sim/flash.js";
import { makeRecord, OtaState, presetRecord, type RecordIndex, readOtadata } from "../../host/sim/otadata.js";
import { PowerCut } from "../../host/sim/power.js";
import { SimSlots } from "../../host/sim/slots.js";
import type { Partition } from "../../host/sim/storage.js";
import { SimUpdater } from "../../host/sim/update.js";
import { describeSlotsContract } from "./contracts/slots.js";
import { SimBench } from "./sim-bench.js";

const SLOT_BYTES = 0x8000;
const IMAGE = makeFerryImage({ version: "0.2.0", bytes: 5008 });

function slotsOf(bench: SimBench): SimSlots {
  return new SimSlots(bench.life);
}

function update({ life }: SimBench): void {
  const writing = new SimUpdater(life).open({ partition: new SimFlash(life).open({ path: "nextota" }) });
  writing.write(IMAGE);
  writing.complete();
}

describeSlotsContract("SimSlots", () => {
  const bench = new SimBench();
  return {
    slots: () => slotsOf(bench),
    update: () => update(bench),
    restart: () => {
      bench.boot();
    },
    throughRestart: (action) => {
      assert.throws(action, PowerCut, "restarted");
      bench.boot();
    },
    running: () => bench.life.running,
  };
});

describe("SimSlots", () => {
  let bench: SimBench;

  beforeEach(() => {
    bench = new SimBench();
  });

  const note = (index: RecordIndex, sequence: number, state: number) =>
    presetRecord(bench.storage, { index, record: makeRecord(sequence, state) });
  const sequences = () => readOtadata(bench.storage)?.map(({ sequence }) => sequence);
  const states = () => readOtadata(bench.storage)?.map(({ state }) => state);

  it("writes a state by an erase and a program of the same sector, and none where it is there already", () => {
    update(bench);
    bench.boot();
    const slots = slotsOf(bench);
    const otadata = bench.storage.partition("otadata").offset / 4096;
    const erases = () => [...bench.storage.wear.sectorErases.subarray(otadata, otadata + 2)];
    assert.deepEqual(erases(), [0, 2], "chosen, then booted");
    let operations = 0;
    const spentMs = bench.spentMs(() => {
      operations = bench.operations(() => slots.markValid());
    });
    assert.strictEqual(operations, 2);
    assert.approximately(spentMs, 45 + 0.7, 1e-9);
    assert.deepEqual(erases(), [0, 3]);
    assert.strictEqual(
      bench.operations(() => slots.markValid()),
      0,
    );
    assert.deepEqual(
      [sequences(), states()],
      [
        [1, 2],
        [OtaState.VALID, OtaState.VALID],
      ],
    );
  });

  it("refuses to roll back into an app that is damaged", () => {
    update(bench);
    bench.boot();
    bench.storage.chip.preset(Uint8Array.of(0), bench.storage.partition("ota_0").offset + 32);
    assert.strictEqual(
      bench.operations(() => assert.throws(() => slotsOf(bench).rollBackAndRestart(), "other app")),
      0,
    );
    assert.equal(slotsOf(bench).runningState(), "pending-verify");
  });

  it("confirms what boots next, not what runs, after the boot loader had to fall back", () => {
    update(bench);
    bench.storage.chip.preset(Uint8Array.of(0), bench.storage.partition("ota_1").offset);
    bench.boot();
    assert.equal(bench.life.running, "ota_0");
    assert.deepEqual(states(), [OtaState.VALID, OtaState.PENDING_VERIFY]);
    assert.equal(slotsOf(bench).runningState(), "valid");
    assert.isFalse(slotsOf(bench).passiveIsFree());
    slotsOf(bench).markValid();
    assert.deepEqual(states(), [OtaState.VALID, OtaState.VALID]);
  });

  it("cannot roll back where the record of the app before is torn, but a restart goes back all the same", () => {
    presetRecord(bench.storage, { index: 0, record: { sequence: 1, state: OtaState.VALID, crc: 0 } });
    bench.boot();
    assert.deepEqual([slotsOf(bench).runningState(), slotsOf(bench).passiveIsFree()], ["undefined", true]);
    update(bench);
    bench.boot();
    assert.deepEqual([bench.life.running, slotsOf(bench).runningState()], ["ota_1", "pending-verify"]);
    assert.throws(() => slotsOf(bench).rollBackAndRestart(), "other app");
    bench.boot();
    assert.equal(bench.life.running, "ota_0");
  });

  it("names every state, and calls undefined what is none", () => {
    for (const [state, name] of [
      [OtaState.NEW, "new"],
      [OtaState.PENDING_VERIFY, "pending-verify"],
      [OtaState.VALID, "valid"],
      [OtaState.INVALID, "invalid"],
      [OtaState.ABORTED, "aborted"],
      [OtaState.UNDEFINED, "undefined"],
      [17, "undefined"],
    ] as const) {
      note(0, 1, state);
      assert.equal(slotsOf(bench).runningState(), name);
    }
  });

  it("throws where nothing is noted, and changes nothing", () => {
    note(0, 1, OtaState.ABORTED);
    const operations = bench.operations(() => {
      assert.throws(() => slotsOf(bench).markValid(), "noted no app");
      assert.throws(() => slotsOf(bench).rollBackAndRestart(), "noted no app");
    });
    assert.strictEqual(operations, 0);
  });

  it("is of no use once its life is over", () => {
    const slots = slotsOf(bench);
    bench.boot();
    for (const use of [
      () => slots.passiveLabel(),
      () => slots.passiveIsFree(),
      () => slots.runningState(),
      () => slots.markValid(),
      () => slots.rollBackAndRestart(),
    ]) {
      assert.throws(use, PowerCut);
    }
  });

  describe("on a chip with a factory app", () => {
    const table = tableOf("factory", "ota_0");

    beforeEach(() => {
      bench = new SimBench({ partitions: table, noted: false });
    });

    it("finds nothing noted about it, and the slot free", () => {
      assert.equal(bench.life.running, "factory");
      const slots = slotsOf(bench);
      assert.deepEqual(
        [slots.runningState(), slots.passiveIsFree(), slots.passiveLabel()],
        ["undefined", true, "ota_0"],
      );
      assert.throws(() => slots.markValid(), "noted no app");
    });

    it("rolls back to it, and needs no record for that", () => {
      update(bench);
      bench.boot();
      assert.equal(bench.life.running, "ota_0");
      assert.throws(() => slotsOf(bench).rollBackAndRestart(), PowerCut);
      bench.boot();
      assert.equal(bench.life.running, "factory");
    });
  });

  describe("on a chip without otadata", () => {
    it("has nothing noted, and a free slot that no update can make boot", () => {
      bench = new SimBench({
        partitions: tableOf("ota_0", "ota_1").filter(({ label }) => label !== "otadata"),
        noted: false,
      });
      const slots = slotsOf(bench);
      assert.equal(slots.runningState(), "undefined");
      assert.isFalse(slots.passiveIsFree());
      assert.throws(() => slots.markValid(), "noted no app");
      assert.throws(() => update(bench), "can't change boot partition");
    });
  });

  describe("on a chip with three slots", () => {
    it("takes them in turn, each update behind the one before", () => {
      bench = new SimBench({ partitions: tableOf("ota_0", "ota_1", "ota_2") });
      const story: string[] = [];
      for (let round = 0; round < 4; round++) {
        update(bench);
        bench.boot();
        slotsOf(bench).markValid();
        story.push(`${bench.life.running} ${sequences()}`);
      }
      assert.deepEqual(story, ["ota_1 1,2", "ota_2 3,2", "ota_0 3,4", "ota_1 5,4"]);
    });
  });
});

function tableOf(...apps: readonly string[]): Partition[] {
  return [
    { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x3000 },
    { label: "otadata", type: "data", subtype: "ota", offset: 0xd000, size: 0x2000 },
    ...apps.map((label, index): Partition => {
      return { label, type: "app", subtype: label, offset: 0x1_0000 + index * SLOT_BYTES, size: SLOT_BYTES };
    }),
    { label: "storage", type: "data", subtype: "littlefs", offset: 0x4_0000, size: 0x8000 },
  ];
}
