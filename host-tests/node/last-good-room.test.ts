/** Up to which size the MCU's last good image rests beside a new one, on the modules that Ferry has a table for. */

import { assert } from "chai";
import { parsePartitionCsv } from "../../src/store/partition-csv.js";
import { choosePlace, imageBytesMax, type Premises, type Tenant } from "../../src/store/place.js";
import { accepted } from "../support/partitions.js";
import { linkTargetsOf, read, rowsOf } from "./documents.js";

const MIB = 1024 * 1024;
const UPDATES = 6;

function premisesOf(path: string, flashBytes: number): Premises {
  const table = accepted(parsePartitionCsv(read(path), { flashBytes }));
  const sizeOf = (label: string) => table.findByLabel(label)?.size ?? assert.fail(label);
  return { filesBytes: sizeOf("storage"), slotBytes: sizeOf("ota_1") };
}

/** Whether the MCU can be updated again and again with images of this size, each beside the one before. */
function canAlternate(sizeBytes: number, premises: Premises): boolean {
  let tenants: Tenant[] = [];
  for (let born = 0; born < UPDATES; born++) {
    const present = tenants.map((tenant) => ({ ...tenant, isKept: tenant.born === born - 1 }));
    const placement = choosePlace(sizeBytes, present, premises);
    if (!placement) return false;
    assert.isFalse(placement.doomed.some(({ isKept }) => isKept));
    const left = present.filter((tenant) => !placement.doomed.includes(tenant));
    tenants = [...left, { place: placement.place, sizeBytes, born, isKept: false }];
  }
  return true;
}

function largest(fits: (sizeBytes: number) => boolean): number {
  let low = 0;
  for (let step = 16 * MIB; step >= 1; step /= 2) if (fits(low + step)) low += step;
  return low;
}

describe("docs/recovery.md, on the MCU's last good image", () => {
  const rows = rowsOf("docs/recovery.md", "flash", "table", "largest image", "largest beside the last good one");

  it("has a row for each table of partitions", () => {
    assert.lengthOf(rows, 3);
  });

  for (const [flash = "", link = "", largestImage, largestBeside] of rows) {
    it(`says up to which sizes both fit on ${flash}`, () => {
      const path = linkTargetsOf(link)[0]?.replace("../", "") ?? assert.fail("no table");
      const premises = premisesOf(path, Number.parseInt(flash, 10) * MIB);
      const { filesBytes, slotBytes } = premises;
      assert.equal(largestImage, imageBytesMax(filesBytes, slotBytes).toLocaleString("en-US"));
      const beside = largest((sizeBytes) => canAlternate(sizeBytes, premises));
      assert.equal(largestBeside, beside.toLocaleString("en-US"));
      // Whatever fits either place, one beside the other.
      assert.isAtLeast(beside, Math.min(imageBytesMax(filesBytes), imageBytesMax(0, slotBytes)));
    });
  }
});
