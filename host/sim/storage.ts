/**
 * Everything of a simulated ESP32 that survives a power cut.
 *
 * SimStorage holds the flash chip with its partition table, the file system of partition `storage` and the key-value
 * store of partition `nvs`. The two stores are modelled by their content, not as blocks in the chip; their wear and
 * their time are charged as littlefs.ts and nvs.ts say. A new one is a chip fresh from the cable: an app where the boot
 * loader looks first, everything else erased.
 */

import { nextApp } from "./bootloader.js";
import {
  type AppDescription,
  buildEspImage,
  checkEspImage,
  makeAppDescriptor,
  readAppDescriptor,
} from "./esp-image.js";
import { LittleFsImage } from "./littlefs.js";
import { NorChip, SECTOR_BYTES, type Wear } from "./nor.js";
import { NvsImage } from "./nvs.js";
import {
  activeIndex,
  chooseSlot,
  type Otadata,
  OtaState,
  presetRecord,
  readOtadata,
  stateOfSlot,
  withState,
} from "./otadata.js";
import { Random } from "./random.js";

export interface Partition {
  readonly label: string;
  readonly type: "app" | "data";
  /** "ota_0" ... "ota_15" for app slots; "nvs", "ota", "littlefs", "spiffs" ... for data. */
  readonly subtype: string;
  readonly offset: number;
  readonly size: number;
}

/** Returns what is wrong with the image at the start of the given bytes (the whole slot), or `undefined`. */
export type ImageValidator = (slot: Uint8Array) => string | undefined;

export interface SimStorageOptions {
  readonly partitions?: readonly Partition[];
  readonly chipBytes?: number;
  /** Decides how torn operations look. */
  readonly random?: Random;
  /** How the boot loader and the end of an update judge an app image: as an ESP32 does by default. */
  readonly validateImage?: ImageValidator;
  /** The app image that the cable has brought; by default a small one that names no version. */
  readonly app?: Uint8Array;
}

const CHIP_BYTES = 0x40_0000;
const DEFAULT_SEED = 1;

/** The labels are what the SDK's modules look for. */
export const FILES_PARTITION = "storage";
export const KEY_VALUE_PARTITION = "nvs";

/** The table of a module with 4 MB, as in partitions.csv. */
export const DEFAULT_PARTITIONS: readonly Partition[] = Object.freeze([
  { label: "nvs", type: "data", subtype: "nvs", offset: 0x9000, size: 0x4000 },
  { label: "otadata", type: "data", subtype: "ota", offset: 0xd000, size: 0x2000 },
  { label: "phy_init", type: "data", subtype: "phy", offset: 0xf000, size: 0x1000 },
  { label: "ota_0", type: "app", subtype: "ota_0", offset: 0x1_0000, size: 0x1e_0000 },
  { label: "ota_1", type: "app", subtype: "ota_1", offset: 0x1f_0000, size: 0x1e_0000 },
  { label: "storage", type: "data", subtype: "littlefs", offset: 0x3d_0000, size: 0x3_0000 },
]);

export class SimStorage {
  readonly partitions: readonly Partition[];
  readonly chip: NorChip;
  readonly files: LittleFsImage;
  readonly keyValues: NvsImage;
  readonly random: Random;
  readonly validateImage: ImageValidator;

  constructor(options: SimStorageOptions = {}) {
    this.partitions = options.partitions ?? DEFAULT_PARTITIONS;
    this.chip = new NorChip(options.chipBytes ?? CHIP_BYTES);
    checkTable(this.partitions, this.chip.sizeBytes);
    this.random = options.random ?? new Random(DEFAULT_SEED);
    this.validateImage = options.validateImage ?? ((slot) => checkEspImage(slot));
    this.files = new LittleFsImage(this.chip.wear, sectorsOf(this.partition(FILES_PARTITION)));
    this.keyValues = new NvsImage(this.chip.wear, sectorsOf(this.partition(KEY_VALUE_PARTITION)));
    const [firstSlot] = this.slots();
    if (!firstSlot) throw new Error("partition table: no app slot (subtype ota_0)");
    this.chip.preset(options.app ?? makeDefaultApp(), (this.factoryApp ?? firstSlot).offset);
  }

  get wear(): Wear {
    return this.chip.wear;
  }

  /** Label of the app partition that the next boot starts; `undefined` when the chip has nothing to boot. */
  get bootSlot(): string | undefined {
    return nextApp(this)?.label;
  }

