/**
 * What becomes of updates, told to the cloud: users of Blynk see "Download Failure" and nothing else; this says stage,
 * cause and offset. The product chooses the way: an event in the device's timeline, a metadata field, a datastream.
 *
 *   "MCU 2.0.0: failed, transfer, no-answer, at 4096: the MCU did not answer ..."
 *
 * Told at least once: what was told last is kept durably, after it left for a cloud that was up; a verdict that a
 * restart came between is told in the next life.
 */

import { messageOf } from "../base/failure.js";
import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import type { CloudUplink } from "../cloud/cloud.js";
import type { Offer } from "../image/offer.js";
import type { Verdict } from "../update/verdict.js";

/** Blynk's clouds cut longer descriptions of events. */
export const REPORT_LENGTH_MAX = 255;

/** Any of them, or none. */
export interface ReportTarget {
  /** Code of an event that the template has. */
  readonly event?: string;
  readonly metadata?: string;
  readonly vpin?: number;
}

export type ReportedDevice = "MCU" | "Ferry";

interface DurableRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  write(body: Uint8Array): void;
}

export interface UpdateReportOptions {
  uplink: CloudUplink;
  target: ReportTarget;
  record: DurableRecord;
  onFault(detail: string): void;
}

type Reports = Partial<Record<ReportedDevice, string>>;

export class UpdateReport {
  readonly #options: UpdateReportOptions;
  #told: Reports;
  #pending: Reports = {};
  #isUp = false;

  constructor(options: UpdateReportOptions) {
    this.#options = options;
    this.#told = recall(options.record);
  }

  /** Also for the verdict that an earlier life left: one that was told already is not told again. */
  onVerdict(device: ReportedDevice, offer: Offer, verdict: Verdict): void {
    const report = `${device} ${offer.version || "?"}: ${wordsOf(verdict)}`.slice(0, REPORT_LENGTH_MAX);
    if (report === this.#told[device]) return;
    this.#pending = { ...this.#pending, [device]: report };
    this.#tell();
  }

  onCloudUp(): void {
    this.#isUp = true;
    this.#tell();
  }

  onCloudLost(): void {
    this.#isUp = false;
  }

  #tell(): void {
    const reports = Object.values(this.#pending);
    if (!this.#isUp || reports.length === 0) return;
    for (const report of reports) this.#send(report);
    this.#told = { ...this.#told, ...this.#pending };
    this.#pending = {};
    try {
      this.#options.record.write(encodeUtf8(JSON.stringify(this.#told)));
    } catch (error) {
      this.#options.onFault(`the report of an update will be told again after a restart: ${messageOf(error)}`);
    }
  }

  #send(report: string): void {
    const { uplink, target } = this.#options;
    const { event, metadata, vpin } = target;
    if (event !== undefined) uplink.logEvent(event, report);
    if (metadata !== undefined) uplink.setMetadata(metadata, report);
    if (vpin !== undefined) uplink.virtualWrite(vpin, encodeUtf8(report));
  }
}

function recall(record: DurableRecord): Reports {
  const stored = record.read();
  const value = stored.kind === "valid" ? parseJson(decodeUtf8(stored.body)) : undefined;
  if (!isRecord(value)) return {};
  const textOf = (device: ReportedDevice) => (typeof value[device] === "string" ? { [device]: value[device] } : {});
  return { ...textOf("MCU"), ...textOf("Ferry") };
}

function wordsOf(verdict: Verdict): string {
  if (verdict.kind === "succeeded") return "succeeded";
  const { stage, cause, detail, offset } = verdict.failure;
  return `${verdict.kind}, ${stage}, ${cause}${offset === undefined ? "" : `, at ${offset}`}: ${detail}`;
}
