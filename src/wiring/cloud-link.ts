/**
 * The cloud as the lifecycle brings it up and down: a transport, who logs in on it, and to whom what comes over it goes.
 * In each session the first that leaves is who the device is, then the questions for the time, which are repeated every
 * TIME_REFRESH_MS.
 */

import { FailureCode } from "../base/failure-code.js";
import type { CloudAccess, CloudEvents, CloudIdentity, CloudTime, CloudTransport } from "../cloud/cloud.js";
import type { Uplink } from "../cloud/uplink.js";
import type { UplinkSource } from "../cloud/uplink-pump.js";
import type { Offer } from "../image/offer.js";
import type { CloudLinkEvents, LifecycleCloud } from "../lifecycle/lifecycle.js";
import type { Clock, TimerHandle } from "../ports.js";

export const TIME_REFRESH_MS = 6 * 3_600_000;

export interface CloudLinkOptions {
  clock: Clock;
  transport: CloudTransport;
  uplink: Uplink;
  /** `undefined` without a token. */
  access(): CloudAccess | undefined;
  /** Whether it may stay without one. */
  isOptional: boolean;
  readonly mcu: { readonly identity: CloudIdentity };
  readonly pins: { add(vpin: number, value: Uint8Array): void };
  readonly offers: { take(offer: Offer): void };
  readonly whereabouts: Pick<CloudEvents, "onTime" | "onLocation">;
  onAccepted(): void;
  /** The cloud asks for a restart. */
  onReboot(): void;
  /** The cloud asks for a new first setup. */
  onReconfigure(): void;
}

export class CloudLink implements LifecycleCloud, CloudEvents, UplinkSource {
  readonly #options: CloudLinkOptions;
  #events: CloudLinkEvents | undefined;
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
    const { clock, transport, access, isOptional } = this.#options;
    const place = access();
    if (!place) {
      clock.set(() => (isOptional ? events.onAbsent() : events.onFailed(FailureCode.CONFIG)), 0);
      return;
    }
    this.#events = events;
    transport.start(place, this);
  }

  stop(): void {
    this.#options.uplink.onCloudLost();
    this.#options.transport.stop();
  }

  refresh(): void {
    this.#owesIdentity = true;
    this.#options.uplink.wake();
  }

  // ---- what the transport tells -------------------------------------------------------------------------------------

  onUp(): void {
    this.#options.onAccepted();
    this.#events?.onUp();
    this.#options.uplink.onCloudUp();
  }

  onFailed(code: FailureCode): void {
    this.#events?.onFailed(code);
  }

  onLost(): void {
    this.#options.uplink.onCloudLost();
    this.#events?.onLost();
  }

  onPin(vpin: number, value: Uint8Array): void {
    this.#options.pins.add(vpin, value);
  }

  onOffer(offer: Offer): void {
    this.#options.offers.take(offer);
  }

  onTime(time: CloudTime): void {
    this.#options.whereabouts.onTime(time);
  }

  onLocation(latitude: string, longitude: string): void {
    this.#options.whereabouts.onLocation(latitude, longitude);
  }

  /** For Edgent's own settings; no call of the protocol takes it to the MCU. */
  onMetadata(): void {}

  onReboot(): void {
    this.#options.onReboot();
  }

  onReconfigure(): void {
    this.#options.onReconfigure();
  }

  // ---- as a source of messages --------------------------------------------------------------------------------------

  get next(): (() => boolean) | undefined {
    const { transport, mcu } = this.#options;
    if (this.#owesIdentity) return () => transport.tellIdentity(mcu.identity);
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
