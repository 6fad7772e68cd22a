/**
 * What a product may choose, from the manifest's `config.ferry` (module "mc/config").
 *
 *   "config": { "ferry": { "uart": { "port": 2, "transmit": 17, "receive": 16 }, "cloud": { "transport": "mqtt" } } }
 *
 * A product's manifest includes Ferry's and names only what differs from DEFAULTS. Whatever makes no sense is left at
 * its default and named in `problems`, for a device in the field must start all the same; `npm run check:device`
 * takes problems for failures. One key has no such default: an update key that cannot be read must not open the door to
 * unsigned images, so it closes it (see update-key.ts).
 */

import { deepFreeze } from "../base/freeze.js";
import { isHost } from "../base/host.js";
import { isDecimal, isPlain } from "../base/text.js";
import { parseUrl } from "../base/url.js";
import { parseUpdateKey, type UpdateKey } from "./update-key.js";

/** Numbers, as text, to names for people or for a broker: { "5": "temperature" }. */
export type NumberedNames = Readonly<Record<string, string>>;

export interface DeviceConfig {
  /** The line to the MCU. */
  readonly uart: {
    /** 0 flashes the chip and prints its boot log, so 1, or 2 where the chip has it. */
    readonly port: number;
    /** GPIO numbers. */
    readonly transmit: number;
    readonly receive: number;
    /** GPIO numbers of hardware flow control, "request to send" and "clear to send"; NOT_CONNECTED without. */
    readonly rts: number;
    readonly cts: number;
    /** The rate until the MCU asks for another. */
    readonly baud: number;
  };
  /** Other pins that the board needs for itself, and for what: the MCU cannot have them for a button or an LED. */
  readonly takenPins: NumberedNames;
  /** Whether the MCU may have the pins of UART0 and USB: the chip can then be flashed and watched no more in its place. */
  readonly freesConsolePins: boolean;
  /** A network that a device knows from the first start on, unless it has been told another. None without a name. */
  readonly wifi: { readonly ssid: string; readonly password: string };
  readonly cloud: {
    readonly transport: (typeof TRANSPORTS)[number];
    /** Where devices log in whose MCU and whose user name no other host. Empty: Blynk's. */
    readonly host: string;
    /** Whether a connection may go without TLS: everybody on the way can read and change what goes over it. */
    readonly allowPlain: boolean;
    /** What MQTT calls the datastreams of single pins; "V" and the number for the others. */
    readonly pinNames: NumberedNames;
    /** Whom an MQTT broker knows the device as; Blynk's know all as "device". Like the next two for forDevice(). */
    readonly user: string;
    /** The broker makes one up when empty. */
    readonly clientId: string;
    /** Where each MQTT topic begins. */
    readonly topicPrefix: string;
    /** Whether the values of a group are one MQTT message: the datastreams must have the values' types then. */
    readonly batchesGroups: boolean;
  };
  /** A server of the vendor's own that is asked for updates. None without a URL. */
  readonly poll: { readonly url: string; readonly intervalMinutes: number };
  /** How the cloud hears of updates: an event's code, a metadata field, a virtual pin (NOT_CONNECTED: none). */
  readonly report: { readonly event: string; readonly metadata: string; readonly vpin: number };
  /** Host name of a time server: TLS needs the date. */
  readonly timeServer: string;
  /**
   * Certificate authority of one's own, trusted besides the ones built in: the name of a DER file among the manifest's
   * `data`, as "ca.der". None when empty.
   */
  readonly authority: string;
  /** Nobody but `authority` is believed: for a product whose servers are all its maker's. */
  readonly onlyAuthority: boolean;
  /** The key that images of Ferry have to be signed with. */
  readonly updateKey: UpdateKey;
}

export const NOT_CONNECTED = -1;
export const TRANSPORTS = Object.freeze(["native", "mqtt"] as const);

