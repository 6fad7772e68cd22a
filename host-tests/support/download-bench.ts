/** A downloader and an image store on a simulated device, with a file server on its network. */

import { assert } from "chai";
import type { FileServerBehavior, Knob, ServedFile } from "../../host/peers/file-response.js";
import { FileServer } from "../../host/peers/file-server.js";
import { DeviceClock, type SimCpu } from "../../host/sim/cpu.js";
import { makeHttpClientClass } from "../../host/sim/http-client.js";
import { SimKeyValue } from "../../host/sim/key-value.js";
import { Network, type NetworkConditions } from "../../host/sim/network.js";
import { crc32 } from "../../src/base/crc.js";
import type { Failure } from "../../src/base/failure.js";
import { toHex } from "../../src/base/hex.js";
import type { DownloadEvents } from "../../src/download/download-job.js";
import { Downloader } from "../../src/download/downloader.js";
import type { HttpPorts } from "../../src/download/fetcher.js";
import type { Offer } from "../../src/image/offer.js";
import type { DigestClass } from "../../src/ports.js";
import type { ImageStore, StagedImage } from "../../src/store/image-store.js";
import { RecordSlot } from "../../src/store/record-slot.js";
import { SimBench } from "../ports/sim-bench.js";
import { openStore, readAll, sameBytes } from "./image-bench.js";
import { QuickDigest } from "./quick-digest.js";

export const HOST = "files.example";
export const PATH = "/firmware.bin";

const UNBOUNDED = 1_000_000;

export interface DownloadBenchOptions {
  readonly server?: Partial<FileServerBehavior>;
  readonly file?: Partial<ServedFile>;
  readonly network?: Partial<NetworkConditions>;
  readonly fileBlocks?: number;
  /** Makes the digest class of each life; a quick one by default. */
  readonly digestFor?: (cpu: SimCpu) => DigestClass;
  /** The bound of whole downloads in 24 hours; none by default, for most suites are about something else. */
  readonly wholeDownloadsMax?: number;
  /** Changes the ways into the network, in each life. */
  readonly portsOf?: (ports: HttpPorts) => HttpPorts;
}

export type Outcome = { readonly kind: "complete" } | { readonly kind: "failed"; readonly failure: Failure };

export const COMPLETE: Outcome = Object.freeze({ kind: "complete" });

/** Returns the failure for a closer look. */
export function assertFailed(outcome: Outcome, expected: Partial<Failure>, says: RegExp): Failure {
  if (outcome.kind !== "failed") return assert.fail("the download did not fail");
  assert.deepInclude(outcome.failure, expected);
  assert.match(outcome.failure.detail, says);
  return outcome.failure;
}

export class DownloadBench {
  readonly device: SimBench;
  readonly network: Network;
  readonly server: FileServer;
  readonly image: Uint8Array;
  store: ImageStore;
  downloader: Downloader;
  /** Of all downloads, oldest first. */
  readonly outcomes: Outcome[] = [];
  readonly retries: { readonly reason: string; readonly pauseMs: number }[] = [];
  readonly asked: { readonly url: string; readonly offset: number }[] = [];
  readonly progress: number[] = [];
  /** Waits for the bound of whole downloads, and how many of them are over. */
  readonly holds: { readonly failure: Failure; readonly waitMs: number }[] = [];
  releases = 0;
  readonly #options: DownloadBenchOptions;

  constructor(image: Uint8Array, options: DownloadBenchOptions = {}) {
    const { server = {}, file = {}, network, fileBlocks = 64 } = options;
    this.#options = options;
    this.image = image;
    this.device = new SimBench({ fileBlocks });
    this.network = new Network(this.clock, network);
    this.server = new FileServer(this.clock, { files: { [PATH]: { bytes: image, tag: "one", ...file } }, ...server });
    for (const port of [80, 443]) this.network.listen(HOST, port, this.server.accept);
    this.store = openStore(this.device.life);
    this.downloader = this.#makeDownloader();
  }

  get clock() {
    return this.device.clock;
  }

  makeOffer(changes: Partial<Offer> = {}): Offer {
    const url = `http://${HOST}${PATH}`;
    return { url, sizeBytes: this.image.length, type: "", version: "", build: "", ...changes };
  }

  /** The offer with the digest of these bytes. */
  makeSignedOffer(bytes = this.image, changes: Partial<Offer> = {}): Offer {
    return this.makeOffer({ sha256: digestOf("SHA256", bytes), ...changes });
  }

