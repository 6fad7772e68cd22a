/** What the news of updates are in a report to the cloud. */

import type { Offer } from "../image/offer.js";
import type { Target } from "../image/target.js";
import type { SelfPhase } from "../update/self-update-state.js";
import type { Phase, StagingPhase } from "../update/update-state.js";
import type { Verdict } from "../update/verdict.js";
import type { NcpNews } from "./options.js";
import type { ReportedDevice, ReportedStep, UpdateReport } from "./update-report.js";

/** An update, under way or ended, as its updater knows it. */
export interface UpdateInView {
  readonly phase?: Phase | SelfPhase;
  readonly staging?: StagingPhase;
  readonly offer?: Offer;
  readonly verdict?: Verdict;
}

export interface UpdatesInView {
  readonly mcu: UpdateInView;
  /** Ferry's own, and what has not said yet whose it is. */
  readonly own: UpdateInView;
  /** `undefined` as long as only the image can tell. */
  targetOf(offer: Offer): Target | undefined;
}

export class UpdateNarrator {
  readonly #report: UpdateReport;
  readonly #updates: UpdatesInView;

  constructor(report: UpdateReport, updates: UpdatesInView) {
    this.#report = report;
    this.#updates = updates;
  }

  onNews(news: NcpNews): void {
    const { mcu, own } = this.#updates;
    switch (news.kind) {
      case "phase":
        if (news.phase === "queued" || news.phase === "offering") this.#onStep(mcu, "accepted");
        else if (news.phase === "serving") this.#onStep(mcu, "transferring");
        return;
      case "staged":
        return this.#onStep(mcu, "downloaded");
      case "verdict":
        return this.#onVerdict(news);
      case "self-phase":
        // What may turn out to be the MCU's, and installed already, is accepted when that is known not to be so.
        if (own.offer && this.#updates.targetOf(own.offer) !== "ncp") return;
        if (news.phase === "queued" || news.phase === "staging") this.#onStep(own, "accepted");
        else if (news.phase === "checking") this.#onStep(own, "downloaded");
        else if (news.phase === "installing") this.#onStep(own, "transferring");
        return;
      case "self-verdict":
        return this.#onVerdict(news);
    }
  }

  onNotTaken(offer: Offer, reason: string): void {
    this.#report.onNotTaken(this.#deviceOf(offer), offer, reason);
  }

  /** Those of an earlier life: known ones are not told again. */
  recallVerdicts(): void {
    const { mcu, own } = this.#updates;
    this.#onVerdict(mcu);
    this.#onVerdict(own);
  }

  #onVerdict({ offer, verdict }: UpdateInView): void {
    if (offer && verdict) this.#report.onVerdict(this.#deviceOf(offer), offer, verdict);
  }

  #onStep({ offer }: UpdateInView, step: ReportedStep): void {
    if (offer) this.#report.onStep(this.#deviceOf(offer), offer, step);
  }

  #deviceOf(offer: Offer): ReportedDevice {
    const target = this.#updates.targetOf(offer);
    if (target === undefined) return "Update";
    return target === "ncp" ? "Ferry" : "MCU";
  }
}
