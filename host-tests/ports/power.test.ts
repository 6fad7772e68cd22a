import { assert } from "chai";
import { makeFerryImage } from "../../host/peers/ferry-image.js";
import { VirtualClock } from "../../host/sim/clock.js";
import { SimCpu } from "../../host/sim/cpu.js";
import { SimFlash } from "../../host/sim/flash.js";
import { Life } from "../../host/sim/life.js";
import { Power, PowerCut } from "../../host/sim/power.js";
import { SimStorage } from "../../host/sim/storage.js";

describe("Power", () => {
  let power: Power;
  let cuts: string[];
  let done: string[];
  const perform = (what: string) =>
    power.perform(what, () => done.push(what), { torn: () => done.push(`half of ${what}`) });

  beforeEach(() => {
    cuts = [];
    done = [];
    power = new Power((operation, kind) => cuts.push(`${kind} ${operation}`));
  });

  it("counts operations, in all and by name, and returns what they return", () => {
    perform("erase");
    perform("program");
    assert.equal(
      power.perform("program", () => 42),
      42,
    );
    assert.equal(power.operations, 3);
    assert.deepEqual([...power.counts], [
      ["erase", 1],
      ["program", 2],
    ] as [string, number][]);
  });

  for (const [kind, left] of [
    ["before", ["first"]],
    ["torn", ["first", "half of second"]],
    ["after", ["first", "second"]],
  ] as const) {
    it(`cuts ${kind} the planned operation, and no port works until power is back`, () => {
      power.plan({ operation: 2, kind });
      perform("first");
      assert.throws(() => perform("second"), PowerCut);
      assert.throws(() => perform("third"), PowerCut);
      assert.throws(() => power.assertOn(), PowerCut);
      assert.deepEqual(done, [...left]);
      assert.deepEqual(cuts, [`${kind} second #2`]);
      power.restore();
      perform("fourth");
      assert.equal(done.at(-1), "fourth");
    });
  }

  it("strikes before an operation that cannot be torn", () => {
    power.plan({ operation: 1, kind: "torn" });
    assert.throws(() => power.perform("move", () => done.push("move")), PowerCut);
    assert.deepEqual(done, []);
    assert.deepEqual(cuts, ["torn move #1"]);
  });

  it("forgets a cut that was unplanned or overtaken by a pulled plug", () => {
    power.plan({ operation: 1, kind: "before" });
    power.plan(undefined);
    perform("first");
    power.plan({ operation: 2, kind: "before" });
    power.cut();
    power.restore();
    perform("second");
    assert.deepEqual(cuts, ["before pulled plug"]);
    assert.deepEqual(done, ["first", "second"]);
  });

  it("counts how often it has come back, not how often that was asked for", () => {
    power.restore();
    assert.equal(power.restorations, 0);
    power.cut();
    power.restore();
    power.restore();
    assert.equal(power.restorations, 1);
  });
});

describe("Life", () => {
  let clock: VirtualClock;
  let storage: SimStorage;
  let power: Power;
  let cpu: SimCpu;
  let flash: SimFlash;
  let operationsOfBoot: number;

  beforeEach(() => {
    clock = new VirtualClock();
    storage = new SimStorage();
    power = new Power();
    cpu = new SimCpu(clock);
    flash = new SimFlash(new Life({ storage, power, cpu }));
    operationsOfBoot = power.operations;
  });

  it("ends with the power, and does not come back with it", () => {
    const partition = flash.open({ path: "nextota" });
    power.cut();
    assert.throws(() => partition.status(), PowerCut);
    power.restore();
    assert.throws(() => partition.status(), PowerCut);
    assert.throws(() => flash.open({ path: "nextota" }), PowerCut);
    assert.isFalse(cpu.alive);
  });

  it("ends with a cut that nothing noticed before power was back", () => {
    power.cut();
    power.restore();
    assert.throws(() => flash.open({ path: "nextota" }), PowerCut);
  });

  it("ends with a restart of the processor", () => {
    cpu.kill();
    assert.throws(() => flash.open({ path: "nextota" }), PowerCut);
  });

  it("ends at the operation that a cut strikes, also for code that catches the exception", () => {
    const partition = flash.open({ path: "nextota" });
    power.plan({ operation: operationsOfBoot + 1, kind: "before" });
    cpu.run(() => {
      for (let attempt = 0; attempt < 3; attempt++) {
        try {
          partition.eraseBlock(0);
        } catch {
          // What a careless retry would do.
        }
      }
    });
    assert.isFalse(cpu.alive);
    assert.equal(power.operations, operationsOfBoot + 1);
    assert.equal(storage.wear.sectorErases[storage.partition("ota_1").offset / 4096], 0);
  });

  it("ends at that operation at once, not only at the next one", () => {
    const partition = flash.open({ path: "nextota" });
    power.plan({ operation: operationsOfBoot + 1, kind: "before" });
    assert.throws(() => partition.eraseBlock(0), PowerCut);
    assert.isFalse(cpu.alive);
  });

  it("leaves the storage to the next life", () => {
    flash.open({ path: "nextota" }).write(Uint8Array.of(1, 2), 0);
    power.cut();
    power.restore();
    const next = new SimFlash(new Life({ storage, power, cpu: new SimCpu(clock) })).open({ path: "nextota" });
    const bytes = new Uint8Array(3);
    next.read(bytes, 0);
    assert.deepEqual([...bytes], [1, 2, 0xff]);
  });
});

describe("SimStorage", () => {
  const app = { label: "ota_0", type: "app", subtype: "ota_0", offset: 0x1_0000, size: 0x1_0000 } as const;
  const nvs = { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x3000 } as const;
  const files = { label: "storage", type: "data", subtype: "littlefs", offset: 0x2_0000, size: 0x4000 } as const;

  it("refuses tables that no chip could have", () => {
    const make = (...partitions: (typeof app | typeof nvs | typeof files)[]) => new SimStorage({ partitions });
    assert.throws(() => make(nvs, files), "no app slot");
    assert.throws(() => make(nvs, app), "storage");
    assert.throws(() => new SimStorage({ partitions: [nvs, app, { ...files, offset: 0x1_f000 }] }), "overlaps");
    assert.throws(() => new SimStorage({ partitions: [nvs, app, { ...files, size: 0x4001 }] }), "whole sectors");
    assert.throws(() => new SimStorage({ partitions: [nvs, app, files], chipBytes: 0x2_3000 }), "beyond the chip");
  });

  it("boots the first slot until another is chosen, and refuses what is no slot", () => {
    const storage = new SimStorage();
    storage.chip.preset(makeFerryImage({ version: "0.2.0" }), storage.partition("ota_1").offset);
    assert.equal(storage.bootSlot, "ota_0");
    storage.selectBootSlot("ota_1");
    assert.equal(storage.bootSlot, "ota_1");
    assert.throws(() => storage.selectBootSlot("nvs"), "nvs");
  });

  it("takes the slots in turn for updates", () => {
    const storage = new SimStorage();
    assert.deepEqual([storage.slotAfter("ota_0")?.label, storage.slotAfter("ota_1")?.label], ["ota_1", "ota_0"]);
  });
});
