/** What every KeyValue must do. `domain` names a domain that is not there yet and may be filled. */

import { assert } from "chai";
import type { KeyValue, KeyValueDomain } from "../../../src/ports.js";
import { assertRefusesOddBuffers } from "./buffers.js";

export interface KeyValueFixture {
  readonly keyValue: KeyValue;
  readonly domain: string;
}

export function describeKeyValueContract(name: string, makeFixture: () => KeyValueFixture): void {
  describe(`${name} as a KeyValue`, () => {
    let keyValue: KeyValue;
    let path: string;
    let domain: KeyValueDomain;
    const read = (key: string, from = domain): number[] | undefined => {
      const value = from.read(key);
      return value && [...new Uint8Array(value)];
    };

    beforeEach(() => {
      ({ keyValue, domain: path } = makeFixture());
      assert.throws(() => keyValue.open({ path, mode: "r" }), "ESP_ERR_NVS_NOT_FOUND");
      domain = keyValue.open({ path });
    });

    describe("opening", () => {
      it("makes the domain, so that it can be opened for reading then", () => {
        assert.isUndefined(keyValue.open({ path, mode: "r" }).read("any"));
      });

      it("takes one slash behind the name for nothing", () => {
        domain.write("key", Uint8Array.of(1));
        assert.deepEqual(read("key", keyValue.open({ path: `${path}/` })), [1]);
      });

      it("refuses no name, a name of 16 characters, and modes and formats that it does not know", () => {
        assert.throws(() => keyValue.open({ path: "" }), "invalid");
        assert.throws(() => keyValue.open({ path: "0123456789abcdef" }), Error);
        assert.throws(() => keyValue.open({ path, mode: "w" as "r" }), "invalid mode");
        assert.throws(() => keyValue.open({ path, format: "number" as "buffer" }), RangeError);
      });
    });

    describe("an open domain", () => {
      it("knows no value where none was written", () => {
        assert.isUndefined(domain.read("missing"));
      });

      it("returns what was written, from a view as from a whole buffer", () => {
        domain.write("view", Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4));
        domain.write("buffer", Uint8Array.of(4, 5).buffer);
        domain.write("empty", new Uint8Array(0));
        assert.deepEqual([read("view"), read("buffer"), read("empty")], [[1, 2, 3], [4, 5], []]);
      });

      it("replaces a value by a shorter and by a longer one", () => {
        for (const length of [40, 3, 600]) {
          const value = Uint8Array.from({ length }, (_, index) => (index * length) & 0xff);
          domain.write("key", value);
          assert.deepEqual(read("key"), [...value]);
        }
      });

      it("keeps its own copy of what it is given and of what it gives", () => {
        const value = Uint8Array.of(1, 2);
        domain.write("key", value);
        value[0] = 7;
        const given = domain.read("key");
        if (given) new Uint8Array(given)[1] = 7;
        assert.deepEqual(read("key"), [1, 2]);
      });

      it("forgets a deleted value, and does not mind deleting what is not there", () => {
        domain.write("key", Uint8Array.of(1));
        domain.delete("key");
        domain.delete("key");
        assert.isUndefined(domain.read("key"));
      });

      it("takes keys of 15 characters and refuses 16", () => {
        domain.write("0123456789abcde", Uint8Array.of(1));
        assert.deepEqual(read("0123456789abcde"), [1]);
        assert.throws(() => domain.write("0123456789abcdef", Uint8Array.of(2)), "ESP_ERR_NVS_KEY_TOO_LONG");
      });

      it("refuses what is no buffer of bytes", () => {
        assertRefusesOddBuffers((buffer) => domain.write("key", buffer));
        assert.isUndefined(domain.read("key"));
      });

      it("shows its values to other objects on the same domain, and to no other domain", () => {
        const reader = keyValue.open({ path, mode: "r" });
        const elsewhere = keyValue.open({ path: `${path.slice(0, 13)}-2` });
        domain.write("key", Uint8Array.of(1));
        assert.deepEqual(read("key", reader), [1]);
        assert.isUndefined(elsewhere.read("key"));
      });
    });

    it("only reads in mode r", () => {
      domain.write("key", Uint8Array.of(1));
      const reader = keyValue.open({ path, mode: "r" });
      assert.throws(() => reader.write("key", Uint8Array.of(2)), "read-only");
      assert.throws(() => reader.delete("key"), "read-only");
      assert.deepEqual(read("key", reader), [1]);
    });

    it("is of no use once closed, but may be closed again", () => {
      domain.close();
      domain.close();
      assert.throws(() => domain.read("key"), SyntaxError);
      assert.throws(() => domain.write("key", Uint8Array.of(1)), SyntaxError);
      assert.throws(() => domain.delete("key"), SyntaxError);
    });
  });
}
