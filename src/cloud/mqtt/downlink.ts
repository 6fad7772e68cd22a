/** What a broker sends down, by topic (blynk-ncp.md, 5.1). What is not understood is counted and otherwise ignored. */

import { isHost } from "../../base/host.js";
import { isRecord, parseJson } from "../../base/json.js";
import { cutAt, firstOf, isDecimal, SPACES } from "../../base/text.js";
import { decodeUtf8 } from "../../base/utf8.js";
import type { CloudEvents, CloudTime } from "../cloud.js";
import { coordinatesFrom } from "../coordinates.js";
import { offerFromJson } from "../offer-json.js";
import type { PinNames } from "./pin-names.js";

/** What Ferry subscribes to, and where all that it understands begins. */
export const DOWNLINK = "downlink/";

/** The answer to "get/utc/all/json". */
export const TIME = `${DOWNLINK}utc/all/json`;

export const MQTTS_PORT = 8883;
export const MQTT_PORT = 1883;
const PORT_MAX = 0xffff;
const SCHEMES: readonly string[] = Object.freeze(["mqtt://", "mqtts://"]);
const TIME_NAMES: readonly string[] = Object.freeze(["time", "tz_name", "tz_rule"]);

/** Somewhere to log in. */
export interface Place {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export interface DownlinkOptions {
  readonly pins: PinNames;
  readonly events: CloudEvents;
  /** The broker tells it to every newcomer: a command among such would come again after each restart that it asks for. */
  readonly isKept: boolean;
  onRedirect(to: Place): void;
}

/** Returns whether the message was understood. */
export function takeMessage(topic: string, payload: Uint8Array, options: DownlinkOptions): boolean {
  if (!topic.startsWith(DOWNLINK)) return false;
  const { events, pins } = options;
  const rest = topic.slice(DOWNLINK.length);
  if (rest.startsWith("ds/")) {
    const pin = pins.pinOf(rest.slice("ds/".length));
    if (pin !== undefined) events.onPin(pin, payload);
    return pin !== undefined;
  }
  if (rest.startsWith("meta/")) {
    const field = rest.slice("meta/".length);
    if (field !== "") events.onMetadata(field, decodeUtf8(payload));
    return field !== "";
  }
  switch (rest) {
    case "ota/json":
      return onOta(payload, events);
    case "utc/all/json":
      return onUtc(payload, events);
    case "loc/all":
      return onLocation(payload, events);
    case "redirect":
      return onRedirect(payload, options);
    case "reboot":
      if (!options.isKept) events.onReboot();
      return !options.isKept;
    case "reconfigure":
      if (!options.isKept) events.onReconfigure();
      return !options.isKept;
    // Answered by the client's acknowledgement; and for people at a debugger.
    case "ping":
    case "diag":
      return true;
    default:
      return false;
  }
}

function onOta(payload: Uint8Array, events: CloudEvents): boolean {
  const offer = offerFromJson(payload);
  if (offer) events.onOffer(offer);
  return offer !== undefined;
}

function onUtc(payload: Uint8Array, events: CloudEvents): boolean {
  const json = parseJson(decodeUtf8(payload), TIME_NAMES);
  const { time, tz_name: zoneName, tz_rule: posixTz } = isRecord(json) ? json : {};
  const known: CloudTime = {
    ...(Number.isSafeInteger(time) && Number(time) >= 0 ? { timeMs: Number(time) } : {}),
    ...(typeof zoneName === "string" && zoneName ? { zoneName } : {}),
    ...(typeof posixTz === "string" && posixTz ? { posixTz } : {}),
  };
  if (Object.keys(known).length === 0) return false;
  events.onTime(known);
  return true;
}

/** "latitude,longitude", in degrees. */
function onLocation(payload: Uint8Array, events: CloudEvents): boolean {
  const [latitude = "", longitude = "", ...more] = decodeUtf8(payload).split(",", 3);
  const place = more.length === 0 ? coordinatesFrom(latitude, longitude) : undefined;
  if (place) events.onLocation(place.latitude, place.longitude);
  return place !== undefined;
}

/** A URI, or host and port alone. WebSockets are no use to a device that has TCP. */
function onRedirect(payload: Uint8Array, options: DownlinkOptions): boolean {
  const uri = decodeUtf8(payload).trim();
  const scheme = SCHEMES.find((name) => uri.startsWith(name));
  const [host, portText] = cutAt(cutAt(uri.slice(scheme?.length ?? 0), "/")[0], ":");
  if (firstOf(uri, SPACES) < uri.length || !isHost(host)) return false;
  if (portText === undefined ? scheme === undefined : !isDecimal(portText, 5)) return false;
  const secure = scheme === undefined ? Number(portText) !== MQTT_PORT : scheme === "mqtts://";
  const port = portText === undefined ? (secure ? MQTTS_PORT : MQTT_PORT) : Number(portText);
  if (port < 1 || port > PORT_MAX) return false;
  options.onRedirect({ secure, host, port });
  return true;
}
