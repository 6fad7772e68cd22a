/**
 * Which of the offers that come by themselves are taken. Clouds offer again at each login, and polls each time, until
 * the device names the new version (blynk-ncp.md, 4(e)), and nobody stands beside it: what is installed must not be
 * installed again, and what has failed must not be tried in a loop.
 *
 * A way that fails (no network, a silent MCU) may be better tomorrow; an image that the device has given back never is.
 * The rule is an ordered table, the first row that fits wins, and docs/recovery.md shows it. Offers by hand do not come
 * here. URLs rotate and versions may be missing, so an offer is held against three things that it may share with an
 * entry: the digest, the name (image/offer.ts), the firmware's names; and once more when its image is staged, against
 * the content itself (ruleForContent). What became of each content is kept in a record:
 *
 *   entry, the oldest first | u32 digest | u32 name | u32 firmware | u32 content | u8 outcome | u8 tries | u32 seconds |
 *
 * The keys are CRC-32s, and 0 is none; the content's is of its SHA-256. Bit 7 of the outcome: of Ferry itself. The
 * seconds are since the last verdict; as in download/budget.ts, time is time that Ferry is up.
 *
 * Fault model: power cut anywhere (a verdict is noted again in the next life, so at worst a failure is not counted, and
 * a pause becomes longer), record absent or damaged (nothing is remembered, so at worst an image is tried once more).
 */

import { ByteReader, ByteWriter } from "../base/bytes.js";
import type { Crc32 } from "../base/crc.js";
import { type Cause, messageOf } from "../base/failure.js";
import { deepFreeze } from "../base/freeze.js";
import { encodeUtf8 } from "../base/utf8.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import { nameOfContent, nameOfFirmware, type Offer } from "../image/offer.js";
import type { Clock, TimerHandle } from "../ports.js";
import type { DurableRecord } from "./update-needs.js";
import { sameFirmware, type Verdict } from "./verdict.js";

/** So often an update may fail before its content rests. */
export const FAILED_TRIES_MAX = 3;
/** So long after the last failure, all are forgotten. */
export const FAILED_REST_MS = 24 * 3_600_000;
/** So often an image may be given back, where it comes under another name: a damaged slot gets its second chance. */
export const REJECTED_TRIES_MAX = 2;
/** While a content rests, so often the time becomes durable. */
export const REST_KEEP_MS = 15 * 60_000;
/** Contents that are remembered: the one whose last verdict is longest ago is forgotten. */
export const CONTENTS_MAX = 8;

/** What is known of an offer. "coming": an update to the same version, offered from another place, is under way. */
export type OfferFinding = "under way" | "coming" | "running" | "installed" | "rejected" | "failing" | "any";

export interface OfferRule {
  readonly found: OfferFinding;
  readonly taken: boolean;
  /** For people: why not, or what happens. */
  readonly answer: string;
}

export const OFFER_RULES: readonly OfferRule[] = deepFreeze<OfferRule[]>([
  { found: "under way", taken: true, answer: "the update goes on, from the new URL if it is another" },
  { found: "coming", taken: false, answer: "this version is under way already, from another place" },
  { found: "running", taken: false, answer: "already installed: the device names this type and version" },
  { found: "installed", taken: false, answer: "already installed: this image was delivered before" },
  {
    found: "rejected",
    taken: false,
    answer: "this image was rolled back or did not fit before; it takes another build, or an offer by force",
  },
  {
    found: "failing",
    taken: false,
    answer: `this image failed ${FAILED_TRIES_MAX} times; it is taken again a day after the last failure`,
  },
  { found: "any", taken: true, answer: "the update begins" },
]);

/** Failures that lie in the image, or in what the device makes of it. */
const FINAL_CAUSES: readonly Cause[] = deepFreeze<Cause[]>([
  "mismatch",
  "wrong-chip",
  "not-newer",
  "untrusted",
  "tried-before",
  "wrong-version",
  "no-return",
]);

/** As stored: the index. */
const OUTCOMES = deepFreeze(["installed", "rejected", "failed"] as const);
type Outcome = (typeof OUTCOMES)[number];

const ENTRY_BYTES = 22;
const OWN_FLAG = 0x80;
const TRIES_MAX = 0xff;

/** What offers and entries are told apart by; 0: not known. */
interface Keys {
  readonly digest: number;
  readonly name: number;
  readonly firmware: number;
  readonly content: number;
}

interface Entry extends Keys {
  readonly outcome: Outcome;
  /** Of Ferry itself. */
  readonly isOwn: boolean;
  /** That failed, or were given back, in a row. */
  readonly tries: number;
  /** By this life's clock: before its begin for what an earlier life saw. */
  readonly lastMs: number;
}

