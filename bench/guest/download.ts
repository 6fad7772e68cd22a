/**
 * Guest entry: a download into the files, over ports that keep nothing. Flash, digests and sockets are native on the
 * device: what is left is what the engine does.
 */

import { type Crc32, crc32 } from "../../src/base/crc.js";
import { Downloader } from "../../src/download/downloader.js";
import { ImageStore } from "../../src/store/image-store.js";
import { EndlessServer, HollowDirectory, NoDigest, PlainClock, PlainKeyValue } from "./hollow-ports.js";

class DownloadRig {
  readonly #clock = new PlainClock();
  readonly #server = new EndlessServer(this.#clock);
  readonly #store: ImageStore;
  readonly #downloader: Downloader;
  #fetchedBytes = 0;

  /** `native` leaves the CRC out, which the chip has in its ROM. */
  constructor(native: boolean) {
    const freeCrc: Crc32 = () => 0;
    const crc = native ? freeCrc : crc32;
    this.#store = new ImageStore({
      directory: new HollowDirectory(),
      capacityBytes: 16 * 1024 * 1024,
      domain: new PlainKeyValue().open(),
      crc32: crc,
    });
    this.#downloader = new Downloader({
      clock: this.#clock,
      network: { http: { io: this.#server.Client } },
      Digest: NoDigest,
      crc32: crc,
      random: () => 0,
      record: { read: () => ({ kind: "absent" }), write: () => {} },
    });
  }

  /** Begins to download so many bytes. */
  begin(sizeBytes: number): void {
    this.#server.sizeBytes = sizeBytes;
    const offer = { url: `http://h/${sizeBytes}`, sizeBytes, type: "", version: "", build: "" };
    const image = this.#store.create(offer, [offer]);
    if (!image) throw new Error(`no room for ${sizeBytes} bytes`);
    this.#downloader.start(image, {
      onProgress: (bytes) => {
        this.#fetchedBytes = bytes;
      },
      onRequest: () => {},
      onRetry: (reason) => {
        throw new Error(reason);
      },
      onHold: () => {},
      onRelease: () => {},
      onComplete: () => {},
      onFailed: ({ detail }) => {
        throw new Error(detail);
      },
    });
  }

  /** Goes on until so many bytes are staged: whole segments. */
  fetchUntil(bytes: number): void {
    while (this.#fetchedBytes < bytes && this.#clock.step(100));
    if (this.#fetchedBytes !== bytes) throw new Error(`stuck at byte ${this.#fetchedBytes}`);
  }
}

Object.assign(globalThis, { DownloadRig });
