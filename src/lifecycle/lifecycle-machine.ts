/**
 * From power-on to the cloud and back, as a pure machine: (state, event) -> state and effects.
 *
 *   not-initialized --initialize--> config <--> idle
 *                          |          | provisioned, or time is up and configured
 *                          v          v
 *                    connecting-net --> connecting-cloud --> connected, or online: there is no cloud
 *                          ^  ^______lost______|______lost______|
 *                          '--- error (after many tries, for a while)
 *
 * Invariants: nothing is on the air before the MCU has initialized, unless an update cost the MCU its life; new settings become durable only once the cloud has
 * accepted them, so that a typing error never costs a working device its settings; a token that the cloud refuses leads
 * to config, and when nobody comes to another try, ever more rarely; from each phase but idle, connected and online a
 * named wait leads on. Ferry never restarts to get out of an error (Blynk's NCP does): the MCU would lose it for seconds,
 * and nothing would be better. An update of Ferry itself lies over all phases: the MCU then sees OTA_UPGRADE, whatever goes on below.
 */

import { FailureCode } from "../base/failure-code.js";
import {
  CLOUD_RETRY_MS,
  CLOUD_TRY_MS,
  CONFIG_SKIP_LIMIT_MAX,
  ERROR_MS,
  type LifecycleEffect,
  type LifecycleEvent,
  type LifecycleState,
  type LifecycleStep,
  NET_RETRY_MS,
  NET_TRY_MS,
  type Phase,
  RETRY_GROWTH,
  RETRY_MS_MAX,
  STABLE_MS,
  TOKEN_RETRY_MS,
  TOKEN_RETRY_MS_MAX,
  TRIES_MAX,
  type Wait,
} from "./lifecycle-state.js";

export function stepLifecycle(state: LifecycleState, event: LifecycleEvent): LifecycleStep {
  switch (event.kind) {
    case "initialized":
      return onInitialized(state);
    case "mcu-lost":
      return onMcuLost(state);
    case "mcu-gone":
      return state.phase === "not-initialized" && state.configured ? connect(state) : stay(state);
    case "config-start":
      return state.phase === "not-initialized" ? stay({ ...state, configWanted: true }) : enterConfig(state);
    case "config-stop":
      return state.phase === "config" ? leaveConfig(state) : stay({ ...state, configWanted: false });
    case "config-reset":
      return onConfigReset(state);
    case "set-config-timeout":
      return onConfigTimeoutSet(state, event.seconds);
    case "set-skip-limit":
      return stay({ ...state, skipLimit: event.count });
    case "user-active":
      return stay({ ...state, userActive: state.phase === "config" });
    case "provisioned":
      return onProvisioned(state);
    case "settings-changed":
      return onSettingsChanged(state, event.configured);
    case "connect":
      return onConnectAsked(state, event.changed);
    case "net-up":
      return onNetUp(state);
    case "net-failed":
      return state.phase === "connecting-net" ? onTryFailed(state, event.code) : stay({ ...state, netUp: false });
    case "net-lost":
      return onNetLost(state);
    case "cloud-up":
      return state.phase === "connecting-cloud" ? onCloudUp(state) : stay(state);
    case "cloud-failed":
      return state.phase === "connecting-cloud" ? onTryFailed(state, event.code) : stay(state);
    case "cloud-lost":
      return state.phase === "connected" ? onCloudLost(state) : stay(state);
    case "cloud-absent":
      return state.phase === "connecting-cloud" ? onCloudAbsent(state) : stay(state);
    case "place-changed":
      return onPlaceChanged(state);
    case "timeout":
      return onTimeout(state, event.wait);
  }
}

function stay(state: LifecycleState): LifecycleStep {
  return { state, effects: [] };
}

// ---- the MCU comes and goes ---------------------------------------------------------------------------------------

