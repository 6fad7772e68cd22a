/**
 * The Digest port for suites that move many bytes on XS: a checksum where the digest is. It tells every change of a
 * single byte, and nearly all others; "MD5" tells no more than the length.
 */

import type { Digest } from "../../src/ports.js";

const DIGEST_BYTES = { MD5: 16, SHA256: 32 };

export class QuickDigest implements Digest {
  readonly #algorithm: "MD5" | "SHA256";
  #length = 0;
  #sum = 0x811c_9dc5;

  constructor(algorithm: "MD5" | "SHA256") {
    this.#algorithm = algorithm;
  }

  write(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#algorithm === "MD5") return;
    let sum = this.#sum;
    for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ (bytes[i] as number), 0x0100_0193); // FNV-1a
    this.#sum = sum;
  }

  close(): ArrayBuffer {
    const view = new DataView(new ArrayBuffer(DIGEST_BYTES[this.#algorithm]));
    view.setUint32(0, this.#length);
    view.setUint32(4, this.#sum);
    return view.buffer;
  }
}
