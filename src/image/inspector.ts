/**
 * Reads an image once, as it streams by, and knows afterwards all that can be asked of it: size, CRC-32, MD5,
 * SHA-256, Blynk's tag and the head of an ESP image. Memory is independent of the image's size.
 */

import type { Crc32 } from "../base/crc.js";
import type { Digest, DigestClass } from "../ports.js";
import { type EspHead, EspHeadScanner } from "./esp-image.js";
import { type InfoTag, InfoTagScanner } from "./info-tag.js";

export interface ImageFacts {
  readonly sizeBytes: number;
  readonly crc32: number;
  readonly md5: Uint8Array;
  readonly sha256: Uint8Array;
  readonly tag: InfoTag | undefined;
  /** Of an ESP image. */
  readonly esp?: EspHead;
}

export class ImageInspector {
  readonly #crc32: Crc32;
  readonly #md5: Digest;
  readonly #sha256: Digest;
  readonly #tags = new InfoTagScanner();
  readonly #espHeads = new EspHeadScanner();
  #crc = 0;
  #sizeBytes = 0;

  constructor(options: { Digest: DigestClass; crc32: Crc32 }) {
    this.#crc32 = options.crc32;
    this.#md5 = new options.Digest("MD5");
    this.#sha256 = new options.Digest("SHA256");
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  push(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    this.#crc = this.#crc32(bytes, this.#crc);
    this.#md5.write(bytes);
    this.#sha256.write(bytes);
    this.#tags.push(bytes);
    this.#espHeads.push(bytes);
  }

  /** Ends the use of this object. */
  finish(): ImageFacts {
    const esp = this.#espHeads.head;
    return {
      sizeBytes: this.#sizeBytes,
      crc32: this.#crc,
      md5: new Uint8Array(this.#md5.close()),
      sha256: new Uint8Array(this.#sha256.close()),
      tag: this.#tags.tag,
      ...(esp ? { esp } : {}),
    };
  }
}
