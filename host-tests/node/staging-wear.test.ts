/** Staging of images of real sizes on the default partition table: where they go, and what that costs the flash. */

import { assert } from "chai";
import { Workbench } from "../../host/peers/workbench.js";
import { sectorErasesTotal } from "../../host/sim/nor.js";
import { DEFAULT_PARTITIONS } from "../../host/sim/storage.js";

const SECTOR_BYTES = 4096;

const rows = [
  { place: "storage", imageBytes: 130_000, erasesOfSectorMax: 1, erasesPerSectorMax: 1.07 },
  { place: "ota_1", imageBytes: 1_200_000, erasesOfSectorMax: 1, erasesPerSectorMax: 1.01 },
] as const;

describe("an update on a 4 MB module", () => {
  for (const { place, imageBytes, erasesOfSectorMax, erasesPerSectorMax } of rows) {
    it(`stages ${imageBytes} bytes in ${place}, each byte once`, () => {
      const bench = new Workbench({ imageBytes, mcu: { prefetch: true, slotBytes: 1 << 21 } });
      bench.start();
      const { storage } = bench.device;
      const programmedBefore = storage.wear.bytesProgrammed;
      const erasesBefore = storage.wear.sectorErases.slice();
      bench.offer();
      bench.runUntil(() => bench.last("staged") !== undefined, 600_000, "staging");

      const erases = storage.wear.sectorErases.map((count, sector) => count - (erasesBefore[sector] ?? 0));
      const sectorsOf = ({ offset, size }: { offset: number; size: number }) =>
        erases.subarray(offset / SECTOR_BYTES, (offset + size) / SECTOR_BYTES);
      assert.isAtMost((storage.wear.bytesProgrammed - programmedBefore) / imageBytes, 1.05, "bytes programmed");
      assert.isAtMost(Math.max(...sectorsOf(storage.partition(place))), erasesOfSectorMax);
      const sectorErases = sectorErasesTotal({ bytesProgrammed: 0, sectorErases: erases });
      assert.isAtMost(sectorErases / Math.ceil(imageBytes / SECTOR_BYTES), erasesPerSectorMax);
      for (const partition of DEFAULT_PARTITIONS.filter(({ label, type }) => type === "app" && label !== place)) {
        assert.strictEqual(Math.max(...sectorsOf(partition)), 0, `${partition.label} was erased`);
      }

      assert.deepEqual(bench.awaitVerdict(), { kind: "succeeded", proof: "version" });
      assert.isTrue(bench.mcuRunsNewImage);
      assert.deepEqual(storage.chip.misuses, []);
      bench.device.restart(); // ends the life, whose longest task is known then
      assert.isBelow(bench.device.longestTaskMs, 100, "a ping would have waited too long");
    });
  }
});
