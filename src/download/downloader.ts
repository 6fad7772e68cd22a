/** Runs one download at a time. What a download does is in download-job.ts. */

import { type DownloadEvents, DownloadJob, type DownloadOptions, type Staging } from "./download-job.js";

export class Downloader {
  readonly #options: DownloadOptions;
  #job: DownloadJob | undefined;

  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#job !== undefined;
  }

  /** Fills the staging place; ends in onComplete or onFailed, never from inside this call. */
  start(staging: Staging, events: DownloadEvents): void {
    this.cancel();
    const ended = (report: () => void) => {
      this.#job = undefined;
      report();
    };
    this.#job = new DownloadJob(this.#options, staging, {
      onProgress: (bytes) => events.onProgress(bytes),
      onRequest: (url, offset) => events.onRequest(url, offset),
      onRetry: (reason, pauseMs) => events.onRetry(reason, pauseMs),
      onComplete: () => ended(() => events.onComplete()),
      onFailed: (failed) => ended(() => events.onFailed(failed)),
    });
  }

  /** Ends without a further event. What is staged stays. */
  cancel(): void {
    this.#job?.close();
    this.#job = undefined;
  }
}
