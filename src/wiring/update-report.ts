/**
 * What becomes of updates, told to the cloud: users of Blynk see "Download Failure" and nothing else; this says stage,
 * cause and offset. The product chooses the way: an event in the device's timeline, a metadata field, a datastream.
 *
 *   "MCU 2.0.0: accepted", "MCU 2.0.0: downloaded", "MCU 2.0.0: transferring", and then one of
 *   "MCU 2.0.0: succeeded", "MCU 2.0.0: failed, transfer, no-answer, at 4096: the MCU did not answer ..."
 *   or, of an offer that came by itself, "MCU 2.0.0: not taken: already installed ..."
 *
 * A verdict is told at least once: it waits, durably, until a session has lived on for SETTLED_MS after it was told, for
 * neither transport has an answer to it; REPEATS_MAX sessions that broke before are enough. A step is told once for each
 * update, if there is a session, and a reason once. So an update makes a handful of messages, however often the device
 * or the cloud restarts.
 */

import { messageOf } from "../base/failure.js";
import { isRecord, parseJson } from "../base/json.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import type { CloudUplink } from "../cloud/cloud.js";
import type { Offer } from "../image/offer.js";
import type { Clock, TimerHandle } from "../ports.js";
import type { Verdict } from "../update/verdict.js";

/** Blynk's clouds cut longer descriptions of events. */
export const REPORT_LENGTH_MAX = 255;
/** Blynk's clouds drop an event that follows one of its kind within a second. */
export const REPORT_GAP_MS = 1_500;
/** Longer than both transports take to find out that nobody is there any more. */
export const SETTLED_MS = 120_000;
export const REPEATS_MAX = 8;
/** Verdicts that wait for a cloud, and reasons that are known to have been told: the oldest make room. */
const WAITING_MAX = 4;
const REASONS_MAX = 4;

/** Any of them, or none. */
export interface ReportTarget {
  /** Code of an event that the template has. */
  readonly event?: string;
  readonly metadata?: string;
  readonly vpin?: number;
}

export type ReportedDevice = "MCU" | "Ferry";

/** In the order in which they come; one that comes late is not told. */
const STEPS = Object.freeze(["accepted", "downloaded", "transferring"] as const);
export type ReportedStep = (typeof STEPS)[number];

interface DurableRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  write(body: Uint8Array): void;
}

export interface UpdateReportOptions {
  clock: Clock;
  uplink: CloudUplink;
  target: ReportTarget;
  record: DurableRecord;
  onFault(detail: string): void;
}

type Texts = Partial<Record<ReportedDevice, string>>;

/** What outlives a restart. */
interface Memory {
  /** The last verdict of each, told or waiting: a restart brings it again. */
  readonly verdicts: Texts;
  /** The last step of the update under way. */
  readonly steps: Texts;
  readonly reasons: readonly string[];
  readonly waiting: readonly string[];
}

export class UpdateReport {
  readonly #options: UpdateReportOptions;
  #memory: Memory;
  /** Told when their turn comes, and forgotten by a restart. */
  #passing: string[] = [];
  /** How often the first verdict that waits was told in vain. */
  #repeats = 0;
  /** Of those that wait, so many were told in this session. */
  #toldNow = 0;
  #isUp = false;
  #nextAtMs = 0;
  #gapTimer: TimerHandle;
  #settledTimer: TimerHandle;

  constructor(options: UpdateReportOptions) {
    this.#options = options;
    this.#memory = recall(options.record);
  }

