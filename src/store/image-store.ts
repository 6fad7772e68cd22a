/**
 * The images that rest on the `storage` partition, each a body (segments.ts) and a record in NVS.
 *
 * The record is written before the first byte of the body, so that a body is never without a name, and marked complete
 * only after the last segment was closed and the whole was verified. Records live apart from the bodies because the
 * SDK formats a file system that fails to mount: then the record outlives the body and says that it is gone.
 * Fault model: power cut anywhere, a body missing or short under its record, a body without a record (its record was
 * damaged), damaged records. Each leads to "not staged", never to wrong bytes.
 */

import type { Crc32 } from "../base/crc.js";
import { fromHex, toHex } from "../base/hex.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import { firmwareOf } from "../image/info-tag.js";
import type { ImageFacts } from "../image/inspector.js";
import { FIRMWARE_TEXT_MAX, type Offer, sameContent } from "../image/offer.js";
import type { Directory, KeyValueDomain } from "../ports.js";
import { decodeImageRecord, encodeImageRecord, type ImageRecord } from "./image-record.js";
import { RecordSlot } from "./record-slot.js";
import { blocksFor, deleteBody, entriesOf, SegmentedBody } from "./segments.js";

/** Images kept at most: the one being installed, the MCU's last good one, and two of the past. */
export const IMAGES_MAX = 4;

const IMAGES_DIRECTORY = "images";
const BLOCK_BYTES = 4096;
/** Superblock, root and images directories, and the copies that LittleFS makes of metadata before it frees the old. */
const RESERVED_BLOCKS = 12;

/** What is known of a complete image without reading it again. */
export interface StagedFacts {
  readonly crc32: number;
  readonly md5: Uint8Array;
  readonly sha256: Uint8Array;
  /** From the image's tag; empty parts are unknown. */
  readonly firmware: FirmwareInfo;
}

/** One image at rest, or on its way in. */
export interface StagedImage {
  readonly offer: Offer;
  /** The server's validator (ETag) of the content that the bytes belong to. */
  readonly validator: string | undefined;
  /** Set once the image is whole and verified. */
  readonly facts: StagedFacts | undefined;
  readonly readableBytes: number;
  readonly appendedBytes: number;
  append(bytes: Uint8Array): void;
  read(buffer: Uint8Array, offset: number): number;
  /** Forgets all bytes; the ones to come belong to `validator`. */
  restart(validator: string | undefined): void;
  /** The image is whole and has been verified: makes that durable. */
  complete(facts: ImageFacts): void;
  /** Gives up open files. The image stays. */
  close(): void;
}

export interface ImageStoreOptions {
  /** The root of the file system. */
  directory: Directory;
  /** The size of its partition. */
  capacityBytes: number;
  domain: KeyValueDomain;
  crc32: Crc32;
}

/** The largest image that fits on a partition of this size, when all others are gone. */
export function imageBytesMax(capacityBytes: number): number {
  const blocks = blocksForImages(capacityBytes);
  let fits = 0;
  let tooLarge = capacityBytes + 1;
  while (tooLarge - fits > 1) {
    const middle = Math.floor((fits + tooLarge) / 2);
    if (blocksFor(middle) <= blocks) fits = middle;
    else tooLarge = middle;
  }
  return fits;
}

function blocksForImages(capacityBytes: number): number {
  return Math.floor(capacityBytes / BLOCK_BYTES) - RESERVED_BLOCKS;
}

