/**
 * Offers that come by themselves, from a cloud or a poll, again and again: each is held against what is known of its
 * content (update/offer-book.ts) before an updater hears of it.
 */

import type { Crc32 } from "../base/crc.js";
import type { FirmwareInfo } from "../image/info-tag.js";
import type { Offer } from "../image/offer.js";
import type { Clock } from "../ports.js";
import type { DurableRecord } from "../settings/stored-value.js";
import { OfferBook, type OfferFinding, type OfferRule, sameVersion } from "../update/offer-book.js";
import type { Verdict } from "../update/verdict.js";
import type { NcpNews } from "./options.js";
import type { UpdateInView, UpdatesInView } from "./update-narrator.js";

/** What ncp.ts knows of offers. */
export interface OfferDesk {
  /** Says why not, or nothing when it was taken or is being worked on already. */
  take(offer: Offer): string | undefined;
  /** There is no verdict on this content yet, and there will be one. */
  isUnderWay(offer: Offer): boolean;
  /** What the offer's device runs, as it says itself. */
  runningFor(offer: Offer): FirmwareInfo | undefined;
  /** SHA-256, in hexadecimal, of its image, where that is staged. */
  digestOf(offer: Offer): string | undefined;
}

export interface StandingOffersOptions {
  clock: Clock;
  crc32: Crc32;
  record: DurableRecord;
  desk: OfferDesk;
  updates: UpdatesInView;
  onNotTaken(offer: Offer, reason: string): void;
  onFault(detail: string): void;
}

export class StandingOffers {
  readonly #options: StandingOffersOptions;
  readonly #book: OfferBook;

  constructor(options: StandingOffersOptions) {
    this.#options = options;
    this.#book = new OfferBook(options);
  }

  take(offer: Offer): void {
    const { desk, onNotTaken } = this.#options;
    const rule = this.#ruleFor(offer);
    const problem = rule.taken ? desk.take({ ...offer, standing: true }) : rule.answer;
    if (problem !== undefined) onNotTaken(offer, problem);
  }

  /** Whether the device runs it, or has got it before: nothing to speak of, where it is offered for good. */
  isInstalled(offer: Offer): boolean {
    const { found } = this.#ruleFor(offer);
    return found === "running" || found === "installed";
  }

  /** Only its content can tell whether it is new: it is to be staged before the MCU hears of it. */
  isDoubtful(offer: Offer): boolean {
    return offer.standing === true && this.#book.isDoubtful(offer);
  }

  /** Its image is staged. Says why it is to be left alone, or nothing; offers by hand are never. */
  objectionTo(offer: Offer, sha256: string): string | undefined {
    if (!offer.standing) return undefined;
    const rule = this.#book.ruleForContent(offer, sha256, this.#options.desk.runningFor(offer));
    return rule.taken ? undefined : rule.answer;
  }

  onNews(news: NcpNews): void {
    const { desk } = this.#options;
    if (news.kind !== "verdict" && news.kind !== "self-verdict") return;
    this.#book.note(news.offer, news.verdict, desk.digestOf(news.offer));
  }

  /** A verdict of an earlier life. */
  recall(offer: Offer, verdict: Verdict): void {
    this.#book.noteAgain(offer, verdict, this.#options.desk.digestOf(offer));
  }

  close(): void {
    this.#book.close();
  }

  #ruleFor(offer: Offer): OfferRule {
    const running = this.#options.desk.runningFor(offer);
    return this.#book.ruleFor(offer, running, this.#seenOf(offer, running?.version ?? ""));
  }

  /** What comes from two places at once, from one of them perhaps without a digest, is one update all the same. */
  #seenOf(offer: Offer, runningVersion: string): OfferFinding | undefined {
    const { desk, updates } = this.#options;
    if (desk.isUnderWay(offer)) return "under way";
    const view = [updates.mcu, updates.own].find((known) => known.offer && sameVersion(known.offer, offer));
    if (!view) return undefined;
    if (!view.verdict) return isStuck(view) ? undefined : "coming";
    return view.verdict.kind === "succeeded" && runningVersion === "" ? "installed" : undefined;
  }
}

/** It cannot go on from its own place now: the other may be better. */
function isStuck({ staging }: UpdateInView): boolean {
  return staging === "held" || staging === "failed" || staging === "refused";
}
