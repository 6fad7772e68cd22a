/** What the lifecycle machine knows, hears and asks for; and its bounds (blynk-ncp.md, 1.4 and 3). */

import type { FailureCode } from "../base/failure-code.js";

export const CONFIG_TIMEOUT_SECONDS = 180;
export const CONFIG_TIMEOUT_SECONDS_MIN = 60;
export const CONFIG_TIMEOUT_SECONDS_MAX = 3_600;
/** Openings of config that nobody used, after which a device without settings stays idle. 0: it always opens. */
export const CONFIG_SKIP_LIMIT = 10;
export const CONFIG_SKIP_LIMIT_MIN = 5;
export const CONFIG_SKIP_LIMIT_MAX = 50;
/** For one try to join a network, and for one to log in. */
export const NET_TRY_MS = 50_000;
export const CLOUD_TRY_MS = 50_000;
/** Tries in a row before the error is shown. New settings get one. */
export const TRIES_MAX = 500;
export const ERROR_MS = 10_000;
/** A session that lasted so long was a success: the pauses begin anew after it. */
export const STABLE_MS = 60_000;
/** Pauses between tries: the first, and where the growth by RETRY_GROWTH ends. */
export const NET_RETRY_MS = 3_000;
export const CLOUD_RETRY_MS = 5_000;
export const RETRY_MS_MAX = 300_000;
export const RETRY_GROWTH = 1.7;
/** The same for a token that was refused, each time after a config that nobody used. Blynk's samples wait so long. */
export const TOKEN_RETRY_MS = 120_000;
export const TOKEN_RETRY_MS_MAX = 900_000;

export type Phase =
  | "not-initialized"
  | "idle"
  | "config"
  | "connecting-net"
  | "connecting-cloud"
  | "connected"
  /** There is a network, and no cloud to log in to: the product can do without one. */
  | "online"
  | "error";

export interface LifecycleState {
  readonly phase: Phase;
  /** A network is stored, and a token where the product cannot do without. */
  readonly configured: boolean;
  /** New settings are being tried and not yet stored: they replace the stored ones when the cloud accepts them. */
  readonly candidate: boolean;
  readonly netUp: boolean;
  /** Tries in a row that failed, of the present kind, and sessions that did not last. */
  readonly tries: number;
  /** Of the token in the settings, in a row. */
  readonly refusals: number;
  /** Config was asked for before the MCU had initialized. */
  readonly configWanted: boolean;
  /** Somebody is at the setup page. */
  readonly userActive: boolean;
  readonly configTimeoutSeconds: number;
  readonly skipLimit: number;
  /** Openings of config that nobody used; durable. */
  readonly skips: number;
  readonly lastError?: FailureCode;
}

export type LifecycleEvent =
  | { readonly kind: "initialized" }
  | { readonly kind: "mcu-lost" }
  /** It will not come by itself: what it needs comes from the cloud. */
  | { readonly kind: "mcu-gone" }
  | { readonly kind: "config-start" }
  | { readonly kind: "config-stop" }
  | { readonly kind: "config-reset" }
  | { readonly kind: "set-config-timeout"; readonly seconds: number }
  | { readonly kind: "set-skip-limit"; readonly count: number }
  /** Somebody has opened the setup page. */
  | { readonly kind: "user-active" }
  /** A person has given new settings: not durable before they have proved themselves. */
  | { readonly kind: "provisioned" }
  /** What is stored has changed, from a source that is trusted: nothing has to prove it. */
  | { readonly kind: "settings-changed"; readonly configured: boolean }
  /** The MCU wants Ferry online. `changed`: what is stored is not what the network was joined with. */
  | { readonly kind: "connect"; readonly changed: boolean }
  | { readonly kind: "net-up" }
  | { readonly kind: "net-failed"; readonly code: FailureCode }
  | { readonly kind: "net-lost" }
  | { readonly kind: "cloud-up" }
  | { readonly kind: "cloud-failed"; readonly code: FailureCode }
  | { readonly kind: "cloud-lost" }
  /** There is no token, and the product can do without. */
  | { readonly kind: "cloud-absent" }
  /** The cloud is to be found at another host. */
  | { readonly kind: "place-changed" }
  | { readonly kind: "timeout"; readonly wait: Wait };

/** At most one of these runs at a time; a new one replaces it, and so does leaving the phase. */
export type Wait = "config" | "try" | "retry" | "error" | "stable";

export type LifecycleEffect =
  /** Tells the MCU the state, also where it has not changed. */
  | { readonly do: "announce" }
  | { readonly do: "start-net" }
  | { readonly do: "stop-net" }
  | { readonly do: "start-cloud" }
  | { readonly do: "stop-cloud" }
  /** What the MCU named of itself may have changed: the live cloud session hears of it. */
  | { readonly do: "refresh-cloud" }
  | { readonly do: "open-config" }
  | { readonly do: "close-config" }
  | { readonly do: "commit-settings" }
  | { readonly do: "drop-candidate" }
  | { readonly do: "erase-config" }
  | { readonly do: "store-skips"; readonly skips: number }
  | { readonly do: "tell-provisioned" }
  /** A pause before a retry gets its jitter from the runner. */
  | { readonly do: "wait"; readonly wait: Wait; readonly ms: number }
  | { readonly do: "stop-waiting" };

export interface LifecycleStep {
  readonly state: LifecycleState;
  readonly effects: readonly LifecycleEffect[];
}

export interface LifecycleMemory {
  readonly configured: boolean;
  readonly skips: number;
}

/** The state after a boot, from what is stored. */
export function bootState({ configured, skips }: LifecycleMemory): LifecycleState {
  return {
    phase: "not-initialized",
    configured,
    candidate: false,
    netUp: false,
    tries: 0,
    refusals: 0,
    configWanted: false,
    userActive: false,
    configTimeoutSeconds: CONFIG_TIMEOUT_SECONDS,
    skipLimit: CONFIG_SKIP_LIMIT,
    skips,
  };
}

export function isConfigTimeout(seconds: number): boolean {
  return seconds >= CONFIG_TIMEOUT_SECONDS_MIN && seconds <= CONFIG_TIMEOUT_SECONDS_MAX;
}

export function isSkipLimit(count: number): boolean {
  return count === 0 || (count >= CONFIG_SKIP_LIMIT_MIN && count <= CONFIG_SKIP_LIMIT_MAX);
}