/** An MCU that initializes again has restarted: what is on the air stays, and the MCU hears where it stands. */
function onInitialized(state: LifecycleState): LifecycleStep {
  // Also a login that is on its way: it has set out with the old version.
  if (state.phase === "connected" || state.phase === "connecting-cloud") {
    return { state, effects: [{ do: "announce" }, { do: "refresh-cloud" }] };
  }
  // Idle with settings: they were stored when nobody waited for them any more.
  const isSettled = state.phase !== "not-initialized" && !(state.phase === "idle" && state.configured);
  if (isSettled) return { state, effects: [{ do: "announce" }] };
  if (state.configWanted) return enterConfig(state);
  if (state.configured) return connect(state);
  const skipsConfig = state.skipLimit !== 0 && state.skips >= state.skipLimit;
  return skipsConfig ? enterIdle(state) : enterConfig(state);
}

/**
 * Silent: an announcement would send Zephyr hosts into initializing for ever. The cloud shows a device without its MCU
 * as offline; the network stays, so that the way back is short.
 */
function onMcuLost(state: LifecycleState): LifecycleStep {
  if (state.phase === "not-initialized") return stay(state);
  const effects: LifecycleEffect[] = [{ do: "stop-waiting" }, ...closingOf(state)];
  return { state: { ...state, phase: "not-initialized", candidate: false, tries: 0, userActive: false }, effects };
}

/** What has to be closed before another phase begins; the network stays as it is unless it is still coming up. */
function closingOf(state: LifecycleState): LifecycleEffect[] {
  const dropped: LifecycleEffect[] = state.candidate ? [{ do: "drop-candidate" }] : [];
  switch (state.phase) {
    case "config":
      return [{ do: "close-config" }];
    case "connecting-net":
      return [{ do: "stop-net" }, ...dropped];
    case "connecting-cloud":
    case "connected":
      return [{ do: "stop-cloud" }, ...dropped];
    default:
      return dropped;
  }
}

// ---- config -------------------------------------------------------------------------------------------------------

/** Also when it is open: the time runs anew. */
function enterConfig(state: LifecycleState): LifecycleStep {
  const closing = state.phase === "config" ? [] : closingOf(state);
  const stopNet: LifecycleEffect[] = state.netUp ? [{ do: "stop-net" }] : [];
  return {
    state: {
      ...state,
      phase: "config",
      candidate: false,
      netUp: false,
      tries: 0,
      configWanted: false,
      userActive: false,
    },
    effects: [
      ...closing,
      ...stopNet,
      ...(state.phase === "config" ? [] : [{ do: "open-config" } as const]),
      { do: "wait", wait: "config", ms: state.configTimeoutSeconds * 1000 },
      { do: "announce" },
    ],
  };
}

/** Nobody came: with settings Ferry goes on, without it stays silent, and after some such openings from the start. */
function leaveConfig(state: LifecycleState): LifecycleStep {
  const skips = state.skipLimit === 0 ? state.skips : Math.min(state.skips + 1, CONFIG_SKIP_LIMIT_MAX);
  const left: LifecycleState = { ...state, skips, userActive: false };
  const counted: LifecycleEffect[] = skips === state.skips ? [] : [{ do: "store-skips", skips }];
  if (!state.configured) {
    const next = enterIdle(left);
    return { state: next.state, effects: [...counted, ...next.effects] };
  }
  const next = left.refusals > 0 ? waitOutRefusal(left) : connect(left);
  return { state: next.state, effects: [...counted, { do: "close-config" }, ...next.effects] };
}

/** Nobody has brought another token: the old one may be good again later, and a fleet must not ask for that in step. */
function waitOutRefusal(state: LifecycleState): LifecycleStep {
  const ms = pauseMs(TOKEN_RETRY_MS, state.refusals, TOKEN_RETRY_MS_MAX);
  return {
    state: { ...state, phase: "connecting-net", netUp: false, tries: 0 },
    effects: [{ do: "announce" }, { do: "wait", wait: "retry", ms }],
  };
}

function enterIdle(state: LifecycleState): LifecycleStep {
  return {
    state: { ...state, phase: "idle", tries: 0 },
    effects: [{ do: "stop-waiting" }, ...closingOf(state), { do: "announce" }],
  };
}