  /** Begins to download, as the firmware does: into the image that is there, or a new one. */
  start(offer: Offer = this.makeOffer(), handlers: Partial<DownloadEvents> = {}): StagedImage {
    const image = this.store.find(offer) ?? this.store.create(offer, [offer]);
    if (!image) throw new Error("no room for the image");
    this.device.cpu.run(() => this.downloader.start(image, this.#eventsWith(handlers)));
    return image;
  }

  /** Runs until the download has ended; returns how. */
  finish(limitMs = 3_600_000): Outcome {
    const before = this.outcomes.length;
    this.clock.runUntil(() => this.outcomes.length > before, limitMs, "the end of the download");
    return this.outcomes.at(-1) as Outcome;
  }

  /** Downloads; returns the outcome. */
  run(offer: Offer = this.makeOffer()): Outcome {
    this.start(offer);
    return this.finish();
  }

  /** Pulls the plug, and starts the next life. */
  reboot(): void {
    this.network.dropConnections();
    this.device.pullPlug();
    this.store = openStore(this.device.life);
    this.downloader = this.#makeDownloader();
  }

  /** The requests as the server saw them: what was asked for, under which condition, and the answer's status. */
  get requests(): string[] {
    return this.server.requests.map(({ path, headers, status }) => {
      const condition = headers.get("if-range");
      const what = headers.get("range") ?? "whole";
      return `${path === PATH ? "" : `${path} `}${what}${condition === undefined ? "" : ` if ${condition}`} ${status}`;
    });
  }

  assertFired(...knobs: Knob[]): void {
    for (const knob of knobs) assert.isAbove(this.server.fired[knob], 0, `${knob} did not take effect`);
  }

  /** The image is whole, in this life and in the next one, and consists of exactly these bytes. */
  assertStaged(offer: Offer = this.makeOffer(), bytes: Uint8Array = this.image): void {
    this.#assertStaged(offer, bytes);
    this.reboot();
    this.#assertStaged(offer, bytes);
  }

  #assertStaged(offer: Offer, bytes: Uint8Array): void {
    const image = this.store.find(offer);
    if (!image?.facts) return assert.fail("the image is not complete");
    assert.isTrue(sameBytes(readAll(image), bytes), "the staged bytes are not the served ones");
    const Digest = this.#options.digestFor?.(this.device.cpu);
    assert.strictEqual(toHex(image.facts.sha256), digestOf("SHA256", bytes, Digest));
    assert.strictEqual(toHex(image.facts.md5), digestOf("MD5", bytes, Digest));
    assert.strictEqual(image.facts.crc32, crc32(bytes));
    image.close();
  }

  /** Nothing of it is kept that a later download could go on with. */
  assertNothingStaged(offer: Offer = this.makeOffer()): void {
    const image = this.store.find(offer);
    assert.isUndefined(image?.facts);
    assert.strictEqual(image?.appendedBytes ?? 0, 0);
    this.reboot();
    assert.strictEqual(this.store.find(offer)?.readableBytes ?? 0, 0, "after a reboot");
  }

  #makeDownloader(): Downloader {
    const { network } = this;
    const { cpu, life } = this.device;
    const socket = { network, cpu, life };
    const ports = {
      http: { io: makeHttpClientClass(socket) },
      https: { io: makeHttpClientClass(socket, { secure: true }) },
    };
    return new Downloader({
      clock: new DeviceClock(this.clock, cpu),
      network: this.#options.portsOf?.(ports) ?? ports,
      Digest: this.#options.digestFor?.(cpu) ?? QuickDigest,
      crc32,
      random: () => 0,
      record: new RecordSlot({ domain: new SimKeyValue(life).open({ path: "ferry" }), name: "downloads", crc32 }),
      wholeDownloadsMax: this.#options.wholeDownloadsMax ?? UNBOUNDED,
    });
  }

  #eventsWith(handlers: Partial<DownloadEvents>): DownloadEvents {
    return {
      onProgress: (bytes) => {
        this.progress.push(bytes);
        handlers.onProgress?.(bytes);
      },
      onRequest: (url, offset) => {
        this.asked.push({ url, offset });
        handlers.onRequest?.(url, offset);
      },
      onRetry: (reason, pauseMs) => {
        this.retries.push({ reason, pauseMs });
        handlers.onRetry?.(reason, pauseMs);
      },
      onHold: (failure, waitMs) => {
        this.holds.push({ failure, waitMs });
        handlers.onHold?.(failure, waitMs);
      },
      onRelease: () => {
        this.releases++;
        handlers.onRelease?.();
      },
      onComplete: () => {
        this.outcomes.push({ kind: "complete" });
        handlers.onComplete?.();
      },
      onFailed: (failure) => {
        this.outcomes.push({ kind: "failed", failure });
        handlers.onFailed?.(failure);
      },
    };
  }
}

export function digestOf(algorithm: "MD5" | "SHA256", bytes: Uint8Array, Digest: DigestClass = QuickDigest): string {
  const digest = new Digest(algorithm);
  digest.write(bytes);
  return toHex(new Uint8Array(digest.close()));
}
