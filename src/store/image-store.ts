/**
 * The images that rest in flash, each a body and a record in NVS. Bodies lie on the `storage` partition (segments.ts);
 * one that finds no room there may lie in the passive app slot (place.ts, slot-body.ts).
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
import { type Target, targetOfImage } from "../image/target.js";
import type { Directory, KeyValueDomain } from "../ports.js";
import type { Body } from "./body.js";
import { decodeImageRecord, encodeImageRecord, type ImageRecord } from "./image-record.js";
import { PassiveSlot, type SlotName, type SlotPorts } from "./passive-slot.js";
import { choosePlace, IMAGES_MAX, type Place } from "./place.js";
import { RecordSlot, type StoredRecord } from "./record-slot.js";
import { type BodyFound, imageActionFor, type RecordFound } from "./recovery.js";
import { deleteBody, entriesOf, SegmentedBody } from "./segments.js";
import { isStamped, SLOT_HEAD_BYTES, SlotBody } from "./slot-body.js";

const IMAGES_DIRECTORY = "images";

/** What is known of a complete image without reading it again. */
export interface StagedFacts {
  readonly crc32: number;
  readonly md5: Uint8Array;
  readonly sha256: Uint8Array;
  /** From the image's tag; empty parts are unknown. */
  readonly firmware: FirmwareInfo;
  /** Whose firmware it is, where the image says so. */
  readonly target?: Target;
}

/** One image at rest, or on its way in. */
export interface StagedImage {
  readonly offer: Offer;
  /** The server's validator (ETag) of the content that the bytes belong to. */
  readonly validator: string | undefined;
  /** Set once the image is whole and verified. */
  readonly facts: StagedFacts | undefined;
  readonly place: Place;
  readonly readableBytes: number;
  readonly appendedBytes: number;
  /** Bytes that make more of them readable; 0 when the image is whole. */
  readonly roomBytes: number;
  /** To become an app of the passive slot, so many of its first bytes have to be written: the others are in place. */
  readonly appBytes: number;
  append(bytes: Uint8Array): void;
  read(buffer: Uint8Array, offset: number): number;
  /** Forgets all bytes; the ones to come belong to `validator`. */
  restart(validator: string | undefined): void;
  /** The image is whole and has been verified: makes that durable. */
  complete(facts: ImageFacts): void;
  /** Gives up open files. The image stays. */
  close(): void;
}

export type Room = "now" | "later" | "never";

export interface ImageStoreOptions {
  /** The root of the file system. */
  directory: Directory;
  /** The size of its partition. */
  capacityBytes: number;
  /** The way to the app slots: without it, images have only the files. */
  slot?: SlotPorts;
  domain: KeyValueDomain;
  crc32: Crc32;
}

