/**
 * What is swept: one row a scenario. Each begins with a device and an MCU fresh from the factory, takes the updates of
 * `before` without a cut, and is then cut anywhere between `begins` and `ends`.
 */

import { deepFreeze } from "../../src/base/freeze.js";
import { SEGMENT_BYTES } from "../../src/store/segments.js";
import type { FileServerBehavior } from "../peers/file-response.js";
import { makeFirmware, type TaggedFirmware } from "../peers/firmware.js";
import type { McuBehavior } from "../peers/mcu-behavior.js";
import { DEFAULT_PARTITIONS, FILES_PARTITION, isSlot, type Partition } from "../sim/storage.js";
import type { Geometry } from "./schedule.js";

/** One image of the cloud's, under its own path and version. */
export interface CloudImage {
  readonly path: string;
  readonly firmware: TaggedFirmware;
  readonly bytes: Uint8Array;
}

/** An update that the cloud wants, and how it must end. */
export interface Step {
  readonly image: CloudImage;
  /** "refused": Ferry has no place for it, ever; the MCU stays as it is. */
  readonly outcome: "installed" | "refused";
}

/** A moment of a run, by what has been seen since the swept steps began. */
export type Moment = "offer" | "staged" | "first-chunk" | "end";

export interface Scenario {
  readonly name: string;
  readonly promise: string;
  readonly mcu: Partial<McuBehavior>;
  readonly before: readonly Step[];
  readonly steps: readonly Step[];
  readonly begins: Moment;
  readonly ends: Moment;
  readonly partitions: readonly Partition[];
  readonly server?: Partial<FileServerBehavior>;
  /** What the server has in the place of the first image after its first answer. */
  readonly replacement?: Uint8Array;
}

interface Row {
  readonly name: string;
  readonly promise: string;
  readonly mcu?: Partial<McuBehavior>;
  readonly begins?: Moment;
  readonly ends?: Moment;
  readonly small: Sizes;
  readonly real: Sizes;
  readonly before?: readonly ImageName[];
  readonly updates?: readonly ImageName[];
  readonly changes?: boolean;
}

/** What a geometry means to one scenario. */
interface Sizes {
  readonly imageBytes: number;
  /** LittleFS blocks of the partition `storage`; as in the default table when absent. */
  readonly blocks?: number;
  /** Of each app slot; as in the default table when absent. */
  readonly slotBytes?: number;
}

/** "huge" is as large as the partition `storage`: it fits nowhere. */
type ImageName = "first" | "second" | "huge";

const BLOCK_BYTES = 4096;
/** Two segments, the second one short, and room for two such images. */
const SMALL: Sizes = Object.freeze({ imageBytes: SEGMENT_BYTES + 276, blocks: 48 });
/** A part of one segment, and room for two such images. */
const SMALLEST: Sizes = Object.freeze({ imageBytes: 6_000, blocks: 24 });
const REAL: Sizes = Object.freeze({ imageBytes: 150_000 });
/** Room for one such image and not for two, and none in an app slot. */
const SMALL_TIGHT: Sizes = Object.freeze({ imageBytes: 6_000, blocks: 18, slotBytes: 2 * BLOCK_BYTES });
const REAL_TIGHT: Sizes = Object.freeze({ imageBytes: 480_000, slotBytes: 0x6_0000 });
/** No room among the files at all. */
const SMALL_IN_SLOT: Sizes = Object.freeze({ imageBytes: 1_300, blocks: 14 });
const REAL_IN_SLOT: Sizes = Object.freeze({ imageBytes: 40_000, blocks: 16 });

/** The MCU asks for the whole image first, as one with a single slot does. */
const WHOLE_FIRST: Partial<McuBehavior> = Object.freeze({ prefetch: true });

