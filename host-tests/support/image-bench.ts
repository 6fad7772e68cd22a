/** An image store on a simulated device, and images to put there: for suites about staging. */

import { mountFiles } from "../../host/sim/files.js";
import { SimKeyValue } from "../../host/sim/key-value.js";
import type { Life } from "../../host/sim/life.js";
import { Random } from "../../host/sim/random.js";
import { FILES_PARTITION } from "../../host/sim/storage.js";
import { crc32 } from "../../src/base/crc.js";
import type { ImageFacts } from "../../src/image/inspector.js";
import type { Offer } from "../../src/image/offer.js";
import type { Directory } from "../../src/ports.js";
import { ImageStore, type StagedImage } from "../../src/store/image-store.js";
import type { SlotPorts } from "../../src/store/passive-slot.js";
import { SimBench } from "../ports/sim-bench.js";

/** Opens the store of a life, as ncp.ts does; without a slot it has only the files. */
export function openStore(life: Life, directory: Directory = mountFiles(life), slot?: SlotPorts): ImageStore {
  return new ImageStore({
    directory,
    capacityBytes: life.storage.partition(FILES_PARTITION).size,
    ...(slot ? { slot } : {}),
    domain: new SimKeyValue(life).open({ path: "ferry" }),
    crc32,
  });
}

/** A device with an empty store. */
export function makeStore(fileBlocks = 64): { bench: SimBench; store: ImageStore } {
  const bench = new SimBench({ fileBlocks });
  return { bench, store: openStore(bench.life) };
}

/** Begins an image, for which there must be room. */
export function create(store: ImageStore, offer: Offer, keep: readonly Offer[] = []): StagedImage {
  const image = store.create(offer, keep);
  if (!image) throw new Error(`no room for ${offer.sizeBytes} bytes`);
  return image;
}

export function makeOffer(sizeBytes: number, changes: Partial<Offer> = {}): Offer {
  return { url: "http://files.example/firmware.bin", sizeBytes, type: "TMPL", version: "2.0.0", build: "", ...changes };
}

const STAMP_BYTES = 1021;

/** Bytes that are cheap to make; each seed's differ from another's nearly everywhere, and so do distant parts. */
export function makeContent(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const stamp = new Random(seed).bytes(STAMP_BYTES);
  for (let at = 0, index = 0; at < sizeBytes; at += STAMP_BYTES, index++) {
    stamp[0] = index & 0xff;
    stamp[1] = index >> 8;
    bytes.set(stamp.subarray(0, Math.min(STAMP_BYTES, sizeBytes - at)), at);
  }
  return bytes;
}

/** Facts that a store takes without a question. */
export function makeFacts(sizeBytes: number, tag?: ImageFacts["tag"]): ImageFacts {
  return { sizeBytes, crc32: 0x1234_5678, md5: new Uint8Array(16).fill(5), sha256: new Uint8Array(32).fill(6), tag };
}

/** Appends the rest of the content in pieces of this size. */
export function appendRest(image: StagedImage, content: Uint8Array, pieceBytes = 4096): void {
  for (let at = image.appendedBytes; at < content.length; at = image.appendedBytes) {
    image.append(content.subarray(at, at + pieceBytes));
  }
}

/** Stages a whole image, as a download does. */
export function stage(store: ImageStore, offer: Offer, content: Uint8Array, keep: readonly Offer[] = []): StagedImage {
  const image = create(store, offer, keep);
  image.restart('"one"');
  appendRest(image, content);
  image.complete(makeFacts(content.length));
  image.close();
  return image;
}

export function readAll(image: StagedImage): Uint8Array {
  const bytes = new Uint8Array(image.readableBytes);
  const count = image.read(bytes, 0);
  if (count !== bytes.length) throw new Error(`read ${count} of ${bytes.length} bytes`);
  return bytes;
}

/** Compares four bytes at a time: suites compare megabytes, and XS counts each step. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const wordsA = wordsOf(a);
  const wordsB = wordsOf(b);
  for (let i = 0; i < wordsA.length; i++) if (wordsA[i] !== wordsB[i]) return false;
  return true;
}

/** A copy, filled up with zeroes. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

/** The sizes of the files in an image's directory, as a cut would leave them. */
export function segmentSizes(bench: SimBench, index: number): (number | undefined)[] {
  const sizes: (number | undefined)[] = [];
  for (let segment = 0; segment < 8; segment++) {
    sizes.push(bench.storage.files.peek(`images/${index}/${segment}`)?.length);
  }
  return sizes;
}
