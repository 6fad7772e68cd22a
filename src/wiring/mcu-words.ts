/** What Ferry's parts say, in the words of the MCU's protocol. */

import type { Failure } from "../base/failure.js";
import type { Phase } from "../lifecycle/lifecycle-state.js";
import type { OwnDomain } from "../mcu/serve-own.js";
import type { Gesture } from "../panel/button-machine.js";
import type { Indication } from "../panel/led-patterns.js";
import { NcpEvent, NcpState } from "../rpc/protocol.js";
import type { WallClockEvent } from "../time/wall-clock.js";
import type { Verdict } from "../update/verdict.js";
import type { NcpCounters } from "./options.js";
import type { PinChangeCounters } from "./pin-changes.js";

export const STATE_BY_PHASE: Readonly<Record<Phase, number>> = Object.freeze({
  "not-initialized": NcpState.NOT_INITIALIZED,
  idle: NcpState.IDLE,
  config: NcpState.CONFIG,
  "connecting-net": NcpState.CONNECTING_NET,
  "connecting-cloud": NcpState.CONNECTING_CLOUD,
  connected: NcpState.CONNECTED,
  online: NcpState.CONNECTED, // to all that there is: an MCU that waits for more would wait for ever
  error: NcpState.ERROR,
});

export const EVENT_BY_GESTURE: Readonly<Record<Gesture, number>> = Object.freeze({
  click: NcpEvent.BUTTON_CLICK,
  "double-click": NcpEvent.BUTTON_DOUBLE_CLICK,
  "long-press": NcpEvent.BUTTON_LONG_PRESS,
  "long-release": NcpEvent.BUTTON_LONG_RELEASE,
  "reset-start": NcpEvent.RESET_START,
  "reset-cancel": NcpEvent.RESET_CANCEL,
  "reset-done": NcpEvent.RESET_DONE,
});

export const EVENT_BY_WALL_CLOCK: Readonly<Record<WallClockEvent, number>> = Object.freeze({
  "time-sync": NcpEvent.TIME_SYNC,
  "time-changed": NcpEvent.TIME_CHANGED,
});

/** What the light shows. */
export function indicationOf(state: number): Indication {
  switch (state) {
    case NcpState.IDLE:
      return "idle";
    case NcpState.CONFIG:
      return "config";
    case NcpState.CONNECTING_NET:
    case NcpState.CONNECTING_CLOUD:
      return "connecting";
    case NcpState.CONNECTED:
      return "connected";
    case NcpState.OTA_UPGRADE:
      return "upgrade";
    case NcpState.ERROR:
      return "error";
    default:
      return "off";
  }
}

export function failureIn(verdict: Verdict | undefined): Failure | undefined {
  return verdict === undefined || verdict.kind === "succeeded" ? undefined : verdict.failure;
}

export function linkCountersOf(
  { wire, session, outbox }: NcpCounters,
  pins: PinChangeCounters,
): OwnDomain["linkCounters"] {
  return {
    framesReceived: wire.frames,
    framesSent: wire.framesSent,
    framesDamaged: wire.crcErrors + wire.escapeErrors + wire.oversizeFrames + wire.restarts,
    noiseBytes: wire.noiseBytes,
    baudChanges: wire.baudChanges,
    callsServed: session.callsServed,
    unknownUids: session.unknownUids,
    badArguments: session.badArguments,
    timeouts: session.timeouts,
    lateResults: session.lateResults,
    eventsDropped: outbox.eventsDropped + session.eventsTooLong,
    valuesDropped: pins.dropped + pins.tooLong,
  };
}
