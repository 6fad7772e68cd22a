/**
 * Performs what the lifecycle machine decides: brings network and cloud up and down, opens and closes config, keeps the
 * MCU informed.
 *
 * A try that was stopped has nothing to say any more: what its port still reports is dropped. The state is repeated
 * every STATE_REPEAT_MS, because its notification has no answer and an Arduino host never asks for it while there is
 * traffic: one lost frame would leave the MCU with a wrong state for ever.
 */

import type { FailureCode } from "../base/failure-code.js";
import type { Clock, TimerHandle } from "../ports.js";
import { stepLifecycle } from "./lifecycle-machine.js";
import {
  bootState,
  isConfigTimeout,
  isSkipLimit,
  type LifecycleEffect,
  type LifecycleEvent,
  type LifecycleState,
  type Phase,
} from "./lifecycle-state.js";

export const STATE_REPEAT_MS = 30_000;
/** A pause before a retry is up to so much longer by chance: a fleet that lost its cloud should not return as one. */
const RETRY_JITTER = 0.5;
/** The cloud's at least by this: it is the one thing that all of them have in common. */
const CLOUD_SPREAD_MS = 10_000;

/** What a network or a cloud says of one start(). */
export interface LinkEvents {
  onUp(): void;
  onFailed(code: FailureCode): void;
  /** After onUp only. */
  onLost(): void;
}

/** Joins the best of the known networks. */
export interface LifecycleNet {
  /** Calls back later, never from inside. One start at a time. */
  start(events: LinkEvents): void;
  /** Idempotent. */
  stop(): void;
}

export interface CloudLinkEvents extends LinkEvents {
  /** There is none to log in to, and the product can do without. */
  onAbsent(): void;
}

export interface LifecycleCloud {
  /** Calls back later, never from inside. One start at a time. */
  start(events: CloudLinkEvents): void;
  /** Idempotent. */
  stop(): void;
  /** The MCU has named itself anew. */
  refresh(): void;
}

/** The ways in which a person can give Ferry its settings: an access point and its page, BLE. */
export interface LifecycleSetup {
  open(): void;
  close(): void;
}

export interface LifecycleSettings {
  /** See the state's member of that name. */
  readonly configured: boolean;
  /** Another number whenever what leads to the cloud has changed. */
  readonly revision: number;
  readonly skips: number;
  storeSkips(skips: number): void;
  /** The candidate becomes what is stored. */
  commit(): void;
  dropCandidate(): void;
  /** Networks and token; the rest stays. */
  eraseConfig(): void;
}

export interface LifecycleOptions {
  clock: Clock;
  /** In [0, 1). */
  random(): number;
  net: LifecycleNet;
  cloud: LifecycleCloud;
  setup: LifecycleSetup;
  settings: LifecycleSettings;
  /** Networks and token are gone, and the rest of the configuration should go with them. */
  onConfigErased(): void;
  /** Tells the MCU. */
  announce(): void;
  /** The first login with new settings. */
  onProvisioned(): void;
  onPhase(phase: Phase, lastError: FailureCode | undefined): void;
}

export class Lifecycle {
  readonly #options: LifecycleOptions;
  #state: LifecycleState;
  #isClosed = false;
  #wait: TimerHandle;
  #repeat: TimerHandle;
  /** Which start() of each port may still speak. */
  #netStart = 0;
  #cloudStart = 0;
  /** Of the settings that the network was joined with. */
  #revision = 0;

