/**
 * What a cloud is to Ferry, whatever it speaks: types only. Blynk's native protocol and MQTT stand behind it, and the
 * MCU sees no difference.
 */

import type { FailureCode } from "../base/failure-code.js";
import type { Offer } from "../image/offer.js";

/** What the device says of itself after each login. Empty where the MCU has not named it. */
export interface CloudIdentity {
  readonly templateId: string;
  readonly firmwareType: string;
  readonly firmwareVersion: string;
  readonly firmwareBuild: string;
  readonly blynkVersion: string;
  readonly ferryVersion: string;
}

/** Names of datastreams that are not called "V" and the pin's number. */
export type CloudPinNames = readonly (readonly [pin: number, name: string])[];

/** Where to log in, and as whom. */
export interface CloudAccess {
  readonly host: string;
  /** `undefined`: the transport's own. */
  readonly port?: number;
  readonly token: string;
}

/** The clock and the zone as the cloud knows them; each part may be missing. */
export interface CloudTime {
  readonly timeMs?: number;
  readonly zoneName?: string;
  readonly posixTz?: string;
}

export interface CloudEvents {
  /** Logged in. */
  onUp(): void;
  onFailed(code: FailureCode): void;
  /** After onUp only. */
  onLost(): void;
  /** Text; several items are joined by NUL. Valid during the call. */
  onPin(vpin: number, value: Uint8Array): void;
  onOffer(offer: Offer): void;
  onTime(time: CloudTime): void;
  /** In degrees, valid, and short enough to be stored (coordinates.ts). */
  onLocation(latitude: string, longitude: string): void;
  onMetadata(field: string, value: string): void;
  /** The cloud asks for a restart of the device. */
  onReboot(): void;
  /** The cloud asks for a new first setup. */
  onReconfigure(): void;
}

/**
 * What the MCU sends up: one to one its calls 0x0311 to 0x031A. Values are text, several items joined by NUL, and are
 * copied or sent before the call returns. False: there was no room, and nothing was taken.
 */
export interface CloudUplink {
  virtualWrite(vpin: number, value: Uint8Array): boolean;
  syncAll(): boolean;
  /** Decimal pin numbers as text, joined by NUL. */
  syncVirtual(vpins: Uint8Array): boolean;
  setProperty(vpin: number, property: string, value: Uint8Array): boolean;
  /** 0: now. */
  beginGroup(timestampMs: bigint): boolean;
  endGroup(): boolean;
  /** An empty description: the event's own. */
  logEvent(code: string, description: string): boolean;
  resolveEvent(code: string): boolean;
  resolveAllEvents(code: string): boolean;
  setMetadata(field: string, value: string): boolean;
}

/** One connection after another to a cloud. Reconnecting is the lifecycle's business, not the transport's. */
export interface CloudTransport extends CloudUplink {
  /** Takes what a message could ever hold, and sends nothing. */
  readonly ruler: CloudUplink;
  /** Whether the beginning and the end of a group are messages of their own. */
  readonly marksGroups: boolean;
  /** Whether the other side keeps the time of a group, as far as is known: values can be a series then. */
  readonly keepsTimes: boolean;
  /** Calls back later, never from inside. Ends an earlier session. */
  start(access: CloudAccess, events: CloudEvents): void;
  /** Idempotent; nothing is called back any more. */
  stop(): void;
  /** As above: false when there was no room. What no message can hold counts as told. */
  tellIdentity(identity: CloudIdentity): boolean;
  /** Each asks for a part of time, zone and location, in one message, and does as above; they come as events. */
  readonly timeQuestions: readonly (() => boolean)[];
}