/** Forgets network and cloud, and asks for them anew. */
function onConfigReset(state: LifecycleState): LifecycleStep {
  const { lastError: _, ...rest } = state;
  const reset: LifecycleState = { ...rest, configured: false, skips: 0, refusals: 0 };
  if (state.phase === "not-initialized") return { state: reset, effects: [{ do: "erase-config" }] };
  const next = enterConfig(reset);
  return { state: next.state, effects: [{ do: "erase-config" }, ...next.effects] };
}

/** An open config gets the new time from now on. */
function onConfigTimeoutSet(state: LifecycleState, seconds: number): LifecycleStep {
  const next: LifecycleState = { ...state, configTimeoutSeconds: seconds };
  if (state.phase !== "config") return stay(next);
  return { state: next, effects: [{ do: "wait", wait: "config", ms: seconds * 1000 }] };
}

function onProvisioned(state: LifecycleState): LifecycleStep {
  if (state.phase === "not-initialized") return stay({ ...state, refusals: 0, configWanted: false });
  // The newer candidate takes the older one's place, so nothing is dropped.
  return connectAnew({ ...state, candidate: false }, true);
}

/** Without network or token there is nothing to go online with, and somebody has to be able to set them. */
function onSettingsChanged(before: LifecycleState, configured: boolean): LifecycleStep {
  const configWanted = before.configWanted && !configured;
  const state: LifecycleState = { ...before, configured, refusals: 0, configWanted };
  const isResting = state.phase === "not-initialized" || state.phase === "config" || state.phase === "idle";
  return configured || isResting || state.candidate ? stay(state) : enterConfig(state);
}

/** An MCU may ask for it whenever it starts: that must not cost a live session. */
function onConnectAsked(state: LifecycleState, changed: boolean): LifecycleStep {
  if (!state.configured) return stay(state);
  if (state.phase === "not-initialized") return stay({ ...state, configWanted: false });
  if ((state.phase === "connected" || state.phase === "online") && !changed)
    return { state, effects: [{ do: "announce" }] };
  return connectAnew(state, false);
}

/** With other settings, perhaps for another network. */
function connectAnew(state: LifecycleState, candidate: boolean): LifecycleStep {
  const stopNet: LifecycleEffect[] = state.netUp ? [{ do: "stop-net" }] : [];
  const next = connect({ ...state, candidate, netUp: false, refusals: 0 });
  return { state: next.state, effects: [...closingOf(state), ...stopNet, ...next.effects] };
}

// ---- network and cloud ----------------------------------------------------------------------------------------------

/** Begins anew, with as much of the network as is there. */
function connect(state: LifecycleState): LifecycleStep {
  return state.netUp ? tryCloud({ ...state, tries: 0 }) : tryNet({ ...state, tries: 0 });
}

function tryNet(state: LifecycleState): LifecycleStep {
  return attempt({ ...state, phase: "connecting-net", netUp: false }, state.phase, { do: "start-net" }, NET_TRY_MS);
}

function tryCloud(state: LifecycleState): LifecycleStep {
  return attempt({ ...state, phase: "connecting-cloud" }, state.phase, { do: "start-cloud" }, CLOUD_TRY_MS);
}

/** The MCU hears of a phase once, not of each try in it. */
function attempt(state: LifecycleState, from: Phase, start: LifecycleEffect, ms: number): LifecycleStep {
  const announced: LifecycleEffect[] = from === state.phase ? [] : [{ do: "announce" }];
  return { state, effects: [...announced, { do: "wait", wait: "try", ms }, start] };
}

function onNetUp(state: LifecycleState): LifecycleStep {
  const up: LifecycleState = { ...state, netUp: true };
  return state.phase === "connecting-net" ? tryCloud({ ...up, tries: 0 }) : stay(up);
}

function onNetLost(state: LifecycleState): LifecycleStep {
  const down: LifecycleState = { ...state, netUp: false, tries: 0 };
  if (state.phase === "online") return tryNet(down);
  if (state.phase !== "connecting-cloud" && state.phase !== "connected") return stay({ ...state, netUp: false });
  const next = tryNet(down);
  return { state: next.state, effects: [{ do: "stop-cloud" }, ...next.effects] };
}

function onCloudUp(state: LifecycleState): LifecycleStep {
  return arrive({ ...state, phase: "connected" }, { do: "wait", wait: "stable", ms: STABLE_MS });
}

