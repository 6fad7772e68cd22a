/**
 * The bytes of one image as they come together: what is staged, the digests that run over it, and the knowledge whether
 * more bytes may be joined to it.
 *
 * Invariants: bytes are joined only when the server vouches that they belong together (If-Range, its validator) or when
 * the offer's digest will tell; the digests run over exactly the bytes that are staged. Everything that touches the
 * staging place throws when that does.
 */

import type { Crc32 } from "../base/crc.js";
import { type ImageFacts, ImageInspector } from "../image/inspector.js";
import { mismatch, type Offer } from "../image/offer.js";
import type { DigestClass } from "../ports.js";

/** Where the bytes go: what the download needs of a staged image. */
export interface Staging {
  readonly offer: Offer;
  readonly validator: string | undefined;
  readonly facts: object | undefined;
  readonly readableBytes: number;
  readonly appendedBytes: number;
  /** So many more bytes become readable at once: none beyond them should be in hand then. 0 when the image is whole. */
  readonly roomBytes: number;
  append(bytes: Uint8Array): void;
  read(buffer: Uint8Array, offset: number): number;
  restart(validator: string | undefined): void;
  complete(facts: ImageFacts): void;
  /** Gives up open files; bytes beyond readableBytes are lost. */
  close(): void;
}

export interface AssemblyOptions {
  Digest: DigestClass;
  crc32: Crc32;
}

export class Assembly {
  readonly #options: AssemblyOptions;
  readonly #staging: Staging;
  #inspector: ImageInspector;
  /** Bytes of more than one answer are in hand. */
  #joined = false;

  /** What an earlier life left is taken up by recheck(). */
  constructor(options: AssemblyOptions, staging: Staging) {
    this.#options = options;
    this.#staging = staging;
    this.#inspector = new ImageInspector(options);
  }

  get bytes(): number {
    return this.#staging.appendedBytes;
  }

  get isWhole(): boolean {
    return this.bytes === this.#staging.offer.sizeBytes;
  }

  get joined(): boolean {
    return this.#joined;
  }

  /** A digest that was offered can tell wrong bytes. */
  get hasDigest(): boolean {
    const { sha256, md5 } = this.#staging.offer;
    return sha256 !== undefined || md5 !== undefined;
  }

  /** Whether the rest of the file may be joined to what is in hand, if the server agrees. */
  get canGoOn(): boolean {
    return this.bytes === 0 || this.isWhole || this.#staging.validator !== undefined || this.hasDigest;
  }

  /** Takes the next staged bytes into the digests, by way of `slice`; returns their count, 0 when all are in. */
  recheck(slice: Uint8Array): number {
    const count = this.#staging.read(slice, this.#inspector.sizeBytes);
    if (count === 0) return 0;
    this.#joined = true;
    this.#inspector.push(slice.subarray(0, count));
    return count;
  }

  /** Forgets all bytes; the ones to come belong to `validator`. */
  restart(validator: string | undefined): void {
    this.#inspector = new ImageInspector(this.#options);
    this.#joined = false;
    this.#staging.restart(validator);
  }

  /**
   * The next bytes come in another answer, under this validator. False when they are of another file: If-Range was
   * sent where a validator is known, so the answer vouches for it, unless it names another. Without one the offer's
   * digest will tell (canGoOn): then joining is at worst a failed check.
   */
  join(validator: string | undefined): boolean {
    const known = this.#staging.validator;
    if (known !== undefined && validator !== undefined && validator !== known) return false;
    this.#joined = true;
    return true;
  }

  append(bytes: Uint8Array): void {
    this.#staging.append(bytes);
    this.#inspector.push(bytes);
  }

  /** Says what is wrong with the whole; or nothing, and then it is complete, durably. Ends the digests. */
  complete(announced: { sha256?: string; md5?: string }): string | undefined {
    const facts = this.#inspector.finish();
    // The offer's own digests count for more than what a server says of its file.
    const problem = mismatch({ ...announced, ...this.#staging.offer }, facts);
    if (!problem) this.#staging.complete(facts);
    return problem;
  }
}