export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #directory: Directory;
  readonly #slots: readonly RecordSlot[];
  readonly #images: (Image | undefined)[] = [];

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    options.directory.createDirectory(IMAGES_DIRECTORY);
    this.#directory = options.directory.openDirectory({ path: IMAGES_DIRECTORY });
    this.#slots = Array.from({ length: IMAGES_MAX }, (_, index) => this.#slot(index));
    this.#load();
  }

  /**
   * The image of this content, whole or under way. One under way takes over what this offer says besides: URLs rotate,
   * and a digest is to be met whichever offer named it.
   */
  find(offer: Offer): StagedImage | undefined {
    const image = this.#images.find((candidate) => candidate && sameContent(candidate.content, offer));
    image?.adopt(offer);
    return image;
  }

  /**
   * Makes room for an image and begins it. Older images go first-in first-out, but for those to be kept. Returns
   * `undefined` when it cannot fit, and then nothing has been given up.
   */
  create(offer: Offer, keep: readonly Offer[]): StagedImage | undefined {
    const doomed = this.#chooseDoomed(blocksFor(offer.sizeBytes), keep);
    if (!doomed) return undefined;
    for (const image of doomed) this.#remove(image);
    const index = this.#images.indexOf(undefined);
    const born = 1 + Math.max(0, ...this.#images.map((image) => image?.born ?? 0));
    const image = this.#open(index, { born, offer });
    image.restart(undefined);
    this.#images[index] = image;
    return image;
  }

  remove(image: StagedImage): void {
    if (image instanceof Image) this.#remove(image);
  }

  close(): void {
    for (const image of this.#images) image?.close();
    this.#directory.close();
  }

  #slot(index: number): RecordSlot {
    return new RecordSlot({ domain: this.#options.domain, name: `image${index}`, crc32: this.#options.crc32 });
  }

  #open(index: number, record: ImageRecord): Image {
    const body = new SegmentedBody({ parent: this.#directory, name: String(index), sizeBytes: record.offer.sizeBytes });
    return new Image(index, this.#slots[index] as RecordSlot, body, record);
  }

  /** Takes up what the last life left, and clears away what no record vouches for. */
  #load(): void {
    this.#slots.forEach((slot, index) => {
      const stored = slot.read();
      const image = stored.kind === "valid" ? this.#recall(index, stored.body) : undefined;
      if (!image && stored.kind !== "absent") slot.delete();
      this.#images.push(image);
    });
    for (const name of entriesOf(this.#directory)) {
      if (!this.#images.some((image) => image?.name === name)) deleteBody(this.#directory, name);
    }
  }

  /** The image of a record, if its body is as the record says. */
  #recall(index: number, stored: Uint8Array): Image | undefined {
    const record = decodeImageRecord(stored);
    if (!record || !this.#directory.status(String(index)).isDirectory()) return undefined;
    const image = this.#open(index, record);
    return image.facts && image.readableBytes < image.offer.sizeBytes ? undefined : image;
  }

  #chooseDoomed(blocksWanted: number, keep: readonly Offer[]): Image[] | undefined {
    const present = this.#images.filter((image) => image !== undefined);
    const expendable = present
      .filter((image) => !keep.some((offer) => sameContent(image.content, offer)))
      .sort((a, b) => a.born - b.born);
    const capacityBlocks = blocksForImages(this.#options.capacityBytes);
    const doomed: Image[] = [];
    let blocks = blocksWanted;
    for (const image of present) blocks += blocksFor(image.offer.sizeBytes);
    let count = present.length + 1;
    for (const image of expendable) {
      if (blocks <= capacityBlocks && count <= IMAGES_MAX) break;
      doomed.push(image);
      blocks -= blocksFor(image.offer.sizeBytes);
      count--;
    }
    return blocks <= capacityBlocks && count <= IMAGES_MAX ? doomed : undefined;
  }

  /** The body first: a record without a body is understood, a body without a record is only waste. */
  #remove(image: Image): void {
    image.close();
    deleteBody(this.#directory, image.name);
    this.#slots[image.index]?.delete();
    this.#images[image.index] = undefined;
  }
}

class Image implements StagedImage {
  readonly index: number;
  readonly #slot: RecordSlot;
  readonly #body: SegmentedBody;
  #record: ImageRecord;

  constructor(index: number, slot: RecordSlot, body: SegmentedBody, record: ImageRecord) {
    this.index = index;
    this.#slot = slot;
    this.#body = body;
    this.#record = record;
  }

  /** Of its body's directory. */
  get name(): string {
    return String(this.index);
  }

  get born(): number {
    return this.#record.born;
  }

  /** What the image is, for comparison with offers: a whole one knows its digests, whether they were offered or not. */
  get content(): Offer {
    const { offer, complete } = this.#record;
    return complete ? { ...offer, sha256: complete.sha256, md5: complete.md5 } : offer;
  }

  get offer(): Offer {
    return this.#record.offer;
  }

  get validator(): string | undefined {
    return this.#record.validator;
  }

  get facts(): StagedFacts | undefined {
    const complete = this.#record.complete;
    if (!complete) return undefined;
    const md5 = fromHex(complete.md5);
    const sha256 = fromHex(complete.sha256);
    return md5 && sha256 && { crc32: complete.crc32, md5, sha256, firmware: complete.firmware };
  }

  get readableBytes(): number {
    return this.#body.readableBytes;
  }

  get appendedBytes(): number {
    return this.#body.appendedBytes;
  }

  append(bytes: Uint8Array): void {
    this.#body.append(bytes);
  }

  read(buffer: Uint8Array, offset: number): number {
    return this.#body.read(buffer, offset);
  }

  /** In memory: durable with the next record. */
  adopt(offer: Offer): void {
    if (this.#record.complete) return;
    const { sha256, md5 } = this.#record.offer;
    const digests = { ...(sha256 === undefined ? {} : { sha256 }), ...(md5 === undefined ? {} : { md5 }) };
    this.#record = { ...this.#record, offer: { ...digests, ...offer } };
  }

  /** The body first: no bytes fit any validator, but bytes under a wrong one would be joined with others. */
  restart(validator: string | undefined): void {
    this.#body.clear();
    const { born, offer } = this.#record;
    this.#save(validator === undefined ? { born, offer } : { born, offer, validator });
  }

  complete({ tag, crc32, md5, sha256 }: ImageFacts): void {
    const firmware = tag && firmwareOf(tag);
    const text = (part: "type" | "version" | "build") => firmware?.[part].slice(0, FIRMWARE_TEXT_MAX) ?? "";
    this.#save({
      ...this.#record,
      complete: {
        crc32,
        md5: toHex(md5),
        sha256: toHex(sha256),
        firmware: { type: text("type"), version: text("version"), build: text("build") },
      },
    });
  }

  #save(record: ImageRecord): void {
    this.#slot.write(encodeImageRecord(record));
    this.#record = record;
  }

  close(): void {
    this.#body.close();
  }
}
