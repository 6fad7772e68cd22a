/** Two-slot records: what is read after every corruption, every cut and every number of writes. */

import { assert } from "chai";
import { SimKeyValue } from "../host/sim/key-value.js";
import type { Life } from "../host/sim/life.js";
import type { CutKind } from "../host/sim/power.js";
import { Random } from "../host/sim/random.js";
import { crc32 } from "../src/base/crc.js";
import { encodeUtf8 } from "../src/base/utf8.js";
import type { KeyValueDomain } from "../src/ports.js";
import { RECORD_BODY_BYTES_MAX, RecordSlot, type StoredRecord } from "../src/store/record-slot.js";
import { SimBench } from "./ports/sim-bench.js";

const CUT_KINDS: readonly CutKind[] = ["before", "torn", "after"];
const SLOT_KEYS: readonly string[] = ["settings.a", "settings.b"];
const OLD = encodeUtf8("the older body");
const NEW = encodeUtf8("the newer body!");

function openDomain(life: Life): KeyValueDomain {
  return new SimKeyValue(life).open({ path: "ferry" });
}

function openRecord(domain: KeyValueDomain): RecordSlot {
  return new RecordSlot({ domain, name: "settings", crc32 });
}

function makeRecord() {
  const bench = new SimBench();
  const domain = openDomain(bench.life);
  return { bench, domain, record: openRecord(domain) };
}

/** A key-value domain that holds what it is given, and counts: for sweeps that need no device. */
class PlainDomain implements KeyValueDomain {
  readonly values = new Map<string, Uint8Array>();
  writes = 0;

  read(key: string): ArrayBuffer | undefined {
    const value = this.values.get(key);
    return value && new Uint8Array(value).buffer;
  }

  write(key: string, value: Uint8Array | ArrayBuffer): void {
    this.writes++;
    this.values.set(key, new Uint8Array(value).slice());
  }

  delete(key: string): void {
    this.values.delete(key);
  }

  close(): void {}
}

/** A stored slot with any sequence, as the layout in record-slot.ts draws it. */
function slotBytes(sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 14);
  const view = new DataView(bytes.buffer);
  bytes.set(encodeUtf8("FRY1"));
  view.setUint32(4, sequence, true);
  view.setUint16(8, body.length, true);
  bytes.set(body, 10);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, bytes.length - 4)), true);
  return bytes;
}

function plainDomainWith(slots: Readonly<Record<string, Uint8Array>>): PlainDomain {
  const domain = new PlainDomain();
  for (const key of SLOT_KEYS) {
    const value = slots[key];
    if (value) domain.values.set(key, value);
  }
  return domain;
}

function assertBody(stored: StoredRecord, body: Uint8Array, message?: string): void {
  assert.deepEqual(stored, { kind: "valid", body }, message);
}

/** Each value that the byte can turn into by one wrong bit, by all, and by being erased or cleared. */
function damagesOf(byte: number): number[] {
  const damages = [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => byte ^ (1 << bit));
  return [...new Set([...damages, byte ^ 0xff, 0x00, 0xff])].filter((damaged) => damaged !== byte);
}