  /** Whether the app there has proved itself: one flashed by cable has, one that an update has put there not yet. */
  get bootSlotIsConfirmed(): boolean {
    const app = nextApp(this);
    const state = app && this.stateOf(app);
    return state === undefined || state === OtaState.VALID || state === OtaState.UNDEFINED;
  }

  /** From outside, what the end of an update does: this slot boots next, and its app has yet to prove itself. */
  selectBootSlot(label: string): void {
    const slots = this.slots();
    const slot = slots.findIndex((candidate) => candidate.label === label);
    if (slot < 0) throw new Error(`no app slot is called ${label}`);
    presetRecord(this, chooseSlot(this.#otadata(), slot, slots.length));
  }

  /** From outside, what the app in that slot does when it has proved itself. */
  confirmBootSlot(): void {
    const otadata = this.#otadata();
    const active = activeIndex(otadata);
    if (active === undefined) throw new Error("otadata names no slot");
    presetRecord(this, withState(otadata, active, OtaState.VALID));
  }

  /** What otadata says of the app in a partition: an OtaState, or `undefined` for nothing. */
  stateOf(app: Partition): number | undefined {
    const slots = this.slots();
    const slot = slots.findIndex(({ label }) => label === app.label);
    const otadata = readOtadata(this);
    return slot < 0 || !otadata ? undefined : stateOfSlot(otadata, slot, slots.length);
  }

  /** Why the boot loader does not start the app in a partition; `undefined` when it does. */
  problemOfApp(app: Partition): string | undefined {
    return this.validateImage(this.peek(app.label));
  }

  /** What the app in a partition says of itself. */
  describeApp(app: Partition): AppDescription | undefined {
    return readAppDescriptor(this.peek(app.label));
  }

  get factoryApp(): Partition | undefined {
    return this.partitions.find(({ type, subtype }) => type === "app" && subtype === "factory");
  }

  get otadataPartition(): Partition | undefined {
    return this.partitions.find(({ type, subtype }) => type === "data" && subtype === "ota");
  }

  /** The partition with this label. Throws where the table has none. */
  partition(label: string): Partition {
    const found = this.partitions.find((partition) => partition.label === label);
    if (!found) throw new Error(`partition table: no partition is called ${label}`);
    return found;
  }

  /** The OTA slots in the order of their subtypes. */
  slots(): Partition[] {
    return this.partitions.filter(isSlot).sort((a, b) => slotNumber(a) - slotNumber(b));
  }

  /** The slot that an update of the running one goes to: the next in turn (esp_ota_get_next_update_partition). */
  slotAfter(running: string): Partition | undefined {
    const slots = this.slots();
    const index = slots.findIndex((slot) => slot.label === running);
    return slots[(index + 1) % slots.length];
  }

  /** Content of a partition, read from outside: for oracles. */
  peek(label: string, offset = 0, length = this.partition(label).size - offset): Uint8Array {
    const bytes = new Uint8Array(length);
    this.chip.read(bytes, this.partition(label).offset + offset);
    return bytes;
  }

  #otadata(): Otadata {
    const otadata = readOtadata(this);
    if (!otadata) throw new Error("partition table: no data partition of subtype ota");
    return otadata;
  }
}

export function isSlot(partition: Partition): boolean {
  return partition.type === "app" && /^ota_\d+$/.test(partition.subtype);
}

function makeDefaultApp(): Uint8Array {
  return buildEspImage({ segments: [makeAppDescriptor({ version: "", projectName: "ferry" })] });
}

function slotNumber(slot: Partition): number {
  return Number(slot.subtype.slice("ota_".length));
}

function sectorsOf(partition: Partition): { first: number; count: number } {
  return { first: partition.offset / SECTOR_BYTES, count: partition.size / SECTOR_BYTES };
}

function checkTable(partitions: readonly Partition[], chipBytes: number): void {
  let endOfLast = 0;
  for (const { label, offset, size } of [...partitions].sort((a, b) => a.offset - b.offset)) {
    const isAligned = offset % SECTOR_BYTES === 0 && size % SECTOR_BYTES === 0;
    if (!isAligned) throw new Error(`partition table: ${label} is not in whole sectors`);
    if (offset < endOfLast) throw new Error(`partition table: ${label} overlaps the partition before it`);
    endOfLast = offset + size;
    if (endOfLast > chipBytes) throw new Error(`partition table: ${label} ends beyond the chip`);
  }
}
