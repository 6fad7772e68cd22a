/** Where images go, and for whom others have to: the decisions as a table. */

import { assert } from "chai";
import { choosePlace, IMAGES_MAX, imageBytesMax, type Place, type Tenant } from "../src/store/place.js";

const KIB = 1024;
/** 64 blocks for images: 7 segments of 8 blocks, with 2 of directory, leave 6. */
const FILES_BYTES = 76 * 4 * KIB;
const SLOT_BYTES = 1024 * KIB;
const SLOT_MAX = SLOT_BYTES - 4 * KIB;

type Named = Tenant & { readonly name: string };

/** "a files 100", "b slot 500 kept": in the order of their births, sizes in KiB. */
function tenantsOf(texts: readonly string[]): Named[] {
  return texts.map((text, born) => {
    const [name = "", place, size, kept] = text.split(" ");
    return { name, place: place as Place, sizeBytes: Number(size) * KIB, born, isKept: kept === "kept" };
  });
}

const BOTH = { filesBytes: FILES_BYTES, slotBytes: SLOT_BYTES };
const ONLY_FILES = { filesBytes: FILES_BYTES, slotBytes: 0 };

describe("An image", () => {
  const rows: readonly (readonly [
    what: string,
    bytes: number,
    tenants: readonly string[],
    premises: typeof BOTH,
    expected: string,
  ])[] = [
    ["goes to the files of an empty device", 100 * KIB, [], BOTH, "files"],
    ["goes to the files to their last byte", imageBytesMax(FILES_BYTES), [], BOTH, "files"],
    ["goes to the slot with a byte more", imageBytesMax(FILES_BYTES) + 1, [], BOTH, "slot"],
    ["goes to the slot to its last byte", SLOT_MAX, [], BOTH, "slot"],
    ["has no place with a byte more than that", SLOT_MAX + 1, [], BOTH, "none"],
    ["has no place in a slot that Ferry needs", 500 * KIB, [], ONLY_FILES, "none"],
    ["needs no slot for the files", 100 * KIB, [], ONLY_FILES, "files"],
    ["joins others among the files", 60 * KIB, ["a files 60", "b files 60 kept"], BOTH, "files"],
    ["drives the oldest out of the files", 150 * KIB, ["a files 60", "b files 80"], BOTH, "files -a"],
    ["drives out as many as it needs", 200 * KIB, ["a files 60", "b files 60", "c files 20"], BOTH, "files -a -b"],
    ["passes over one to be kept", 150 * KIB, ["a files 60 kept", "b files 60", "c files 10"], BOTH, "files -b"],
    ["goes to the slot before it drives out one to be kept", 150 * KIB, ["a files 120 kept"], BOTH, "slot"],
    ["has no place where that slot is needed", 150 * KIB, ["a files 120 kept"], ONLY_FILES, "none"],
    ["leaves the slot's image alone among the files", 150 * KIB, ["s slot 500", "a files 150"], BOTH, "files -a"],
    ["replaces the slot's image", 500 * KIB, ["s slot 600", "a files 100"], BOTH, "slot -s"],
    ["never replaces one to be kept in the slot", 500 * KIB, ["s slot 600 kept"], BOTH, "none"],
    ["of a large size drives nobody out of the files", 500 * KIB, ["a files 100", "b files 100"], BOTH, "slot"],
    ["needs a record", 10 * KIB, ["a files 10", "b files 10", "c files 10", "d files 10"], BOTH, "files -a"],
    [
      "takes the record of the slot's",
      10 * KIB,
      ["s slot 900", "b files 10", "c files 9", "d files 9"],
      BOTH,
      "files -s",
    ],
    [
      "needs a record in the slot too",
      500 * KIB,
      ["a files 9", "b files 9", "c files 9", "d files 9"],
      BOTH,
      "slot -a",
    ],
    [
      "gets its record from the slot's",
      500 * KIB,
      ["a files 9", "b files 9", "c files 9", "s slot 9"],
      BOTH,
      "slot -s",
    ],
    [
      "has none when all are kept",
      9 * KIB,
      ["a files 9 kept", "b files 9 kept", "c files 9 kept", "d slot 9 kept"],
      BOTH,
      "none",
    ],
  ];
  for (const [what, bytes, tenants, premises, expected] of rows) {
    it(what, () => {
      const placement = choosePlace(bytes, tenantsOf(tenants), premises);
      const gone = placement?.doomed.map(({ name }) => ` -${name}`).join("") ?? "";
      assert.strictEqual(`${placement?.place ?? "none"}${gone}`, expected);
    });
  }

  const own: readonly (readonly [string, number, readonly string[], typeof BOTH, string])[] = [
    ["goes to the slot, small as it is", 100 * KIB, [], BOTH, "slot"],
    ["replaces the slot's image", 100 * KIB, ["s slot 600", "a files 60"], BOTH, "slot -s"],
    ["goes to the files where the slot's image is to be kept", 100 * KIB, ["s slot 600 kept"], BOTH, "files"],
    ["goes to the files while the slot is not free", 100 * KIB, [], ONLY_FILES, "files"],
    ["has no place beside one to be kept in the slot", 500 * KIB, ["s slot 600 kept"], BOTH, "none"],
  ];
  for (const [what, bytes, tenants, premises, expected] of own) {
    it(`of Ferry's own ${what}`, () => {
      const placement = choosePlace(bytes, tenantsOf(tenants), premises, "slot");
      const gone = placement?.doomed.map(({ name }) => ` -${name}`).join("") ?? "";
      assert.strictEqual(`${placement?.place ?? "none"}${gone}`, expected);
    });
  }

  it("never costs one to be kept, nor more than one in the slot, nor more records than there are", () => {
    let placed = 0;
    const shapes = ["files 9", "files 90", "files 200 kept", "slot 700", "slot 300 kept", "files 30 kept"];
    for (let pick = 0; pick < shapes.length ** 3; pick++) {
      const names = ["a", "b", "c"].map((name, at) => `${name} ${shapes[Math.floor(pick / shapes.length ** at) % 6]}`);
      if (names.filter((name) => name.includes("slot")).length > 1) continue;
      const tenants = tenantsOf([...names, "d files 5"]);
      for (const bytes of [5, 100, 230, 500].map((size) => size * KIB)) {
        const placement = choosePlace(bytes, tenants, BOTH);
        if (!placement) continue;
        placed++;
        const left = tenants.filter((tenant) => !placement.doomed.includes(tenant));
        assert.isFalse(placement.doomed.some(({ isKept }) => isKept));
        assert.isBelow(left.length, IMAGES_MAX);
        if (placement.place === "slot") assert.isFalse(left.some(({ place }) => place === "slot"));
      }
    }
    assert.isAbove(placed, 300);
  });
});