/** Nothing is left to wait for: the network tells when it goes. */
function onCloudAbsent(state: LifecycleState): LifecycleStep {
  return arrive({ ...state, phase: "online", tries: 0 }, { do: "stop-waiting" });
}

function arrive(state: LifecycleState, wait: LifecycleEffect): LifecycleStep {
  const { lastError: _, ...rest } = state;
  const proven: LifecycleEffect[] = state.candidate ? [{ do: "commit-settings" }, { do: "tell-provisioned" }] : [];
  const counted: LifecycleEffect[] = state.skips === 0 ? [] : [{ do: "store-skips", skips: 0 }];
  return {
    state: { ...rest, configured: true, candidate: false, skips: 0, refusals: 0 },
    effects: [wait, ...proven, ...counted, { do: "announce" }],
  };
}

/** A cloud that lets a device in and throws it out again, or sends it round, is asked ever more rarely. */
function onCloudLost(state: LifecycleState): LifecycleStep {
  const tries = Math.min(state.tries + 1, TRIES_MAX);
  return {
    state: { ...state, phase: "connecting-cloud", tries },
    effects: [{ do: "announce" }, { do: "wait", wait: "retry", ms: pauseMs(CLOUD_RETRY_MS, tries) }],
  };
}

/** The settings lead to another host than the one in use. */
function onPlaceChanged(state: LifecycleState): LifecycleStep {
  if (state.phase !== "connecting-cloud" && state.phase !== "connected") return stay(state);
  const next = tryCloud({ ...state, tries: 0 });
  return { state: next.state, effects: [{ do: "stop-cloud" }, ...next.effects] };
}

function onTryFailed(before: LifecycleState, code: FailureCode): LifecycleStep {
  const stopped: LifecycleEffect = before.phase === "connecting-net" ? { do: "stop-net" } : { do: "stop-cloud" };
  const state: LifecycleState = { ...before, lastError: code, tries: before.tries + 1 };
  // The person who typed the settings is still there, and a token does not become right by waiting.
  if (state.candidate) return enterConfig(state);
  if (code === FailureCode.TOKEN_INVALID) return enterConfig({ ...state, refusals: state.refusals + 1 });
  if (state.tries >= TRIES_MAX) return enterError(state, stopped);
  const firstMs = state.phase === "connecting-net" ? NET_RETRY_MS : CLOUD_RETRY_MS;
  return { state, effects: [stopped, { do: "wait", wait: "retry", ms: pauseMs(firstMs, state.tries) }] };
}

function pauseMs(firstMs: number, tries: number, maxMs = RETRY_MS_MAX): number {
  return Math.min(maxMs, Math.round(firstMs * RETRY_GROWTH ** (tries - 1)));
}

function enterError(state: LifecycleState, stopped: LifecycleEffect): LifecycleStep {
  return {
    state: { ...state, phase: "error", tries: 0 },
    effects: [stopped, { do: "wait", wait: "error", ms: ERROR_MS }, { do: "announce" }],
  };
}

// ---- time -----------------------------------------------------------------------------------------------------------

function onTimeout(state: LifecycleState, wait: Wait): LifecycleStep {
  switch (wait) {
    case "config":
      if (state.phase !== "config") return stay(state);
      if (!state.userActive) return leaveConfig(state);
      return {
        state: { ...state, userActive: false },
        effects: [{ do: "wait", wait: "config", ms: state.configTimeoutSeconds * 1000 }],
      };
    case "try":
      if (state.phase === "connecting-net") return onTryFailed(state, FailureCode.NET_TIMEOUT);
      return state.phase === "connecting-cloud" ? onTryFailed(state, FailureCode.CLOUD_TIMEOUT) : stay(state);
    case "retry":
      if (state.phase === "connecting-net") return tryNet(state);
      return state.phase === "connecting-cloud" ? tryCloud(state) : stay(state);
    case "stable":
      return stay(state.phase === "connected" ? { ...state, tries: 0 } : state);
    case "error":
      return state.phase === "error" ? connect(state) : stay(state);
  }
}
