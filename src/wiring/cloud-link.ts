/**
 * The cloud as the lifecycle brings it up and down: a transport, who logs in on it, and what comes and goes over it.
 * In each session the first that leaves is who the device is, then the questions for the time, which are repeated every
 * TIME_REFRESH_MS.
 */

import { FailureCode } from "../base/failure-code.js";
import type { CloudAccess, CloudEvents, CloudIdentity, CloudTransport } from "../cloud/cloud.js";
import type { Uplink } from "../cloud/uplink.js";
import type { UplinkSource } from "../cloud/uplink-pump.js";
import type { CloudLinkEvents, LifecycleCloud } from "../lifecycle/lifecycle.js";
import type { Clock, TimerHandle } from "../ports.js";

export const TIME_REFRESH_MS = 6 * 3_600_000;

/** What the cloud says once it is up. */
export type CloudNews = Omit<CloudEvents, "onUp" | "onFailed" | "onLost">;

export interface CloudLinkOptions {
  clock: Clock;
  transport: CloudTransport;
  uplink: Uplink;
  /** `undefined` without a token. */
  access(): CloudAccess | undefined;
  /** Whether it may stay without one. */
  isOptional: boolean;
  identity(): CloudIdentity;
  news: CloudNews;
  onAccepted(): void;
}

export class CloudLink implements LifecycleCloud, UplinkSource {
  readonly #options: CloudLinkOptions;
  #owesIdentity = false;
  /** How many of the transport's questions for the time have been asked. */
  #asked = 0;
  #refreshTimer: TimerHandle;

  /** Joins the uplink. */
  constructor(options: CloudLinkOptions) {
    this.#options = options;
    options.uplink.join(this);
  }

  start(events: CloudLinkEvents): void {
    const { clock, transport, uplink, access, isOptional, news, onAccepted } = this.#options;
    const place = access();
    if (!place) {
      clock.set(() => (isOptional ? events.onAbsent() : events.onFailed(FailureCode.CONFIG)), 0);
      return;
    }
    transport.start(place, {
      ...news,
      onUp: () => {
        onAccepted();
        events.onUp();
        uplink.onCloudUp();
      },
      onFailed: (code) => events.onFailed(code),
      onLost: () => {
        uplink.onCloudLost();
        events.onLost();
      },
    });
  }

  stop(): void {
    this.#options.uplink.onCloudLost();
    this.#options.transport.stop();
  }

  refresh(): void {
    this.#owesIdentity = true;
    this.#options.uplink.wake();
  }

  // ---- as a source of messages --------------------------------------------------------------------------------------

  get next(): (() => boolean) | undefined {
    const { transport, identity } = this.#options;
    if (this.#owesIdentity) return () => transport.tellIdentity(identity());
    return transport.timeQuestions[this.#asked];
  }

  onDone(): void {
    if (this.#owesIdentity) this.#owesIdentity = false;
    else this.#asked++;
  }

  onCloudUp(): void {
    this.#owesIdentity = true;
    this.#askTime();
  }

  onCloudLost(): void {
    this.#options.clock.clear(this.#refreshTimer);
  }

  #askTime(): void {
    const { clock, uplink } = this.#options;
    this.#asked = 0;
    this.#refreshTimer = clock.set(() => {
      this.#askTime();
      uplink.wake();
    }, TIME_REFRESH_MS);
  }
}