/** For the ESP32; manifest.json has other pins for other chips. */
export const DEFAULTS: DeviceConfig = deepFreeze<DeviceConfig>({
  uart: {
    port: 2,
    transmit: 17,
    receive: 16,
    rts: NOT_CONNECTED,
    cts: NOT_CONNECTED,
    baud: 38_400,
  },
  takenPins: {},
  freesConsolePins: false,
  wifi: { ssid: "", password: "" },
  cloud: {
    transport: "native",
    host: "",
    allowPlain: false,
    pinNames: {},
    user: "device",
    clientId: "",
    topicPrefix: "",
    batchesGroups: false,
  },
  poll: { url: "", intervalMinutes: 60 },
  report: { event: "", metadata: "", vpin: NOT_CONNECTED },
  timeServer: "pool.ntp.org",
  authority: "",
  onlyAuthority: false,
  updateKey: "none",
});

const GPIO_MAX = 48;
const VPIN_MAX = 0xffff;
/** A week: see cloud/update-poll.ts. */
const INTERVAL_MINUTES_MAX = 7 * 24 * 60;
/** In texts that are to be another for each device: its Wi-Fi address, as "0a1b2c3d4e5f". */
const MAC_PLACE = "{mac}";
const MAC_LETTERS = 12;
/** See cloud/mqtt/mqtt-cloud.ts, which takes no other. */
const TOPIC_PREFIX_LENGTH_MAX = 64;
/** What the ESP32's UART divides its clock down to, and up to. */
const BAUD_MIN = 1_200;
const BAUD_MAX = 5_000_000;

/** `names`: an object of texts from 1 to `length` characters, whose keys are integers from 0 to `max`. */
type Rule =
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "text"; readonly min: number; readonly max: number }
  | { readonly kind: "flag" }
  | { readonly kind: "host"; readonly mayBeEmpty: boolean }
  | { readonly kind: "key" }
  | { readonly kind: "url" }
  | { readonly kind: "prefix" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "names"; readonly max: number; readonly length: number };

const integer = (min: number, max: number): Rule => ({ kind: "integer", min, max });
const text = (min: number, max: number): Rule => ({ kind: "text", min, max });

/** By path. A text's bounds are the standards', as IEEE 802.11, and Blynk's own. */
const RULES: Readonly<Record<string, Rule>> = deepFreeze({
  "uart.port": integer(1, 2),
  "uart.transmit": integer(0, GPIO_MAX),
  "uart.receive": integer(0, GPIO_MAX),
  "uart.rts": integer(NOT_CONNECTED, GPIO_MAX),
  "uart.cts": integer(NOT_CONNECTED, GPIO_MAX),
  "uart.baud": integer(BAUD_MIN, BAUD_MAX),
  takenPins: { kind: "names", max: GPIO_MAX, length: 40 },
  freesConsolePins: { kind: "flag" },
  "wifi.ssid": text(0, 32),
  "wifi.password": text(0, 64),
  "cloud.transport": { kind: "choice", values: TRANSPORTS },
  "cloud.host": { kind: "host", mayBeEmpty: true },
  "cloud.allowPlain": { kind: "flag" },
  "cloud.pinNames": { kind: "names", max: VPIN_MAX, length: 64 },
  "cloud.user": text(1, 64),
  "cloud.clientId": text(0, 64),
  "cloud.topicPrefix": { kind: "prefix" },
  "cloud.batchesGroups": { kind: "flag" },
  "poll.url": { kind: "url" },
  "poll.intervalMinutes": integer(1, INTERVAL_MINUTES_MAX),
  "report.event": text(0, 64),
  "report.metadata": text(0, 64),
  "report.vpin": integer(NOT_CONNECTED, VPIN_MAX),
  timeServer: { kind: "host", mayBeEmpty: false },
  authority: text(0, 63),
  onlyAuthority: { kind: "flag" },
  updateKey: { kind: "key" },
});

export interface ParsedConfig {
  readonly config: DeviceConfig;
  /** Sentences that name the key. */
  readonly problems: readonly string[];
}

