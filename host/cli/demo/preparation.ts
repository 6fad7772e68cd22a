/** What the demo works on: the image with all that is known of it, the flash's partition table, and the plan. */

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "../../../src/base/crc.js";
import { toHex } from "../../../src/base/hex.js";
import { type FirmwareInfo, firmwareOf } from "../../../src/image/info-tag.js";
import { type ImageFacts, ImageInspector } from "../../../src/image/inspector.js";
import { type Offer, offerProblem } from "../../../src/image/offer.js";
import { parsePartitionCsv } from "../../../src/store/partition-csv.js";
import type { PartitionTable } from "../../../src/store/partition-table.js";
import { imageBytesMax } from "../../../src/store/place.js";
import { NodeDigest } from "../../node/digest.js";
import { projectPath } from "../../node/project.js";
import { makeBadDay } from "../../peers/bad-day.js";
import { makeFirmware } from "../../peers/firmware.js";
import { NEW_FIRMWARE } from "../../peers/workbench.js";
import { FILES_PARTITION, type Partition } from "../../sim/storage.js";
import { BadInput } from "../arguments.js";
import type { DemoOptions } from "./options.js";
import type { DemoPlan } from "./scenario.js";

/** In the project's root. */
export const PARTITIONS_FILE = "partitions.csv";
const FLASH_BYTES = 0x40_0000;
const MADE_IMAGE_BYTES = 256 * 1024;

export interface Preparation {
  readonly image: Uint8Array;
  readonly facts: ImageFacts;
  readonly firmware: FirmwareInfo;
  /** Where the server has the image: a slash and a file name. */
  readonly path: string;
  readonly table: PartitionTable;
  readonly flashBytes: number;
  readonly options: DemoOptions;
}

/** Throws BadInput. */
export function prepare(options: DemoOptions): Preparation {
  const table = readTable();
  const image = options.file === undefined ? makeFirmware(MADE_IMAGE_BYTES, NEW_FIRMWARE) : readImage(options.file);
  const name = options.file ?? "firmware.bin";
  const sizeMax = imageBytesMax(table.findByLabel(FILES_PARTITION)?.size ?? 0, passiveSlotBytes(table));
  if (image.length === 0) throw new BadInput(`${name} is empty: give a firmware image`);
  if (image.length > sizeMax) {
    const places = `partition "${FILES_PARTITION}" and the passive app slot of ${PARTITIONS_FILE}`;
    throw new BadInput(`${name} has ${image.length} bytes, and ${places} take images of at most ${sizeMax}`);
  }
  const inspector = new ImageInspector({ Digest: NodeDigest, crc32 });
  inspector.push(image);
  const facts = inspector.finish();
  const { type, version, build } = facts.tag ? firmwareOf(facts.tag) : { type: "", version: "", build: "" };
  const path = `/${basename(name).replace(/[^\w.-]/g, "_")}`;
  const preparation = {
    image,
    facts,
    firmware: { type, version, build },
    path,
    table,
    flashBytes: FLASH_BYTES,
    options,
  };
  const problem = offerProblem(planFor(preparation, `http://127.0.0.1${path}`).offer);
  if (problem !== undefined) throw new BadInput(`${name} cannot be offered: ${problem}`);
  return preparation;
}

/** The plan for an image that is to be had at this URL. */
export function planFor(preparation: Preparation, url: string): DemoPlan {
  const { facts, firmware, table, flashBytes, options } = preparation;
  const { baud, chunkBytes, cutAfter, flakySeed, cloud } = options;
  const offer: Offer = {
    ...firmware,
    url,
    sizeBytes: facts.sizeBytes,
    sha256: toHex(facts.sha256),
    md5: toHex(facts.md5),
    target: "mcu",
  };
  const partitions = partitionsOf(table);
  return {
    offer,
    cloud,
    baud,
    chunkBytes,
    partitions,
    flashBytes,
    ...(cutAfter === undefined ? {} : { cutAfter }),
    ...(flakySeed === undefined ? {} : { turns: makeBadDay(flakySeed, facts.sizeBytes) }),
  };
}

/** Throws BadInput. */
function readImage(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    throw new BadInput(`cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function readTable(): PartitionTable {
  const result = parsePartitionCsv(readFileSync(projectPath(PARTITIONS_FILE), "utf8"), { flashBytes: FLASH_BYTES });
  if (result.ok) return result.table;
  throw new Error(`${PARTITIONS_FILE}: ${result.problems.map(({ message }) => message).join("; ")}`);
}

/** Either slot may be the passive one; a single one never is. */
function passiveSlotBytes(table: PartitionTable): number {
  const sizes = table.appSlots().map(({ size }) => size);
  return sizes.length < 2 ? 0 : Math.min(...sizes);
}

/** The table as the simulated chip takes it, which knows the types that ESP-IDF has names for. */
function partitionsOf(table: PartitionTable): Partition[] {
  return table.entries.flatMap(({ label, type, subtype, offset, size }) =>
    type === "app" || type === "data" ? [{ label, type, subtype: String(subtype), offset, size }] : [],
  );
}