describe("A two-slot record", () => {
  describe("that was never written", () => {
    it("is absent", () => {
      assert.deepEqual(makeRecord().record.read(), { kind: "absent" });
    });

    it("can be deleted at no cost", () => {
      const { bench, record } = makeRecord();
      assert.strictEqual(
        bench.operations(() => record.delete()),
        0,
      );
    });
  });

  describe("that was written", () => {
    it("lies in the store as its layout says", () => {
      const { domain, record } = makeRecord();
      record.write(OLD);
      record.write(NEW);
      assert.deepEqual(new Uint8Array(domain.read("settings.a") ?? []), slotBytes(1, OLD));
      assert.deepEqual(new Uint8Array(domain.read("settings.b") ?? []), slotBytes(2, NEW));
    });

    it("reads as the last body written, through any number of writes and reboots", () => {
      const { bench, record } = makeRecord();
      let current = record;
      for (let i = 0; i < 9; i++) {
        const body = encodeUtf8(`body ${i}`);
        current.write(body);
        assertBody(current.read(), body);
        current = openRecord(openDomain(bench.boot()));
        assertBody(current.read(), body);
      }
    });

    it("takes one durable operation to write", () => {
      const { bench, record } = makeRecord();
      record.write(OLD);
      assert.strictEqual(
        bench.operations(() => record.write(NEW)),
        1,
      );
    });

    it("takes an empty body", () => {
      const { record } = makeRecord();
      record.write(new Uint8Array(0));
      assertBody(record.read(), new Uint8Array(0));
    });

    it("gives a body of its own: changing it changes nothing", () => {
      const { record } = makeRecord();
      record.write(OLD);
      const stored = record.read();
      if (stored.kind === "valid") stored.body.fill(0);
      assertBody(record.read(), OLD);
    });

    it("is absent after it was deleted", () => {
      const { domain, record } = makeRecord();
      record.write(OLD);
      record.write(NEW);
      record.delete();
      assert.deepEqual(record.read(), { kind: "absent" });
      for (const key of SLOT_KEYS) assert.isUndefined(domain.read(key));
    });

    it("lives beside others of the same domain", () => {
      const { domain, record } = makeRecord();
      const other = new RecordSlot({ domain, name: "setting", crc32 });
      record.write(OLD);
      other.write(NEW);
      other.delete();
      assertBody(record.read(), OLD);
    });
  });

  describe("at the limit of its body", () => {
    it("takes the longest body that is allowed", () => {
      const { record } = makeRecord();
      const body = new Random(1).bytes(RECORD_BODY_BYTES_MAX);
      record.write(body);
      assertBody(record.read(), body);
    });

    it("refuses one byte more, and keeps what it has", () => {
      const { bench, record } = makeRecord();
      record.write(OLD);
      const refused = () => record.write(new Uint8Array(RECORD_BODY_BYTES_MAX + 1));
      assert.strictEqual(
        bench.operations(() => assert.throws(refused, RangeError, "settings")),
        0,
      );
      assertBody(record.read(), OLD);
    });
  });

  describe("whose sequence wraps", () => {
    it("still reads as the last body written", () => {
      const domain = plainDomainWith({
        "settings.a": slotBytes(0xffff_fffe, OLD),
        "settings.b": slotBytes(0xffff_ffff, NEW),
      });
      const record = openRecord(domain);
      assertBody(record.read(), NEW);
      for (let i = 0; i < 4; i++) {
        const body = encodeUtf8(`body ${i}`);
        record.write(body);
        assertBody(record.read(), body, `write ${i} after the wrap`);
      }
      assert.strictEqual(domain.writes, 4);
    });

    const pairs: readonly (readonly [older: number, newer: number])[] = [
      [0xffff_ffff, 0],
      [0, 1],
      [0x7fff_ffff, 0x8000_0000],
      [0x8000_0000, 0x8000_0001],
      [0xffff_fff0, 5],
    ];
    for (const [older, newer] of pairs) {
      it(`takes ${newer} for newer than ${older}, in whichever slot it is`, () => {
        const a = slotBytes(older, OLD);
        const b = slotBytes(newer, NEW);
        assertBody(openRecord(plainDomainWith({ "settings.a": a, "settings.b": b })).read(), NEW);
        assertBody(openRecord(plainDomainWith({ "settings.a": b, "settings.b": a })).read(), NEW);
      });
    }
  });

  describe("one of whose slots is damaged", () => {
    const whole = { "settings.a": slotBytes(7, OLD), "settings.b": slotBytes(8, NEW) };

    /** Applies every damage of the slot's every byte; returns how many there were. */
    function sweep(slots: Readonly<Record<string, Uint8Array>>, key: string, expected: StoredRecord): number {
      const intact = slots[key] ?? new Uint8Array(0);
      let damages = 0;
      intact.forEach((byte, at) => {
        for (const damaged of damagesOf(byte)) {
          const bytes = intact.slice();
          bytes[at] = damaged;
          const stored = openRecord(plainDomainWith({ ...slots, [key]: bytes })).read();
          assert.deepEqual(stored, expected, `byte ${at} of ${key} turned from ${byte} into ${damaged}`);
          damages++;
        }
      });
      return damages;
    }

    it("reads as the older body, whichever byte of the newer is wrong", () => {
      assert.isAbove(sweep(whole, "settings.b", { kind: "valid", body: OLD }), 8 * 29);
    });

    it("reads as the newer body, whichever byte of the older is wrong", () => {
      assert.isAbove(sweep(whole, "settings.a", { kind: "valid", body: NEW }), 8 * 28);
    });

    it("is damaged, whichever byte of the only one is wrong", () => {
      assert.isAbove(sweep({ "settings.a": slotBytes(1, OLD) }, "settings.a", { kind: "damaged" }), 8 * 28);
    });

    it("reads as the older body, wherever the newer was cut short", () => {
      for (let length = 0; length < whole["settings.b"].length; length++) {
        const slots = { ...whole, "settings.b": whole["settings.b"].slice(0, length) };
        assertBody(openRecord(plainDomainWith(slots)).read(), OLD, `cut to ${length} bytes`);
      }
    });

    it("reads as the older body when bytes follow the newer", () => {
      const longer = new Uint8Array(whole["settings.b"].length + 1);
      longer.set(whole["settings.b"]);
      assertBody(openRecord(plainDomainWith({ ...whole, "settings.b": longer })).read(), OLD);
    });

    it("reads as the body that is left when a slot is gone", () => {
      assertBody(openRecord(plainDomainWith({ "settings.a": whole["settings.a"] })).read(), OLD);
      assertBody(openRecord(plainDomainWith({ "settings.b": whole["settings.b"] })).read(), NEW);
    });

    it("is written over the damage, not over the body that is left", () => {
      for (const key of SLOT_KEYS) {
        const domain = plainDomainWith({ ...whole, [key]: new Uint8Array(5) });
        const survivor = SLOT_KEYS.find((other) => other !== key) ?? "";
        const record = openRecord(domain);
        record.write(encodeUtf8("repaired"));
        assert.deepEqual(new Uint8Array(domain.read(survivor) ?? []), whole[survivor as keyof typeof whole]);
        assertBody(record.read(), encodeUtf8("repaired"));
      }
    });
  });

  describe("both of whose slots are damaged", () => {
    const rubbish = { "settings.a": new Uint8Array(40).fill(0xff), "settings.b": new Uint8Array(0) };

    it("is damaged, which is not the same as absent", () => {
      assert.deepEqual(openRecord(plainDomainWith(rubbish)).read(), { kind: "damaged" });
    });

    it("can be written again", () => {
      const record = openRecord(plainDomainWith(rubbish));
      record.write(NEW);
      assertBody(record.read(), NEW);
      record.write(OLD);
      assertBody(record.read(), OLD);
    });

    it("is absent after it was deleted", () => {
      const record = openRecord(plainDomainWith(rubbish));
      record.delete();
      assert.deepEqual(record.read(), { kind: "absent" });
    });
  });

  describe("when the power is cut", () => {
    for (const kind of CUT_KINDS) {
      it(`${kind} a write, is the old one or the new one`, () => {
        for (let writes = 0; writes < 4; writes++) {
          const { bench, record } = makeRecord();
          for (let i = 1; i <= writes; i++) record.write(encodeUtf8(`body ${i}`));
          const life = bench.cut(kind, "key-value write", () => record.write(NEW));
          const stored = openRecord(openDomain(life)).read();
          if (kind === "after") assertBody(stored, NEW);
          else if (writes === 0) assert.deepEqual(stored, { kind: "absent" });
          else assertBody(stored, encodeUtf8(`body ${writes}`));
        }
      });

      for (const nth of [1, 2]) {
        it(`${kind} delete number ${nth}, never goes back to an earlier body`, () => {
          for (const writes of [2, 3]) {
            const { bench, record } = makeRecord();
            for (let i = 1; i <= writes; i++) record.write(encodeUtf8(`body ${i}`));
            const life = bench.cut(kind, "key-value delete", () => record.delete(), nth);
            const stored = openRecord(openDomain(life)).read();
            const isGone = kind === "after" && nth === 2;
            if (isGone) assert.deepEqual(stored, { kind: "absent" });
            else assertBody(stored, encodeUtf8(`body ${writes}`), `after ${writes} writes`);
          }
        });
      }
    }
  });

  describe("when the store fails", () => {
    it("passes on why, and keeps the last body", () => {
      const { domain, record } = makeRecord();
      record.write(OLD);
      for (let i = 0; i < 60; i++) {
        try {
          domain.write(`filler${i}`, new Random(i).bytes(900));
        } catch {
          break;
        }
      }
      assert.throws(() => record.write(new Uint8Array(3000)), "ESP_ERR_NVS_NOT_ENOUGH_SPACE");
      assertBody(record.read(), OLD);
    });
  });
});
