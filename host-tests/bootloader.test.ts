/**
 * The simulated boot loader: which app it starts, and what it writes for that. Its choice by otadata alone is held to
 * ESP-IDF's own in node/boots-as-esp-idf.test.ts; here it meets images, whole and damaged, and other tables.
 */

import { assert } from "chai";
import { type ImageFlaw, makeFerryImage } from "../host/peers/ferry-image.js";
import { boot, NothingToBoot } from "../host/sim/bootloader.js";
import { checkEspImage } from "../host/sim/esp-image.js";
import { SECTOR_BYTES, sectorErasesTotal } from "../host/sim/nor.js";
import { crcOfSequence, makeRecord, OtaState, presetRecord, readOtadata } from "../host/sim/otadata.js";
import { Power } from "../host/sim/power.js";
import { type Partition, SimStorage } from "../host/sim/storage.js";

const SLOT_BYTES = 0x1_0000;
const { NEW, PENDING_VERIFY, VALID, INVALID, ABORTED } = OtaState;
const NONE = 0xffff_ffff;

/** A chip whose app partitions are these, each with a whole app of its own label as version. */
function makeStorage(...apps: readonly string[]): SimStorage {
  const storage = new SimStorage({
    partitions: [
      { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x3000 },
      { label: "otadata", type: "data", subtype: "ota", offset: 0xd000, size: 0x2000 },
      ...apps.map((label, index): Partition => {
        return { label, type: "app", subtype: label, offset: (index + 1) * SLOT_BYTES, size: SLOT_BYTES };
      }),
      { label: "storage", type: "data", subtype: "littlefs", offset: 0x20_0000, size: 0x8000 },
    ],
  });
  for (const label of apps) put(storage, label, makeFerryImage({ version: label }));
  return storage;
}

function put(storage: SimStorage, label: string, image: Uint8Array): void {
  storage.chip.preset(image, storage.partition(label).offset);
}

function erase(storage: SimStorage, label: string): void {
  put(storage, label, new Uint8Array(SLOT_BYTES).fill(0xff));
}

/** What lies in otadata, as [sequence, state] of each record. */
function recordsOf(storage: SimStorage): number[][] | undefined {
  return readOtadata(storage)?.map(({ sequence, state }) => [sequence, state]);
}

function note(storage: SimStorage, ...records: readonly (readonly [sequence: number, state: number])[]): void {
  for (const [index, [sequence, state]] of records.entries()) {
    presetRecord(storage, { index: index === 0 ? 0 : 1, record: makeRecord(sequence, state) });
  }
}

