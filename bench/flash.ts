/** What staging an image costs the flash: bytes programmed for each of its bytes, and how often one sector is erased. */

import { Workbench } from "../host/peers/workbench.js";
import { Random } from "../host/sim/random.js";

/** Fits among the files of a module of 4 MB; the other does not, and goes into the passive app slot. */
const FILE_IMAGE_BYTES = 128 * 1024;
const SLOT_IMAGE_BYTES = 1_200_000;

export interface FlashFigures {
  /** Bytes programmed, records and file system included, over bytes of the image. */
  readonly programmedPerImageByte: number;
  /** Of the sector that was erased most. */
  readonly erasesPerSectorMax: number;
  readonly erasesPerImageSector: number;
}

const SECTOR_BYTES = 4096;

export function measureFlash(): Readonly<Record<string, FlashFigures>> {
  return { files: measureStaging(FILE_IMAGE_BYTES), slot: measureStaging(SLOT_IMAGE_BYTES) };
}

/** Stages one image on a fresh module of 4 MB. */
function measureStaging(imageBytes: number): FlashFigures {
  const bench = new Workbench({
    image: new Random(1).bytes(imageBytes),
    mcu: { prefetch: true, eraseMs: 0, slotBytes: imageBytes },
  });
  bench.start();
  const { wear } = bench.device.storage;
  const programmedBefore = wear.bytesProgrammed;
  const erasesBefore = wear.sectorErases.slice();
  bench.offer({ type: "", version: "", build: "", target: "mcu" });
  bench.runUntil(() => bench.count("staged") === 1, 600_000, "the staged image");
  const erases = wear.sectorErases.map((count, sector) => count - (erasesBefore[sector] ?? 0));
  return {
    programmedPerImageByte: (wear.bytesProgrammed - programmedBefore) / imageBytes,
    erasesPerSectorMax: Math.max(...erases),
    erasesPerImageSector: erases.reduce((sum, count) => sum + count, 0) / (imageBytes / SECTOR_BYTES),
  };
}