  /** Also for the verdict that an earlier life left: one that is known is not told again. */
  onVerdict(device: ReportedDevice, offer: Offer, verdict: Verdict): void {
    const text = textOf(device, offer, wordsOf(verdict));
    const { verdicts, steps, waiting } = this.#memory;
    if (!this.#isWanted || text === verdicts[device]) return;
    const { [device]: _, ...otherSteps } = steps;
    this.#dropSteps(device);
    if (waiting.length >= WAITING_MAX) this.#toldNow = Math.max(0, this.#toldNow - 1);
    this.#remember({
      verdicts: { ...verdicts, [device]: text },
      steps: otherSteps,
      waiting: [...waiting, text].slice(-WAITING_MAX),
    });
    this.#pump();
  }

  /** A new update may end as the last one did, and that is told again. */
  onStep(device: ReportedDevice, offer: Offer, step: ReportedStep): void {
    const text = textOf(device, offer, step);
    const { verdicts, steps } = this.#memory;
    const isOfSame = STEPS.some((known) => steps[device] === textOf(device, offer, known));
    const isLate = STEPS.slice(STEPS.indexOf(step)).some((later) => steps[device] === textOf(device, offer, later));
    if (!this.#isWanted || isLate) return;
    const { [device]: _, ...otherVerdicts } = verdicts;
    this.#remember({ verdicts: isOfSame ? verdicts : otherVerdicts, steps: { ...steps, [device]: text } });
    this.#dropSteps(device);
    this.#passing.push(text);
    this.#pump();
  }

  /** An offer that came by itself is not taken. */
  onNotTaken(device: ReportedDevice, offer: Offer, reason: string): void {
    const text = textOf(device, offer, `not taken: ${reason}`);
    const { reasons } = this.#memory;
    if (!this.#isWanted || reasons.includes(text)) return;
    this.#remember({ reasons: [...reasons, text].slice(-REASONS_MAX) });
    this.#passing = [...this.#passing, text].slice(-REASONS_MAX);
    this.#pump();
  }

  onCloudUp(): void {
    this.#isUp = true;
    this.#pump();
  }

  onCloudLost(): void {
    const { clock } = this.#options;
    clock.clear(this.#gapTimer);
    clock.clear(this.#settledTimer);
    this.#isUp = false;
    if (this.#toldNow > 0 && ++this.#repeats >= REPEATS_MAX) this.#forgetTold();
    this.#toldNow = 0;
  }

  close(): void {
    this.onCloudLost();
  }

  get #isWanted(): boolean {
    const { event, metadata, vpin } = this.#options.target;
    return event !== undefined || metadata !== undefined || vpin !== undefined;
  }

  #pump(): void {
    const { clock } = this.#options;
    if (!this.#isUp) return;
    const waiting = this.#memory.waiting[this.#toldNow];
    const text = waiting ?? this.#passing[0];
    if (text === undefined) return;
    clock.clear(this.#gapTimer);
    const earlyMs = this.#nextAtMs - clock.now();
    if (earlyMs > 0) {
      this.#gapTimer = clock.set(() => this.#pump(), Math.ceil(earlyMs));
      return;
    }
    this.#nextAtMs = clock.now() + REPORT_GAP_MS;
    if (waiting === undefined) this.#passing.shift();
    else this.#expectToSettle();
    this.#send(text);
    this.#pump();
  }

  #expectToSettle(): void {
    const { clock } = this.#options;
    this.#toldNow++;
    clock.clear(this.#settledTimer);
    this.#settledTimer = clock.set(() => this.#forgetTold(), SETTLED_MS);
  }

  #forgetTold(): void {
    this.#remember({ waiting: this.#memory.waiting.slice(this.#toldNow) });
    this.#toldNow = 0;
    this.#repeats = 0;
  }

  /** What is over is no news. */
  #dropSteps(device: ReportedDevice): void {
    this.#passing = this.#passing.filter(
      (text) => !(text.startsWith(`${device} `) && STEPS.some((step) => text.endsWith(`: ${step}`))),
    );
  }

  #remember(changes: Partial<Memory>): void {
    this.#memory = { ...this.#memory, ...changes };
    try {
      this.#options.record.write(encodeUtf8(JSON.stringify(this.#memory)));
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

function recall(record: DurableRecord): Memory {
  const stored = record.read();
  const value = stored.kind === "valid" ? parseJson(decodeUtf8(stored.body)) : undefined;
  const { verdicts, steps, reasons, waiting } = isRecord(value) ? value : ({} as Record<string, unknown>);
  return { verdicts: textsIn(verdicts), steps: textsIn(steps), reasons: listIn(reasons), waiting: listIn(waiting) };
}

function textsIn(value: unknown): Texts {
  const { MCU: mcu, Ferry: ferry } = isRecord(value) ? value : ({} as Record<string, unknown>);
  return { ...(typeof mcu === "string" ? { MCU: mcu } : {}), ...(typeof ferry === "string" ? { Ferry: ferry } : {}) };
}

function listIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function textOf(device: ReportedDevice, { version }: Offer, words: string): string {
  return `${device} ${version || "?"}: ${words}`.slice(0, REPORT_LENGTH_MAX);
}

function wordsOf(verdict: Verdict): string {
  if (verdict.kind === "succeeded") return "succeeded";
  const { stage, cause, detail, offset } = verdict.failure;
  return `${verdict.kind}, ${stage}, ${cause}${offset === undefined ? "" : `, at ${offset}`}: ${detail}`;
}