describe("The simulated boot loader", () => {
  let power: Power;
  const bootOf = (storage: SimStorage): string => {
    const foreseen = storage.bootSlot;
    const { label } = boot(storage, power).app;
    assert.equal(label, foreseen, "bootSlot foretells it");
    return label;
  };

  beforeEach(() => {
    power = new Power();
  });

  describe("on a chip fresh from the cable", () => {
    it("boots the first slot and notes it as valid, once", () => {
      const storage = new SimStorage();
      assert.isTrue(storage.bootSlotIsConfirmed);
      assert.equal(bootOf(storage), "ota_0");
      assert.deepEqual(recordsOf(storage), [
        [1, VALID],
        [NONE, NONE],
      ]);
      assert.deepEqual(
        [...power.counts],
        [
          ["boot loader erase", 1],
          ["boot loader program", 1],
        ],
      );
      assert.equal(bootOf(storage), "ota_0");
      assert.equal(power.operations, 2);
    });

    it("notes the slot that it found an app in", () => {
      const storage = makeStorage("ota_0", "ota_1", "ota_2");
      erase(storage, "ota_0");
      assert.equal(bootOf(storage), "ota_1");
      assert.deepEqual(recordsOf(storage), [
        [2, VALID],
        [NONE, NONE],
      ]);
    });

    it("notes nothing over a record that was torn as it was written, and boots the first slot all the same", () => {
      const storage = makeStorage("ota_0", "ota_1");
      presetRecord(storage, { index: 0, record: { sequence: 1, state: VALID, crc: NONE } });
      for (let boots = 0; boots < 3; boots++) assert.equal(bootOf(storage), "ota_0");
      assert.equal(power.operations, 0);
    });

    it("boots the factory app where there is one, and notes nothing", () => {
      const storage = makeStorage("factory", "ota_0", "ota_1");
      assert.equal(bootOf(storage), "factory");
      assert.equal(power.operations, 0);
    });

    it("has its app where it looks first", () => {
      const partitions = makeStorage("ota_1", "factory", "ota_0").partitions;
      const app = makeFerryImage({ version: "7.0.0" });
      const storage = new SimStorage({ partitions, app });
      assert.deepEqual(storage.describeApp(storage.partition("factory")), {
        version: "7.0.0",
        projectName: "xs_esp32",
      });
      assert.isUndefined(storage.describeApp(storage.partition("ota_0")));
    });
  });

  describe("on its way to an app", () => {
    for (const [what, found, booted, left] of [
      [
        "gives a new app its one boot",
        [
          [1, VALID],
          [2, NEW],
        ],
        "ota_1",
        [
          [1, VALID],
          [2, PENDING_VERIFY],
        ],
      ],
      [
        "aborts an app that has not proved itself",
        [
          [1, VALID],
          [2, PENDING_VERIFY],
        ],
        "ota_0",
        [
          [1, VALID],
          [2, ABORTED],
        ],
      ],
      [
        "boots a valid app as it is",
        [
          [3, VALID],
          [2, VALID],
        ],
        "ota_0",
        [
          [3, VALID],
          [2, VALID],
        ],
      ],
      [
        "does not boot an app that gave itself up",
        [
          [1, VALID],
          [2, INVALID],
        ],
        "ota_0",
        [
          [1, VALID],
          [2, INVALID],
        ],
      ],
      [
        "boots the first slot when every app failed",
        [
          [1, ABORTED],
          [2, INVALID],
        ],
        "ota_0",
        [
          [1, ABORTED],
          [2, INVALID],
        ],
      ],
      [
        "aborts and boots anew in one go",
        [
          [3, PENDING_VERIFY],
          [2, NEW],
        ],
        "ota_1",
        [
          [3, ABORTED],
          [2, PENDING_VERIFY],
        ],
      ],
    ] as const) {
      it(what, () => {
        const storage = makeStorage("ota_0", "ota_1");
        note(storage, ...found);
        assert.equal(bootOf(storage), booted);
        assert.deepEqual(
          recordsOf(storage),
          left.map((record) => [...record]),
        );
      });
    }

    it("knows which app has proved itself", () => {
      const storage = makeStorage("ota_0", "ota_1");
      bootOf(storage);
      storage.selectBootSlot("ota_1");
      assert.isFalse(storage.bootSlotIsConfirmed);
      bootOf(storage);
      assert.deepEqual([storage.bootSlot, storage.bootSlotIsConfirmed], ["ota_0", true], "for the next boot goes back");
      storage.confirmBootSlot();
      assert.deepEqual([storage.bootSlot, storage.bootSlotIsConfirmed], ["ota_1", true]);
    });

    it("takes the time of its writes", () => {
      const storage = makeStorage("ota_0", "ota_1");
      note(storage, [3, PENDING_VERIFY], [2, NEW]);
      assert.approximately(boot(storage, power).durationMs, 2 * (45 + 0.7), 1e-9);
      assert.equal(boot(storage, power).durationMs, 45 + 0.7);
      assert.equal(sectorErasesTotal(storage.wear), 3);
    });

    it("goes by the first record when both have the same sequence", () => {
      const storage = makeStorage("ota_0", "ota_1");
      note(storage, [2, VALID], [2, NEW]);
      assert.equal(bootOf(storage), "ota_1");
      assert.deepEqual(recordsOf(storage), [
        [2, VALID],
        [2, NEW],
      ]);
    });

    it("does not believe a record with a wrong CRC", () => {
      const storage = makeStorage("ota_0", "ota_1");
      note(storage, [1, VALID]);
      presetRecord(storage, { index: 1, record: { sequence: 2, state: VALID, crc: crcOfSequence(3) } });
      assert.equal(bootOf(storage), "ota_0");
    });
  });

  describe("where the chosen image is damaged", () => {
    const FLAWS: readonly (readonly [ImageFlaw, problem: string])[] = [
      ["magic", "no image magic"],
      ["checksum", "wrong checksum"],
      ["hash", "wrong SHA-256"],
      ["cut-off", "wrong SHA-256"],
    ];
    for (const [flaw, problem] of FLAWS) {
      it(`boots another one, and leaves otadata as a boot does (${flaw})`, () => {
        const storage = makeStorage("ota_0", "ota_1");
        erase(storage, "ota_1");
        put(storage, "ota_1", makeFerryImage({ version: "2.0.0", flaw }));
        assert.equal(checkEspImage(storage.peek("ota_1")), problem);
        note(storage, [1, VALID], [2, NEW]);
        assert.equal(bootOf(storage), "ota_0");
        assert.deepEqual(recordsOf(storage), [
          [1, VALID],
          [2, PENDING_VERIFY],
        ]);
        assert.equal(bootOf(storage), "ota_0");
        assert.deepEqual(recordsOf(storage), [
          [1, VALID],
          [2, ABORTED],
        ]);
      });
    }

    it("does not boot an app made for another chip", () => {
      const storage = makeStorage("ota_0", "ota_1");
      put(storage, "ota_1", makeFerryImage({ version: "2.0.0", chipId: 9 }));
      note(storage, [1, VALID], [2, NEW]);
      assert.equal(bootOf(storage), "ota_0");
    });

    it("searches down to the factory app, then up, then takes the test app", () => {
      const storage = makeStorage("factory", "ota_0", "ota_1", "ota_2", "test");
      note(storage, [2, VALID]);
      const order: string[] = [];
      for (let app = storage.bootSlot; app !== undefined; app = storage.bootSlot) {
        order.push(bootOf(storage));
        erase(storage, app);
      }
      assert.deepEqual(order, ["ota_1", "ota_0", "factory", "ota_2", "test"]);
      assert.deepEqual(recordsOf(storage), [
        [2, VALID],
        [NONE, NONE],
      ]);
    });

    it("has nothing to boot in the end, and says why", () => {
      const storage = makeStorage("ota_0", "ota_1");
      erase(storage, "ota_0");
      put(storage, "ota_1", makeFerryImage({ version: "2.0.0", flaw: "hash" }));
      assert.isUndefined(storage.bootSlot);
      assert.throws(() => boot(storage, power), NothingToBoot, "ota_0: no image magic; ota_1: wrong SHA-256");
    });
  });

  it("does without otadata: the slots in turn", () => {
    const { partitions } = makeStorage("ota_0", "ota_1");
    const storage = new SimStorage({ partitions: partitions.filter(({ label }) => label !== "otadata") });
    assert.equal(bootOf(storage), "ota_0");
    erase(storage, "ota_0");
    put(storage, "ota_1", makeFerryImage({ version: "2.0.0" }));
    assert.equal(bootOf(storage), "ota_1");
    assert.equal(power.operations, 0);
    assert.throws(() => storage.selectBootSlot("ota_0"), "subtype ota");
  });

  it("keeps each record at the begin of its own sector, in 32 bytes", () => {
    const storage = makeStorage("ota_0", "ota_1");
    note(storage, [1, VALID], [2, NEW]);
    const bytes = storage.peek("otadata");
    const hex = (at: number) =>
      [...bytes.subarray(at, at + 36)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const label = "ff".repeat(20);
    assert.equal(hex(0), `01000000${label}02000000${"9a984347"}${"ffffffff"}`);
    assert.equal(hex(SECTOR_BYTES), `02000000${label}00000000${"7437f655"}${"ffffffff"}`);
  });
});

describe("A Ferry image", () => {
  it("is whole, of the size and the description asked for", () => {
    for (const bytes of [undefined, 1024, 40_000]) {
      const image = makeFerryImage({ version: "1.2.3", projectName: "other", ...(bytes ? { bytes } : {}) });
      assert.isUndefined(checkEspImage(image));
      assert.equal(image.length, bytes ?? 432);
      const storage = new SimStorage({ app: image });
      const [first] = storage.slots();
      assert.deepEqual(first && storage.describeApp(first), { version: "1.2.3", projectName: "other" });
    }
  });

  it("has its version in its descriptor where it has no tag", () => {
    const image = makeFerryImage({ version: "1.2.3", isTagged: false });
    const storage = new SimStorage({ app: image });
    assert.deepEqual(storage.describeApp(storage.partition("ota_0")), { version: "1.2.3", projectName: "xs_esp32" });
  });

  it("is another one with another seed, and the same with the same", () => {
    const make = (seed: number) => [...makeFerryImage({ version: "1.2.3", bytes: 1024, seed })];
    assert.deepEqual(make(1), make(1));
    assert.notDeepEqual(make(1), make(2));
  });

  it("names nothing when its descriptor is broken, and is whole all the same", () => {
    const image = makeFerryImage({ version: "1.2.3", flaw: "descriptor" });
    assert.isUndefined(checkEspImage(image));
    const storage = new SimStorage({ app: image });
    assert.isUndefined(storage.describeApp(storage.partition("ota_0")));
  });

  it("refuses sizes and texts that no image can have", () => {
    assert.throws(() => makeFerryImage({ version: "1.2.3", bytes: 431 }), RangeError);
    assert.throws(() => makeFerryImage({ version: "1.2.3", bytes: 437 }), RangeError);
    assert.throws(() => makeFerryImage({ version: "1".repeat(32), isTagged: false }), "no room");
    assert.throws(() => makeFerryImage({ version: "1".repeat(64) }), "no room");
  });
});