export function parseConfig(given: unknown): ParsedConfig {
  const problems: string[] = [];
  const config = merge(DEFAULTS, given ?? {}, "", problems) as DeviceConfig;
  // It stays closed: a product that trusts only its own must not begin to trust all the world by a typing error.
  if (config.onlyAuthority && config.authority === "") {
    problems.push("config.ferry.onlyAuthority needs config.ferry.authority: nobody is believed otherwise");
  }
  return { config, problems };
}

/** One build is for many devices, and a broker may know each by a name. @param readMac "0A:1B:2C:3D:4E:5F" */
export function forDevice(text: string, readMac: () => string | undefined): string {
  if (!text.includes(MAC_PLACE)) return text;
  const mac = readMac()?.replaceAll(":", "").toLowerCase() ?? "0".repeat(MAC_LETTERS);
  return text.replaceAll(MAC_PLACE, mac);
}

/** The defaults' shape, with the given values where they pass. */
function merge(defaults: object, given: unknown, path: string, problems: string[]): object {
  if (!isObject(given)) {
    problems.push(`config.ferry${path} must be an object`);
    return defaults;
  }
  const merged = new Map<string, unknown>(Object.entries(defaults));
  for (const [name, value] of Object.entries(given)) {
    const inner = `${path}.${name}`;
    const known = merged.get(name);
    const rule = known === undefined ? undefined : RULES[inner.slice(1)];
    if (!rule && isObject(known)) merged.set(name, merge(known, value, inner, problems));
    else {
      const problem = rule ? problemOf(value, rule) : "is not known";
      if (problem !== undefined) problems.push(`config.ferry${inner} ${problem}`);
      if (rule?.kind === "key") merged.set(name, parseUpdateKey(value));
      else if (problem === undefined) merged.set(name, value);
    }
  }
  return Object.fromEntries(merged);
}

function problemOf(value: unknown, rule: Rule): string | undefined {
  switch (rule.kind) {
    case "integer":
      return isInteger(value, rule) ? undefined : `must be an integer from ${rule.min} to ${rule.max}`;
    case "text":
      return isText(value, rule) ? undefined : `must be a text of ${rule.min} to ${rule.max} characters`;
    case "flag":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "host":
      return isServer(value, rule) ? undefined : "must be a host's name or IPv4 address";
    case "choice":
      return rule.values.includes(String(value)) ? undefined : `must be one of ${rule.values.join(", ")}`;
    case "key":
      return parseUpdateKey(value) === "unusable"
        ? "must be a public key: 130 hexadecimal digits that begin with 04"
        : undefined;
    case "url":
      return urlProblem(value);
    case "prefix":
      return typeof value === "string" && isTopicPrefix(forDevice(value, () => undefined))
        ? undefined
        : `must be a text of 0 to 64 of A-Z a-z 0-9 _ . - / and ${MAC_PLACE}`;
    case "names":
      return isNames(value, rule) ? undefined : `must have numbers to ${rule.max}, and texts of 1 to ${rule.length}`;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown, { min, max }: { min: number; max: number }): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function isText(value: unknown, { min, max }: { min: number; max: number }): boolean {
  return typeof value === "string" && value.length >= min && value.length <= max;
}

/** An empty one is none. */
function urlProblem(value: unknown): string | undefined {
  if (typeof value !== "string") return "must be a URL";
  const parsed = value === "" ? undefined : parseUrl(value);
  return typeof parsed === "string" ? `must be a URL: it ${parsed}` : undefined;
}

function isTopicPrefix(text: string): boolean {
  return text === "" || isPlain(text, "_./-", TOPIC_PREFIX_LENGTH_MAX);
}

function isServer(value: unknown, { mayBeEmpty }: { mayBeEmpty: boolean }): boolean {
  return typeof value === "string" && (value === "" ? mayBeEmpty : isHost(value));
}

function isNames(value: unknown, { max, length }: { max: number; length: number }): boolean {
  if (!isObject(value)) return false;
  return Object.entries(value).every(
    ([key, name]) => isDecimal(key, 5) && Number(key) <= max && isText(name, { min: 1, max: length }),
  );
}
