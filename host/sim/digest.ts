/**
 * The Digest port over a pure JavaScript package: the same on every engine. Charges no time.
 *
 * The SDK's Digest does not notice every use after close() and then works on rubbish; this one always throws.
 */

import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Digest } from "../../src/ports.js";
import { bytesOf } from "./life.js";

interface RunningHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export class SimDigest implements Digest {
  #hash: RunningHash | undefined;

  /** Throws for algorithms that Ferry does not use, whatever the SDK knows besides. */
  constructor(algorithm: "MD5" | "SHA256") {
    if (algorithm === "MD5") this.#hash = md5.create();
    else if (algorithm === "SHA256") this.#hash = sha256.create();
    else throw new Error("crypt: unsupported digest");
  }

  write(bytes: Uint8Array): void {
    const data = bytesOf(bytes);
    this.#running().update(data);
  }

  close(): ArrayBuffer {
    const digest = this.#running().digest();
    this.#hash = undefined;
    return new Uint8Array(digest).buffer;
  }

  #running(): RunningHash {
    if (!this.#hash) throw new Error("crypt: can't use digest after close");
    return this.#hash;
  }
}