export interface OfferBookOptions {
  clock: Clock;
  crc32: Crc32;
  record: DurableRecord;
  onFault(detail: string): void;
}

export class OfferBook {
  readonly #options: OfferBookOptions;
  /** The oldest first. */
  #entries: readonly Entry[];
  #timer: TimerHandle;

  /** Takes up what the last life noted. */
  constructor(options: OfferBookOptions) {
    this.#options = options;
    this.#entries = this.#recall();
    this.#keepTime();
  }

  /**
   * @param running what the offer's device names of itself, if anything
   * @param seen what the update that is under way, or was the last one, says of it
   */
  ruleFor(offer: Offer, running: FirmwareInfo | undefined, seen: OfferFinding | undefined): OfferRule {
    return ruleOf(seen ?? this.#find(offer, running));
  }

  /**
   * Whether only the content can tell if it is new: it names no version, or an image of the same names has ended before.
   * Then the device should not hear of it before ruleForContent() was asked.
   */
  isDoubtful(offer: Offer): boolean {
    if (offer.sha256 !== undefined) return false;
    return !offer.version || this.#namesakes(this.#keysOf(offer)).length > 0;
  }

  /** The same for an image that is staged: by its bytes, whatever the offer calls them. */
  ruleForContent(offer: Offer, sha256: string, running: FirmwareInfo | undefined): OfferRule {
    const content = this.#hashOf(sha256);
    const entry = this.#entries.find((candidate) => candidate.content === content);
    if (entry?.outcome === "rejected") return ruleOf(entry.tries >= REJECTED_TRIES_MAX ? "rejected" : "any");
    return ruleOf(entry ? this.#findBy(entry, offer, running) : "any");
  }

  /** A verdict, as it falls; it may correct an earlier one. `sha256`: of the image, where it is known. */
  note(offer: Offer, verdict: Verdict, sha256?: string): void {
    const outcome = outcomeOf(verdict);
    const keys = this.#keysOf(offer, sha256);
    const before = this.#entryOf(keys);
    if (before && isOldNews(verdict)) return;
    const isOwn = offer.target === "ncp";
    // Of those that were installed, the device runs the last one.
    const isGone = (entry: Entry) => outcome === "installed" && entry.outcome === "installed" && entry.isOwn === isOwn;
    const others = this.#entries.filter((entry) => entry !== before && !isGone(entry));
    const entry = {
      ...keys,
      outcome,
      isOwn,
      tries: this.#triesAfter(before, outcome),
      lastMs: this.#options.clock.now(),
    };
    this.#entries = [...others, entry].slice(-CONTENTS_MAX);
    this.#save();
    this.#keepTime();
  }

  /** A verdict that an earlier life has left, and may have noted or not. */
  noteAgain(offer: Offer, verdict: Verdict, sha256?: string): void {
    if (this.#entryOf(this.#keysOf(offer, sha256))?.outcome !== outcomeOf(verdict)) this.note(offer, verdict, sha256);
  }

  close(): void {
    this.#options.clock.clear(this.#timer);
  }

  #find(offer: Offer, running: FirmwareInfo | undefined): OfferFinding {
    if (running && names(running, offer)) return "running";
    const keys = this.#keysOf(offer);
    const entry = this.#entryOf(keys);
    if (entry) return this.#findBy(entry, offer, running);
    const namesakes = this.#namesakes(keys);
    const triesThat = (outcome: Outcome) =>
      namesakes.reduce((sum, one) => sum + (one.outcome === outcome ? this.#countedTries(one) : 0), 0);
    if (triesThat("rejected") >= REJECTED_TRIES_MAX) return "rejected";
    return triesThat("failed") >= FAILED_TRIES_MAX ? "failing" : "any";
  }

  #findBy(entry: Entry, offer: Offer, running: FirmwareInfo | undefined): OfferFinding {
    switch (entry.outcome) {
      case "installed":
        // Somebody may have put other firmware there since.
        return offer.version && running?.version && !sameFirmware(running, offer) ? "any" : "installed";
      case "rejected":
        return "rejected";
      case "failed":
        return this.#countedTries(entry) >= FAILED_TRIES_MAX ? "failing" : "any";
    }
  }

  /** Those that still count. */
  #countedTries({ outcome, tries, lastMs }: Entry): number {
    return outcome === "failed" && this.#options.clock.now() - lastMs >= FAILED_REST_MS ? 0 : tries;
  }

  #triesAfter(before: Entry | undefined, outcome: Outcome): number {
    if (outcome === "installed") return 0;
    return Math.min(TRIES_MAX, 1 + (before?.outcome === outcome ? this.#countedTries(before) : 0));
  }

  /** The same image: by its bytes where both sides know them, else by its name. */
  #entryOf({ digest, name, content }: Keys): Entry | undefined {
    return this.#entries.find((entry) => {
      if (content && entry.content) return content === entry.content;
      return digest && entry.digest ? digest === entry.digest : name === entry.name;
    });
  }

