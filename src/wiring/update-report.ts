/**
 * What becomes of updates, told to the cloud: users of Blynk see "Download Failure" and nothing else; this says stage,
 * cause and offset. The product chooses the way: an event in the device's timeline, a metadata field, a datastream.
 *
 *   "MCU 2.0.0: accepted", "MCU 2.0.0: downloaded", "MCU 2.0.0: transferring", and then one of
 *   "MCU 2.0.0: succeeded", "MCU 2.0.0: failed, transfer, no-answer, at 4096: the MCU did not answer ..."
 *   or, of an offer that came by itself, "MCU 2.0.0: not taken: already installed ..."
 *
 * An offer may leave open whose firmware it brings, and which version: then it is "Update", and the file's name, until
 * the image has said more.
 *
 * A verdict is told at least once: it waits, durably, until a session has lived on for SETTLED_MS after it has left, for
 * neither transport has an answer to it; REPEATS_MAX sessions that broke before are enough. A step is told once for each
 * update, if there is a session, and a reason once. So an update makes a handful of messages, however often the device
 * or the cloud restarts. The uplink asks for reports before anything of the MCU's, so nothing that the MCU does keeps
 * them from leaving.
 */

import { messageOf } from "../base/failure.js";
import { isRecord, parseJson } from "../base/json.js";
import { fileNameOf } from "../base/url.js";
import { decodeUtf8, encodeUtf8 } from "../base/utf8.js";
import type { CloudUplink } from "../cloud/cloud.js";
import type { UplinkSource } from "../cloud/uplink-pump.js";
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

/** "Update": its image has not said yet whose it is. */
export type ReportedDevice = "MCU" | "Ferry" | typeof UNKNOWN;
const UNKNOWN = "Update";
const DEVICES = Object.freeze(["MCU", "Ferry", UNKNOWN] as const);

/** In the order in which they come; one that comes late is not told. */
const STEPS = Object.freeze(["accepted", "downloaded", "transferring"] as const);
export type ReportedStep = (typeof STEPS)[number];

interface DurableRecord {
  read(): { readonly kind: "absent" | "damaged" } | { readonly kind: "valid"; readonly body: Uint8Array };
  write(body: Uint8Array): void;
}

export interface UpdateReportOptions {
  clock: Clock;
  /** Where it leaves. */
  transport: CloudUplink;
  /** Asks for the next report, and has to be woken for it. */
  uplink: { join(source: UplinkSource): void; wake(): void };
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

export class UpdateReport implements UplinkSource {
  readonly #options: UpdateReportOptions;
  #memory: Memory;
  /** Told when their turn comes, and forgotten by a restart. */
  #passing: string[] = [];
  /** How often the first verdict that waits was told in vain. */
  #repeats = 0;
  /** Of those that wait, so many were told in this session. */
  #toldNow = 0;
  /** The report that is leaving, how many of the target's ways it has been through, and by how many it has left. */
  #text = "";
  #tried = 0;
  #left = 0;
  #isUp = false;
  #nextAtMs = 0;
  #gapTimer: TimerHandle;
  #settledTimer: TimerHandle;

  /** Joins the uplink. */
  constructor(options: UpdateReportOptions) {
    this.#options = options;
    this.#memory = recall(options.record);
    options.uplink.join(this);
  }

  /** Also for the verdict that an earlier life left: one that is known is not told again. */
  onVerdict(device: ReportedDevice, offer: Offer, verdict: Verdict): void {
    const text = textOf(device, offer, wordsOf(verdict));
    const { verdicts, waiting } = this.#memory;
    if (!this.#isWanted || text === verdicts[device]) return;
    const { [device]: _, ...otherSteps } = stepsSeenBy(device, offer, this.#memory.steps);
    this.#dropSteps(device, offer);
    if (waiting.length >= WAITING_MAX) this.#toldNow = Math.max(0, this.#toldNow - 1);
    this.#remember({
      verdicts: { ...verdicts, [device]: text },
      steps: otherSteps,
      waiting: [...waiting, text].slice(-WAITING_MAX),
    });
    this.#options.uplink.wake();
  }