  constructor(options: LifecycleOptions) {
    this.#options = options;
    this.#state = bootState(options.settings);
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  get initialized(): boolean {
    return this.#state.phase !== "not-initialized";
  }

  /** As the settings have it, or as the cloud has accepted them where they could not be stored. */
  get configured(): boolean {
    return this.#state.configured;
  }

  get lastError(): FailureCode | undefined {
    return this.#state.lastError;
  }

  onMcuInitialized(): void {
    this.#handle({ kind: "initialized" });
    if (!this.#isClosed) this.#repeatLater();
  }

  onMcuLost(): void {
    this.#options.clock.clear(this.#repeat);
    this.#handle({ kind: "mcu-lost" });
  }

  /** See the event of that name. */
  onMcuGone(): void {
    this.#handle({ kind: "mcu-gone" });
  }

  startConfig(): void {
    this.#handle({ kind: "config-start" });
  }

  stopConfig(): void {
    this.#handle({ kind: "config-stop" });
  }

  resetConfig(): void {
    this.#handle({ kind: "config-reset" });
  }

  /** False, and nothing changes, when out of bounds. */
  setConfigTimeout(seconds: number): boolean {
    if (!isConfigTimeout(seconds)) return false;
    this.#handle({ kind: "set-config-timeout", seconds });
    return true;
  }

  /** False, and nothing changes, when out of bounds. */
  setSkipLimit(count: number): boolean {
    if (!isSkipLimit(count)) return false;
    this.#handle({ kind: "set-skip-limit", count });
    return true;
  }

  onUserActive(): void {
    this.#handle({ kind: "user-active" });
  }

  /** The candidate is to be tried. */
  onProvisioned(): void {
    this.#handle({ kind: "provisioned" });
  }

  /** See the event of that name. */
  onPlaceChanged(): void {
    this.#handle({ kind: "place-changed" });
  }

  /** Networks or token were stored or removed. */
  onSettingsChanged(): void {
    this.#handle({ kind: "settings-changed", configured: this.#options.settings.configured });
  }

  /** Goes online with what is stored, as far as Ferry is not online with it already. */
  connect(): void {
    this.#handle({ kind: "connect", changed: this.#options.settings.revision !== this.#revision });
  }

  /** As after a boot: all that was set is forgotten, and what is stored counts. */
  restart(): void {
    this.close();
    this.#isClosed = false;
    this.#state = bootState(this.#options.settings);
  }

  /** Nothing is on the air, and nothing that happens leads on. */
  close(): void {
    const { clock, net, cloud, setup } = this.#options;
    this.#isClosed = true;
    clock.clear(this.#wait);
    clock.clear(this.#repeat);
    this.#netStart++;
    this.#cloudStart++;
    cloud.stop();
    net.stop();
    setup.close();
  }

  #handle(event: LifecycleEvent): void {
    if (this.#isClosed) return;
    const phaseBefore = this.#state.phase;
    const step = stepLifecycle(this.#state, event);
    this.#state = step.state;
    for (const effect of step.effects) this.#perform(effect);
    if (step.state.phase !== phaseBefore) this.#options.onPhase(step.state.phase, step.state.lastError);
  }

  #perform(effect: LifecycleEffect): void {
    const { net, cloud, setup, settings } = this.#options;
    switch (effect.do) {
      case "announce":
        return this.#options.announce();
      case "start-net":
        this.#revision = settings.revision;
        return net.start(this.#netEvents());
      case "stop-net":
        this.#netStart++;
        return net.stop();
      case "start-cloud":
        return cloud.start(this.#cloudEvents());
      case "stop-cloud":
        this.#cloudStart++;
        return cloud.stop();
      case "refresh-cloud":
        return cloud.refresh();
      case "open-config":
        return setup.open();
      case "close-config":
        return setup.close();
      case "commit-settings":
        settings.commit();
        this.#revision = settings.revision;
        return;
      case "drop-candidate":
        return settings.dropCandidate();
      case "erase-config":
        settings.eraseConfig();
        return this.#options.onConfigErased();
      case "store-skips":
        return settings.storeSkips(effect.skips);
      case "tell-provisioned":
        return this.#options.onProvisioned();
      case "wait":
        return this.#waitFor(effect);
      case "stop-waiting":
        return this.#options.clock.clear(this.#wait);
    }
  }

  #waitFor({ wait, ms }: LifecycleEffect & { do: "wait" }): void {
    const { clock, random } = this.#options;
    clock.clear(this.#wait);
    const spreadMs = this.#state.phase === "connecting-cloud" ? CLOUD_SPREAD_MS : 0;
    const jitterMs = wait === "retry" ? Math.max(spreadMs, RETRY_JITTER * ms) * random() : 0;
    this.#wait = clock.set(() => this.#handle({ kind: "timeout", wait }), ms + jitterMs);
  }

  #netEvents(): LinkEvents {
    const start = ++this.#netStart;
    const speak = (event: LifecycleEvent): void => {
      if (start === this.#netStart) this.#handle(event);
    };
    return {
      onUp: () => speak({ kind: "net-up" }),
      onFailed: (code) => speak({ kind: "net-failed", code }),
      onLost: () => speak({ kind: "net-lost" }),
    };
  }

  #cloudEvents(): CloudLinkEvents {
    const start = ++this.#cloudStart;
    const speak = (event: LifecycleEvent): void => {
      if (start === this.#cloudStart) this.#handle(event);
    };
    return {
      onUp: () => speak({ kind: "cloud-up" }),
      onFailed: (code) => speak({ kind: "cloud-failed", code }),
      onLost: () => speak({ kind: "cloud-lost" }),
      onAbsent: () => speak({ kind: "cloud-absent" }),
    };
  }

  #repeatLater(): void {
    const { clock } = this.#options;
    clock.clear(this.#repeat);
    this.#repeat = clock.set(() => {
      this.#options.announce();
      this.#repeatLater();
    }, STATE_REPEAT_MS);
  }
}
