/** The Digest port over Node's own crypto. */

import { createHash, type Hash } from "node:crypto";
import type { Digest } from "../../src/ports.js";

export class NodeDigest implements Digest {
  #hash: Hash | undefined;

  /** Throws for algorithms that Ferry does not use. */
  constructor(algorithm: "MD5" | "SHA256") {
    if (algorithm !== "MD5" && algorithm !== "SHA256") throw new Error("crypt: unsupported digest");
    this.#hash = createHash(algorithm);
  }

  write(bytes: Uint8Array): void {
    this.#running().update(bytes);
  }

  close(): ArrayBuffer {
    const digest = this.#running().digest();
    this.#hash = undefined;
    return new Uint8Array(digest).buffer;
  }

  #running(): Hash {
    if (!this.#hash) throw new Error("crypt: can't use digest after close");
    return this.#hash;
  }
}
