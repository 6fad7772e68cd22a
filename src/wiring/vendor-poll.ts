/**
 * The vendor's own server as a source of offers: polled while there is a network, beside a cloud or without any.
 *
 * Its offers go the way of a cloud's (standing-offers.ts), so one that comes from both is one update. Where the device
 * has no cloud, an answer of this server is what a login is elsewhere: a new build of Ferry that can still ask for the
 * next one may stay.
 */

import { UpdatePoll, type UpdatePollCounters } from "../cloud/update-poll.js";
import type { HttpPorts } from "../download/fetcher.js";
import type { LifecycleNet } from "../lifecycle/lifecycle.js";
import type { Clock } from "../ports.js";
import type { NcpNews } from "./options.js";
import type { StandingOffers } from "./standing-offers.js";
import type { UpdateInView, UpdatesInView } from "./update-narrator.js";

/** Which file, and how often. */
export interface PollOptions {
  /** Of the JSON file; see docs/cloud.md. */
  readonly url: string;
  /** From INTERVAL_MS_MIN to INTERVAL_MS_MAX. */
  readonly intervalMs: number;
}

export interface VendorPollOptions {
  poll: PollOptions;
  clock: Clock;
  random(): number;
  network: HttpPorts;
  offers: Pick<StandingOffers, "take" | "isInstalled">;
  updates: UpdatesInView;
  /** Whether there is one to log in to. */
  hasCloud(): boolean;
  /** Whether a new build of Ferry has to show that it can be updated again. */
  isProving(): boolean;
  /** In place of the cloud that there is not. */
  onCloudAccepted(): void;
  onNews(news: NcpNews): void;
}

export class VendorPoll {
  readonly #poll: UpdatePoll;

  constructor(options: VendorPollOptions) {
    const { clock, network, poll, offers, updates } = options;
    this.#poll = new UpdatePoll({
      clock,
      ...network,
      ...poll,
      random: () => options.random(),
      isInstalled: (offer) => offers.isInstalled(offer),
      isBusy: () => isAtWork(updates.mcu) || isAtWork(updates.own),
      isUrgent: () => !options.hasCloud() && options.isProving(),
      onOffer: (offer) => offers.take(offer),
      onAnswer: () => {
        if (!options.hasCloud()) options.onCloudAccepted();
      },
      onFailed: (problem) => options.onNews({ kind: "poll-failed", problem }),
    });
  }

  get counters(): UpdatePollCounters {
    return this.#poll.counters;
  }

  /** The same network, which this poll is up and down with. */
  alongWith(net: LifecycleNet): LifecycleNet {
    const poll = this.#poll;
    return {
      start: (events) =>
        net.start({
          onUp: () => {
            poll.start();
            events.onUp();
          },
          onFailed: (code) => events.onFailed(code),
          onLost: () => {
            poll.stop();
            events.onLost();
          },
        }),
      stop: () => {
        poll.stop();
        net.stop();
      },
    };
  }

  close(): void {
    this.#poll.stop();
  }
}

/**
 * Whether an update has the network, and with it the memory that TLS takes, or would not give way to another offer
 * anyhow. One that waits for its MCU, perhaps for a day, is no reason not to look for a newer one.
 */
function isAtWork({ phase, staging }: UpdateInView): boolean {
  if (staging === "fetching" || phase === "serving" || phase === "returning") return true;
  return phase === "staging" || phase === "checking" || phase === "installing" || phase === "restarting";
}
