/**
 * What is swept: one row a scenario. Each begins with a device and an MCU fresh from the factory, takes the updates of
 * `before` without a cut, and is then cut anywhere between `begins` and `ends`.
 */

import { deepFreeze } from "../../src/base/freeze.js";
import { SEGMENT_BYTES } from "../../src/store/segments.js";
import { makeFerryImage } from "../peers/ferry-image.js";
import type { FileServerBehavior } from "../peers/file-response.js";
import { makeFirmware, type TaggedFirmware } from "../peers/firmware.js";
import type { McuBehavior } from "../peers/mcu-behavior.js";
import type { BuildBehavior, RunningApp } from "../sim/device.js";
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
  /**
   * "refused": Ferry has no place for it, ever; the MCU stays as it is. "rolled-back": a build of Ferry that is no good.
   */
  readonly outcome: "installed" | "refused" | "rolled-back";
  /** The offer does not say whose firmware it is. */
  readonly leavesTargetOpen?: boolean;
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
  /** A cut may cost more than a segment, for a reason that is not Ferry's: the server has another image by then. */
  readonly mayFetchAgain: boolean;
  /** The build of Ferry that runs at first, where Ferry itself is updated. */
  readonly ferry?: Uint8Array;
  /** What a build of Ferry does differently. */
  readonly build?: (app: RunningApp) => BuildBehavior;
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
  /** Ferry itself is updated, to a build that does this. */
  readonly self?: BuildBehavior;
  readonly leavesTargetOpen?: boolean;
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
const APP_ALIGNMENT = 0x1_0000;
/** Two segments, the second one short, and room for two such images. */
const SMALL: Sizes = Object.freeze({ imageBytes: SEGMENT_BYTES + 276, blocks: 48 });
/** A part of one segment, and room for two such images. */
const SMALLEST: Sizes = Object.freeze({ imageBytes: 6_000, blocks: 24 });
/** The files of a module with more flash than the default table is for: room for two such images, and for one of 480,000. */
const LARGE = Object.freeze({ blocks: 240, slotBytes: 0x18_0000 });
const REAL: Sizes = Object.freeze({ ...LARGE, imageBytes: 150_000 });
/** Room for one such image and not for two, and none in an app slot. */
const SMALL_TIGHT: Sizes = Object.freeze({ imageBytes: 6_000, blocks: 18, slotBytes: 2 * BLOCK_BYTES });
const REAL_TIGHT: Sizes = Object.freeze({ ...LARGE, imageBytes: 480_000, slotBytes: 0x6_0000 });
/** No room among the files at all. */
const SMALL_IN_SLOT: Sizes = Object.freeze({ imageBytes: 1_300, blocks: 14 });
const REAL_IN_SLOT: Sizes = Object.freeze({ imageBytes: 40_000, blocks: 16 });

/** App slots that are read in no time. */
const SMALL_SELF: Sizes = Object.freeze({ imageBytes: 5_200, blocks: 24, slotBytes: 8 * BLOCK_BYTES });
const REAL_SELF: Sizes = Object.freeze({ imageBytes: 40_000, slotBytes: 0x2_0000 });
const REAL_SELF_STAGED: Sizes = Object.freeze({ imageBytes: 200_000, slotBytes: 0x6_0000 });

const OLD_FERRY = "1.0.0";
const NEW_FERRY = "1.1.0";

/** Waits for a cloud that there is not. */
const NEVER_CONFIRMED: BuildBehavior = Object.freeze({
  selfUpdate: { confirmation: { cloud: true }, confirmationMs: 5_000 },
});

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
  {
    name: "self-stage",
    promise: "a new build of Ferry itself is downloaded to the passive app slot",
    self: {},
    ends: "staged",
    small: SMALL_SELF,
    real: REAL_SELF,
  },
  {
    name: "self-install",
    promise: "it is checked, made an app, booted and confirmed",
    self: {},
    begins: "staged",
    small: SMALL_SELF,
    real: REAL_SELF_STAGED,
  },
  {
    name: "self-copy",
    promise: "the same, from LittleFS: its offer did not say that it is Ferry's",
    self: {},
    leavesTargetOpen: true,
    begins: "staged",
    small: SMALL_SELF,
    real: REAL_SELF,
  },
  {
    name: "self-revert",
    promise: "a new build that is never confirmed goes back to the old one",
    self: NEVER_CONFIRMED,
    begins: "staged",
    small: SMALL_SELF,
    real: REAL_SELF,
  },
  {
    name: "self-crash",
    promise: "a new build that crashes is given up by the boot loader",
    self: "crash",
    begins: "staged",
    small: SMALL_SELF,
    real: REAL_SELF,
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
  const self = row.self === undefined ? {} : makeSelf(row, row.self, sizes);
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
    mayFetchAgain: changes === true,
    ...self,
    // The first answer breaks off behind the first segment, so that there is something of the old image to keep.
    ...(changes ? { server: { cutAtByte: { byte: SEGMENT_BYTES + 200, times: 1 } }, replacement: remake(steps) } : {}),
  };
}

/** The old build, the new one, and what tells them apart. */
function makeSelf({ leavesTargetOpen = false }: Row, behavior: BuildBehavior, { imageBytes }: Sizes) {
  const isGood = behavior !== "crash" && behavior !== NEVER_CONFIRMED;
  const bytes = makeFerryImage({ version: NEW_FERRY, bytes: imageBytes - (imageBytes % 16), seed: 2 });
  const firmware = { type: "", version: NEW_FERRY, build: "" };
  const outcome = isGood ? "installed" : "rolled-back";
  const steps: Step[] = [{ image: { path: "/ferry.bin", firmware, bytes }, outcome, leavesTargetOpen }];
  const build = ({ version }: RunningApp) => (version === NEW_FERRY ? behavior : {});
  return { ferry: makeFerryImage({ version: OLD_FERRY, bytes: 1_024 }), steps, build };
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

/** The default table with other sizes, without gaps but for the alignment of apps. */
function tableOf({ blocks, slotBytes }: Sizes): Partition[] {
  let end = 0;
  return DEFAULT_PARTITIONS.map((partition) => {
    const offset = isSlot(partition) ? Math.ceil(end / APP_ALIGNMENT) * APP_ALIGNMENT : end || partition.offset;
    const size = (partition.label === FILES_PARTITION ? blocks && blocks * BLOCK_BYTES : undefined) ?? partition.size;
    const sized = { ...partition, offset, size: isSlot(partition) ? (slotBytes ?? size) : size };
    end = sized.offset + sized.size;
    return sized;
  });
}