export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #directory: Directory;
  readonly #records: readonly RecordSlot[];
  readonly #passiveSlot: PassiveSlot | undefined;
  /** Of the one image that is in the passive slot. */
  readonly #slotProgress: RecordSlot;
  readonly #images: (Image | undefined)[] = [];
  /** Of the image that the running build was made from, while that is on trial: the build before may need it again. */
  #onTrial: number | undefined;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    options.directory.createDirectory(IMAGES_DIRECTORY);
    this.#directory = options.directory.openDirectory({ path: IMAGES_DIRECTORY });
    this.#records = Array.from({ length: IMAGES_MAX }, (_, index) => this.#record(`image${index}`));
    this.#slotProgress = this.#record("slot");
    this.#passiveSlot = options.slot && new PassiveSlot(options.slot);
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
    const slot = this.#passiveSlot?.isFree ? this.#passiveSlot.name : undefined;
    const placement = this.#choosePlace(offer, keep, slot);
    if (!placement) return undefined;
    const born = 1 + Math.max(0, ...this.#images.map((image) => image?.born ?? 0));
    for (const { image } of placement.doomed) this.#remove(image);
    const index = this.#takeIndex();
    const image = this.#open(index, { born, offer, ...(placement.place === "slot" && slot ? { slot } : {}) });
    image.restart(undefined);
    this.#images[index] = image;
    return image;
  }

  /** When create() would find room: at once, or as soon as Ferry itself does not need the passive slot, or never. */
  roomFor(offer: Offer, keep: readonly Offer[]): Room {
    const slot = this.#passiveSlot;
    if (this.#choosePlace(offer, keep, slot?.isFree ? slot.name : undefined)) return "now";
    return this.#choosePlace(offer, keep, slot?.name) ? "later" : "never";
  }

  remove(image: StagedImage): void {
    if (image instanceof Image) this.#remove(image);
  }

  /**
   * The passive slot is about to become an app, made from this image. Another image that lies there is forgotten; this
   * one, if it does, stays until the slot is another's, with or without its stamp.
   */
  yieldSlotTo(image: StagedImage): void {
    for (const other of this.#images) if (other && other !== image && other.place === "slot") this.#remove(other);
    if (image instanceof Image) image.becomeApp();
  }

  close(): void {
    for (const image of this.#images) image?.close();
    this.#passiveSlot?.close();
    this.#directory.close();
  }

  /** A free one; that of the image on trial only when there is no other, or when the trial is over. */
  #takeIndex(): number {
    const onTrial = this.#onTrial;
    const other = this.#images.findIndex((image, index) => !image && index !== onTrial);
    if (onTrial === undefined || (other >= 0 && !this.#passiveSlot?.isFree)) return other;
    this.#onTrial = undefined;
    this.#records[onTrial]?.delete();
    this.#slotProgress.delete();
    return onTrial;
  }

  #record(name: string): RecordSlot {
    return new RecordSlot({ domain: this.#options.domain, name, crc32: this.#options.crc32 });
  }

  #open(index: number, record: ImageRecord): Image {
    return new Image(index, this.#records[index] as RecordSlot, this.#openBody(index, record), record);
  }

  #openBody(index: number, { born, offer: { sizeBytes }, slot }: ImageRecord): Body {
    const passiveSlot = this.#passiveSlot;
    if (!slot || !passiveSlot) return new SegmentedBody({ parent: this.#directory, name: String(index), sizeBytes });
    const progress = this.#slotProgress;
    return new SlotBody({ slot: passiveSlot, slotBytes: slot.sizeBytes, progress, image: born, sizeBytes });
  }

  #choosePlace(offer: Offer, keep: readonly Offer[], slot: SlotName | undefined) {
    const tenants = this.#images
      .filter((image) => image !== undefined)
      .map((image) => ({
        image,
        place: image.place,
        sizeBytes: image.offer.sizeBytes,
        born: image.born,
        isKept: keep.some((kept) => sameContent(image.content, kept)),
      }));
    const premises = { filesBytes: this.#options.capacityBytes, slotBytes: slot?.sizeBytes ?? 0 };
    return choosePlace(offer.sizeBytes, tenants, premises, offer.target === "ncp" ? "slot" : "files");
  }

  /** Takes up what the last life left, by the table in recovery.ts, and clears away what no record vouches for. */
  #load(): void {
    this.#records.forEach((record, index) => {
      const stored = record.read();
      const image = this.#recall(index, stored);
      this.#images.push(image);
      if (!image && stored.kind !== "absent" && index !== this.#onTrial) record.delete();
    });
    for (const name of entriesOf(this.#directory)) {
      if (!this.#images.some((image) => image?.place === "files" && image.name === name)) {
        deleteBody(this.#directory, name);
      }
    }
    const isSlotUsed = this.#onTrial !== undefined || this.#images.some((image) => image?.place === "slot");
    if (!isSlotUsed) this.#slotProgress.delete();
  }

  /** The image that was found, unless there is nothing to keep of it. */
  #recall(index: number, stored: StoredRecord): Image | undefined {
    const record = stored.kind === "valid" ? decodeImageRecord(stored.body) : undefined;
    if (this.#isOnTrial(record)) {
      this.#onTrial = index;
      return undefined;
    }
    const image = record && this.#hasBody(index, record) ? this.#open(index, record) : undefined;
    switch (imageActionFor(recordFound(stored, record), bodyFound(image))) {
      case "serve":
      case "verify":
      case "resume":
        return image;
      default:
        image?.close();
        return undefined;
    }
  }

  #isOnTrial(record: ImageRecord | undefined): boolean {
    const { slot, becomesApp = false } = record ?? {};
    const { slots } = this.#options.slot ?? {};
    return (
      slot !== undefined &&
      becomesApp &&
      slots?.runningState() === "pending-verify" &&
      slots.passiveLabel() !== slot.label
    );
  }

  /** A slot that Ferry runs from by now, or that an update of Ferry has used since, holds no image any more. */
  #hasBody(index: number, { slot, becomesApp }: ImageRecord): boolean {
    if (!slot) return this.#directory.status(String(index)).isDirectory();
    const passive = this.#passiveSlot?.name;
    const isSame = passive !== undefined && passive.label === slot.label && passive.sizeBytes === slot.sizeBytes;
    return isSame && this.#passiveSlot !== undefined && (becomesApp === true || isStamped(this.#passiveSlot));
  }

  /** The body first: a record without a body is understood, a body without a record is only waste. */
  #remove(image: Image): void {
    image.removeBody();
    this.#records[image.index]?.delete();
    this.#images[image.index] = undefined;
  }
}

function recordFound(stored: StoredRecord, record: ImageRecord | undefined): RecordFound {
  if (record) return record.complete ? "complete" : "under way";
  return stored.kind === "absent" ? "absent" : "damaged";
}

function bodyFound(image: Image | undefined): BodyFound {
  if (!image) return "absent";
  return image.readableBytes === image.offer.sizeBytes ? "whole" : "partial";
}

class Image implements StagedImage {
  readonly index: number;
  readonly #stored: RecordSlot;
  readonly #body: Body;
  #record: ImageRecord;

  constructor(index: number, stored: RecordSlot, body: Body, record: ImageRecord) {
    this.index = index;
    this.#stored = stored;
    this.#body = body;
    this.#record = record;
  }

  /** Of its body's directory, where it has one. */
  get name(): string {
    return String(this.index);
  }

  get place(): Place {
    return this.#record.slot ? "slot" : "files";
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
    const { crc32, firmware, target } = complete;
    return md5 && sha256 && { crc32, md5, sha256, firmware, ...(target ? { target } : {}) };
  }

  get readableBytes(): number {
    return this.#body.readableBytes;
  }

  get appendedBytes(): number {
    return this.#body.appendedBytes;
  }

  get roomBytes(): number {
    return this.#body.roomBytes;
  }

  get appBytes(): number {
    const { slot, offer } = this.#record;
    return slot ? Math.min(offer.sizeBytes, SLOT_HEAD_BYTES) : offer.sizeBytes;
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
    const { complete: _, validator: __, becomesApp: ___, ...record } = this.#record;
    this.#save(validator === undefined ? record : { ...record, validator });
  }

  complete(facts: ImageFacts): void {
    const { tag, crc32, md5, sha256 } = facts;
    const target = targetOfImage(facts);
    const firmware = tag && firmwareOf(tag);
    const text = (part: "type" | "version" | "build") => firmware?.[part].slice(0, FIRMWARE_TEXT_MAX) ?? "";
    this.#save({
      ...this.#record,
      complete: {
        crc32,
        md5: toHex(md5),
        sha256: toHex(sha256),
        firmware: { type: text("type"), version: text("version"), build: text("build") },
        ...(target ? { target } : {}),
      },
    });
  }

  becomeApp(): void {
    if (this.#record.slot && !this.#record.becomesApp) this.#save({ ...this.#record, becomesApp: true });
  }

  #save(record: ImageRecord): void {
    this.#stored.write(encodeImageRecord(record));
    this.#record = record;
  }

  close(): void {
    this.#body.close();
  }

  removeBody(): void {
    this.#body.remove();
  }
}
