/**
 * What survives a power cut, taken out of a simulated ESP32 and put into another one: the flash chip, the committed
 * files, the key-value store, and the wear. A snapshot is what a cut at that moment would leave, so an open file counts
 * as it was flushed last. The turn of the file systems' wear levelling is not in it: it starts over.
 */

import type { DirectoryNode, LittleFsNode } from "./littlefs.js";
import { SECTOR_BYTES } from "./nor.js";
import type { Partition, SimStorage } from "./storage.js";

const ERASED = 0xff;
const ERASED_WORD = 0xffff_ffff;

/** Plain data: bytes, numbers, names. */
export interface StorageSnapshot {
  readonly partitions: readonly Partition[];
  readonly chipBytes: number;
  /** Sectors that hold anything but erased bytes, by number. */
  readonly sectors: readonly (readonly [number: number, bytes: Uint8Array])[];
  readonly bytesProgrammed: number;
  /** Sectors that were ever erased, and how often. */
  readonly sectorErases: readonly (readonly [number: number, erases: number])[];
  readonly files: SnapshotFolder;
  /** Domains, and the values of each by key. */
  readonly keyValues: readonly (readonly [domain: string, values: readonly (readonly [string, Uint8Array])[]])[];
}

/** Names and what they are, in the file system's order: the content of a file, or another folder. */
export type SnapshotFolder = readonly (readonly [name: string, node: Uint8Array | SnapshotFolder])[];

/** Copies nothing that the storage would change in place later: only sectors. */
export function takeSnapshot({ partitions, chip, files, keyValues }: SimStorage): StorageSnapshot {
  const sectors: [number, Uint8Array][] = [];
  const sector = new Uint8Array(SECTOR_BYTES);
  for (let number = 0; number < chip.sizeBytes / SECTOR_BYTES; number++) {
    chip.read(sector, number * SECTOR_BYTES);
    if (!isErased(sector)) sectors.push([number, sector.slice()]);
  }
  return {
    partitions,
    chipBytes: chip.sizeBytes,
    sectors,
    bytesProgrammed: chip.wear.bytesProgrammed,
    sectorErases: [...chip.wear.sectorErases.entries()].filter(([, erases]) => erases > 0),
    files: folderOf(files.root),
    keyValues: [...keyValues.domains].map(([domain, values]) => [domain, [...values]]),
  };
}

/** Makes a storage that nobody uses yet equal to the one that the snapshot was taken of. Throws for another chip. */
export function restoreSnapshot(snapshot: StorageSnapshot, { partitions, chip, files, keyValues }: SimStorage): void {
  if (snapshot.chipBytes !== chip.sizeBytes || !sameTable(snapshot.partitions, partitions)) {
    throw new Error("it is of a chip with another partition table");
  }
  const stored = new Map(snapshot.sectors);
  const erased = new Uint8Array(SECTOR_BYTES).fill(ERASED);
  for (let number = 0; number < chip.sizeBytes / SECTOR_BYTES; number++) {
    chip.preset(stored.get(number) ?? erased, number * SECTOR_BYTES);
  }
  chip.wear.bytesProgrammed = snapshot.bytesProgrammed;
  chip.wear.sectorErases.fill(0);
  for (const [number, erases] of snapshot.sectorErases) chip.wear.sectorErases[number] = erases;
  files.format();
  fillDirectory(files.root, snapshot.files);
  keyValues.domains.clear();
  for (const [domain, values] of snapshot.keyValues) keyValues.domains.set(domain, new Map(values));
}

function folderOf({ entries }: DirectoryNode): SnapshotFolder {
  return [...entries].map(([name, node]) => [name, node.kind === "file" ? node.content : folderOf(node)]);
}

function fillDirectory(directory: DirectoryNode, folder: SnapshotFolder): void {
  for (const [name, content] of folder) directory.entries.set(name, nodeOf(content));
}

function nodeOf(content: Uint8Array | SnapshotFolder): LittleFsNode {
  if (content instanceof Uint8Array) return { kind: "file", content, linked: true };
  const directory: DirectoryNode = { kind: "directory", entries: new Map() };
  fillDirectory(directory, content);
  return directory;
}

/** By the word: a snapshot looks at the whole chip, and the emulator takes one every few seconds. */
function isErased({ buffer }: Uint8Array): boolean {
  for (const word of new Uint32Array(buffer)) if (word !== ERASED_WORD) return false;
  return true;
}

function sameTable(a: readonly Partition[], b: readonly Partition[]): boolean {
  const text = (table: readonly Partition[]) =>
    table.map(({ label, type, subtype, offset, size }) => [label, type, subtype, offset, size].join());
  return text(a).join("\n") === text(b).join("\n");
}
