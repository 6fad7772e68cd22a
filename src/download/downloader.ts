/** Runs one download at a time. What a download does is in download-job.ts. */

import type { Staging } from "./assembly.js";
import { type BudgetRecord, DownloadBudget } from "./budget.js";
import { type DownloadEvents, DownloadJob, type DownloadJobOptions } from "./download-job.js";

export interface DownloaderOptions extends Omit<DownloadJobOptions, "budget"> {
  /** Remembers which images were downloaded how often. */
  record: BudgetRecord;
  /** Whole downloads of an image in 24 hours, for servers that have another bound than Blynk's. */
  wholeDownloadsMax?: number;
}

export class Downloader {
  readonly #options: DownloadJobOptions;
  #job: DownloadJob | undefined;

  constructor(options: DownloaderOptions) {
    this.#options = { ...options, budget: new DownloadBudget(options) };
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
      onHold: (failed, waitMs) => events.onHold(failed, waitMs),
      onRelease: () => events.onRelease(),
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