  /** Images of the same type, version, build and size that may be the same, or another try at it. */
  #namesakes({ digest, firmware }: Keys): Entry[] {
    return this.#entries.filter(
      (entry) => firmware !== 0 && entry.firmware === firmware && !(digest && entry.digest && digest !== entry.digest),
    );
  }

  #keysOf(offer: Offer, sha256 = offer.sha256): Keys {
    const digest = offer.sha256 ?? offer.md5;
    const firmware = nameOfFirmware(offer);
    return {
      digest: digest ? this.#hashOf(digest) : 0,
      name: this.#hashOf(nameOfContent(offer)),
      firmware: firmware ? this.#hashOf(firmware) : 0,
      content: sha256 ? this.#hashOf(sha256) : 0,
    };
  }

  #hashOf(text: string): number {
    return this.#options.crc32(encodeUtf8(text.toLowerCase()));
  }

  /** Nothing but a rest needs the time. */
  #keepTime(): void {
    const { clock } = this.#options;
    clock.clear(this.#timer);
    const rests = (entry: Entry) => entry.outcome === "failed" && this.#countedTries(entry) >= FAILED_TRIES_MAX;
    if (!this.#entries.some(rests)) return;
    this.#timer = clock.set(() => {
      this.#save();
      this.#keepTime();
    }, REST_KEEP_MS);
  }

  #save(): void {
    const nowMs = this.#options.clock.now();
    const writer = new ByteWriter(CONTENTS_MAX * ENTRY_BYTES);
    for (const { digest, name, firmware, content, outcome, isOwn, tries, lastMs } of this.#entries) {
      for (const key of [digest, name, firmware, content]) writer.u32(key);
      writer.u8(OUTCOMES.indexOf(outcome) | (isOwn ? OWN_FLAG : 0));
      writer.u8(tries);
      writer.u32(Math.floor((nowMs - lastMs) / 1000));
    }
    try {
      this.#options.record.write(writer.copy());
    } catch (error) {
      this.#options.onFault(`what became of an offer is forgotten at the next restart: ${messageOf(error)}`);
    }
  }

  #recall(): Entry[] {
    const { clock, record } = this.#options;
    const stored = record.read();
    if (stored.kind !== "valid" || stored.body.length % ENTRY_BYTES !== 0) return [];
    const reader = new ByteReader(stored.body);
    const entries: Entry[] = [];
    while (reader.remaining >= ENTRY_BYTES && entries.length < CONTENTS_MAX) {
      const keys = { digest: reader.u32(), name: reader.u32(), firmware: reader.u32(), content: reader.u32() };
      const flags = reader.u8();
      const outcome = OUTCOMES[flags & ~OWN_FLAG];
      const tries = reader.u8();
      const lastMs = clock.now() - 1000 * reader.u32();
      if (outcome) entries.push({ ...keys, outcome, isOwn: (flags & OWN_FLAG) !== 0, tries, lastMs });
    }
    return entries;
  }
}

function ruleOf(found: OfferFinding): OfferRule {
  return OFFER_RULES.find((rule) => rule.found === found) as OfferRule;
}

/** It was left alone for what had become of it before: that still holds. */
function isOldNews(verdict: Verdict): boolean {
  return verdict.kind === "failed" && verdict.failure.cause === "tried-before";
}

function outcomeOf(verdict: Verdict): Outcome {
  if (verdict.kind === "succeeded") return "installed";
  if (verdict.kind === "rolled-back") return "rejected";
  return FINAL_CAUSES.includes(verdict.failure.cause) ? "rejected" : "failed";
}

/**
 * Whether two offers are of one version, as far as both say: a cloud and a poll may offer it at the same time, each from
 * its own place, and only one of them with a digest. Where both have one, that has told already (sameContent).
 */
export function sameVersion(a: Offer, b: Offer): boolean {
  if (a.sizeBytes !== b.sizeBytes || (a.sha256 && b.sha256) || (a.md5 && b.md5)) return false;
  return names(a, b);
}

/** Whether a device that says this of itself runs what is offered, as far as both say. */
function names(running: FirmwareInfo, offer: FirmwareInfo): boolean {
  if (!running.version || (running.type && offer.type && running.type !== offer.type)) return false;
  return sameFirmware(running, offer);
}