const ROWS: readonly Row[] = deepFreeze<Row[]>([
  {
    name: "prefetch",
    promise: "an image is downloaded to LittleFS",
    mcu: WHOLE_FIRST,
    ends: "staged",
    small: SMALL,
    real: REAL,
  },
  {
    name: "prefetch-slot",
    promise: "an image that finds no place in LittleFS is downloaded to the passive app slot",
    mcu: WHOLE_FIRST,
    small: SMALL_IN_SLOT,
    real: REAL_IN_SLOT,
  },
  {
    name: "serve",
    promise: "a staged image is ferried into the MCU",
    mcu: WHOLE_FIRST,
    begins: "staged",
    small: SMALL,
    real: REAL,
  },
  {
    name: "re-serve",
    promise: "a boot loader restarts in the middle and asks again",
    mcu: { ...WHOLE_FIRST, updatesInBootloader: true, rebootAtChunk: { index: 10, times: 1 } },
    begins: "first-chunk",
    small: SMALL,
    real: REAL,
  },
  { name: "direct", promise: "the MCU is served while the image is downloaded", small: SMALL, real: REAL },
  {
    name: "second",
    promise: "a second update over the first",
    mcu: WHOLE_FIRST,
    before: ["first"],
    updates: ["second"],
    small: SMALLEST,
    real: REAL,
  },
  {
    name: "full",
    promise: "an image that does not fit is refused, and one that does is taken after it",
    mcu: WHOLE_FIRST,
    before: ["first"],
    updates: ["huge", "second"],
    small: SMALL_TIGHT,
    real: REAL_TIGHT,
  },
  {
    name: "eviction",
    promise: "an older image makes room for the new one",
    mcu: WHOLE_FIRST,
    before: ["first"],
    updates: ["second"],
    small: SMALL_TIGHT,
    real: REAL_TIGHT,
  },
  {
    name: "changed",
    promise: "the server has another image when it is asked for the rest of the first one",
    mcu: WHOLE_FIRST,
    changes: true,
    small: SMALL,
    real: REAL,
  },
]);

export const SCENARIO_NAMES: readonly string[] = Object.freeze(ROWS.map(({ name }) => name));

/** Throws for a name that is none of SCENARIO_NAMES. */
export function makeScenario(name: string, geometry: Geometry): Scenario {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (!row) throw new Error(`no scenario is called ${name}`);
  const sizes = geometry === "s" ? row.small : row.real;
  const partitions = tableOf(sizes);
  const capacityBytes = partitions.find(({ label }) => label === FILES_PARTITION)?.size ?? 0;
  const stepOf = (image: ImageName): Step => {
    if (image === "huge") return { image: makeImage(3, capacityBytes), outcome: "refused" };
    return { image: makeImage(image === "first" ? 1 : 2, sizes.imageBytes), outcome: "installed" };
  };
  const steps = (row.updates ?? ["first"]).map(stepOf);
  const { changes, mcu = {} } = row;
  return {
    name,
    promise: row.promise,
    mcu: { bootMs: 50, slotBytes: 0x10_0000, ...mcu },
    before: (row.before ?? []).map(stepOf),
    steps,
    begins: row.begins ?? "offer",
    ends: row.ends ?? "end",
    partitions,
    // The first answer breaks off behind the first segment, so that there is something of the old image to keep.
    ...(changes ? { server: { cutAtByte: { byte: SEGMENT_BYTES + 200, times: 1 } }, replacement: remake(steps) } : {}),
  };
}

function makeImage(number: number, sizeBytes: number): CloudImage {
  const firmware = { type: "TMPL0123456789", version: `${number + 1}.0.0`, build: `Nov 2${number} 2026 12:00:00` };
  return { path: `/firmware-${number}.bin`, firmware, bytes: makeFirmware(sizeBytes, firmware, number) };
}

/** Other bytes of the same size, under the same tag: no digest was offered that could tell. */
function remake([step]: readonly Step[]): Uint8Array {
  if (!step) throw new Error("a scenario without steps");
  return makeFirmware(step.image.bytes.length, step.image.firmware, 99);
}

/** The default table with other sizes. */
function tableOf({ blocks, slotBytes }: Sizes): Partition[] {
  return DEFAULT_PARTITIONS.map((partition) => {
    if (blocks !== undefined && partition.label === FILES_PARTITION)
      return { ...partition, size: blocks * BLOCK_BYTES };
    return slotBytes !== undefined && isSlot(partition) ? { ...partition, size: slotBytes } : partition;
  });
}
