/**
 * The cloud as the lifecycle brings it up and down: a transport, who logs in on it, and what comes and goes over it.
 * Asks for the time on each login and every TIME_REFRESH_MS after that.
 */

import { FailureCode } from "../base/failure-code.js";
import type { CloudAccess, CloudEvents, CloudIdentity, CloudTransport } from "../cloud/cloud.js";
import type { Uplink } from "../cloud/uplink.js";
import type { LifecycleCloud, LinkEvents } from "../lifecycle/lifecycle.js";
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
  identity(): CloudIdentity;
  news: CloudNews;
  onAccepted(): void;
}

export class CloudLink implements LifecycleCloud {
  readonly #options: CloudLinkOptions;
  #refreshTimer: TimerHandle;

  constructor(options: CloudLinkOptions) {
    this.#options = options;
  }

  start(events: LinkEvents): void {
    const { clock, transport, uplink, access, identity, news, onAccepted } = this.#options;
    const place = access();
    if (!place) {
      clock.set(() => events.onFailed(FailureCode.CONFIG), 0);
      return;
    }
    transport.start(place, identity(), {
      ...news,
      onUp: () => {
        onAccepted();
        events.onUp();
        this.#askTime();
        uplink.onCloudUp();
      },
      onFailed: (code) => events.onFailed(code),
      onLost: () => {
        this.#rest();
        events.onLost();
      },
    });
  }

  stop(): void {
    this.#rest();
    this.#options.transport.stop();
  }

  refresh(): void {
    this.#options.transport.refresh(this.#options.identity());
  }

  #rest(): void {
    this.#options.clock.clear(this.#refreshTimer);
    this.#options.uplink.onCloudLost();
  }

  #askTime(): void {
    const { clock, transport } = this.#options;
    transport.askTime();
    this.#refreshTimer = clock.set(() => this.#askTime(), TIME_REFRESH_MS);
  }
}