  /** A new update may end as the last one did, and that is told again. */
  onStep(device: ReportedDevice, offer: Offer, step: ReportedStep): void {
    const { verdicts } = this.#memory;
    const steps = stepsSeenBy(device, offer, this.#memory.steps);
    const texts = STEPS.map((known) => textOf(device, offer, known));
    const reached = texts.indexOf(steps[device] ?? "");
    const isLate = reached >= STEPS.indexOf(step);
    if (!this.#isWanted || isLate) return;
    const { [device]: _, ...otherVerdicts } = verdicts;
    const isNew = !texts.includes(this.#memory.steps[device] ?? "");
    const text = textOf(device, offer, step);
    this.#remember({ verdicts: isNew ? otherVerdicts : verdicts, steps: { ...steps, [device]: text } });
    this.#dropSteps(device, offer);
    this.#passing.push(text);
    this.#options.uplink.wake();
  }

  /** An offer that came by itself is not taken. */
  onNotTaken(device: ReportedDevice, offer: Offer, reason: string): void {
    const text = textOf(device, offer, `not taken: ${reason}`);
    const { reasons } = this.#memory;
    if (!this.#isWanted || reasons.includes(text)) return;
    this.#remember({ reasons: [...reasons, text].slice(-REASONS_MAX) });
    this.#passing = [...this.#passing, text].slice(-REASONS_MAX);
    this.#options.uplink.wake();
  }

  close(): void {
    this.onCloudLost();
  }

  // ---- as a source of messages --------------------------------------------------------------------------------------

  /** The next of the ways in which the product wants to hear of the next report. */
  get next(): (() => boolean) | undefined {
    const { clock, uplink, target, transport } = this.#options;
    const text = this.#memory.waiting[this.#toldNow] ?? this.#passing[0];
    if (!this.#isUp || text === undefined) return undefined;
    if (text !== this.#text) this.#begin(text);
    const earlyMs = this.#tried > 0 ? 0 : this.#nextAtMs - clock.now();
    if (earlyMs <= 0) return waysOf(target, transport, text)[this.#tried];
    clock.clear(this.#gapTimer);
    this.#gapTimer = clock.set(() => uplink.wake(), Math.ceil(earlyMs));
    return undefined;
  }

  onDone(hasLeft: boolean): void {
    const { clock, target, transport } = this.#options;
    this.#tried++;
    if (hasLeft) this.#left++;
    this.#nextAtMs = clock.now() + REPORT_GAP_MS;
    if (this.#tried < waysOf(target, transport, this.#text).length) return;
    const isVerdict = this.#memory.waiting[this.#toldNow] !== undefined;
    if (!isVerdict) this.#passing.shift();
    else if (this.#left > 0) this.#expectToSettle();
    else this.#isUp = false; // the transport takes nothing: the next session may be better
    this.#begin("");
  }

  onCloudUp(): void {
    this.#isUp = true;
  }

  onCloudLost(): void {
    const { clock } = this.#options;
    clock.clear(this.#gapTimer);
    clock.clear(this.#settledTimer);
    this.#isUp = false;
    this.#begin("");
    if (this.#toldNow > 0 && ++this.#repeats >= REPEATS_MAX) this.#forgetTold();
    this.#toldNow = 0;
  }

  #begin(text: string): void {
    this.#text = text;
    this.#tried = 0;
    this.#left = 0;
  }

  get #isWanted(): boolean {
    const { event, metadata, vpin } = this.#options.target;
    return event !== undefined || metadata !== undefined || vpin !== undefined;
  }

  /** The last way out of several is the one that counts. */
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
  #dropSteps(device: ReportedDevice, offer: Offer): void {
    const isOver = (text: string) => text.startsWith(`${device} `) || text.startsWith(nameOf(UNKNOWN, offer));
    this.#passing = this.#passing.filter((text) => !(isOver(text) && STEPS.some((step) => text.endsWith(`: ${step}`))));
  }

  #remember(changes: Partial<Memory>): void {
    this.#memory = { ...this.#memory, ...changes };
    try {
      this.#options.record.write(encodeUtf8(JSON.stringify(this.#memory)));
    } catch (error) {
      this.#options.onFault(`the report of an update will be told again after a restart: ${messageOf(error)}`);
    }
  }
}

function waysOf({ event, metadata, vpin }: ReportTarget, transport: CloudUplink, text: string): (() => boolean)[] {
  const ways: (() => boolean)[] = [];
  if (event !== undefined) ways.push(() => transport.logEvent(event, text));
  if (metadata !== undefined) ways.push(() => transport.setMetadata(metadata, text));
  if (vpin !== undefined) ways.push(() => transport.virtualWrite(vpin, encodeUtf8(text)));
  return ways;
}

/** An update whose image has said by now whose it is has come as far as it had come before. */
function stepsSeenBy(device: ReportedDevice, offer: Offer, steps: Texts): Texts {
  const { [UNKNOWN]: unknown, ...others } = steps;
  const name = nameOf(UNKNOWN, offer);
  if (device === UNKNOWN || !unknown?.startsWith(name)) return steps;
  return { ...others, [device]: `${nameOf(device, offer)}${unknown.slice(name.length)}` };
}

function recall(record: DurableRecord): Memory {
  const stored = record.read();
  const value = stored.kind === "valid" ? parseJson(decodeUtf8(stored.body)) : undefined;
  const { verdicts, steps, reasons, waiting } = isRecord(value) ? value : ({} as Record<string, unknown>);
  return { verdicts: textsIn(verdicts), steps: textsIn(steps), reasons: listIn(reasons), waiting: listIn(waiting) };
}

function textsIn(value: unknown): Texts {
  const texts: Texts = {};
  if (!isRecord(value)) return texts;
  for (const device of DEVICES) {
    const text = (value as Record<string, unknown>)[device];
    if (typeof text === "string") texts[device] = text;
  }
  return texts;
}

function listIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

function nameOf(device: ReportedDevice, { version, url }: Offer): string {
  return `${device} ${version || fileNameOf(url)}: `;
}

function textOf(device: ReportedDevice, offer: Offer, words: string): string {
  return `${nameOf(device, offer)}${words}`.slice(0, REPORT_LENGTH_MAX);
}

function wordsOf(verdict: Verdict): string {
  if (verdict.kind === "succeeded") return "succeeded";
  const { stage, cause, detail, offset } = verdict.failure;
  return `${verdict.kind}, ${stage}, ${cause}${offset === undefined ? "" : `, at ${offset}`}: ${detail}`;
}
