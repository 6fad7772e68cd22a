/**
 * Every call of Blynk's NCP protocol, as data: 47 that the NCP serves, 10 that the MCU serves. And Ferry's own, `ferry.`,
 * outside Blynk's uid space: for products that are set up without a phone, and for finding out what went wrong.
 *
 * Types, codecs, hasUID, the simulated MCU, the fuzzers and docs/protocol.md all derive from this table. Arguments and
 * results stand in wire order: Blynk's out-arguments first, its return value (here `ok`, `status` or `state`) last.
 * Timeouts are those of the caller (for calls to the NCP: of Blynk's driver on the MCU).
 */

import { deepFreeze } from "../base/freeze.js";

/** `string` is UTF-8 and a NUL; `binary` a u16 length and bytes; `bool` one byte, any non-zero is true. */
export type FieldType = "u8" | "u16" | "i16" | "u32" | "i64" | "bool" | "string" | "binary";

/** Names and types of fields, in wire order. */
export type Shape = Readonly<Record<string, FieldType>>;

/** Who serves the call. */
export type Side = "ncp" | "mcu";

export type Field = readonly [name: string, type: FieldType];

export interface Call<A extends Shape = Shape, R extends Shape = Shape> {
  readonly side: Side;
  readonly uid: number;
  /** An invoke is answered with a RESULT, a oneway never. */
  readonly kind: "invoke" | "oneway";
  /** How long the caller waits for the RESULT; 0 for a oneway. */
  readonly timeoutMs: number;
  readonly args: A;
  readonly results: R;
  /** The same shapes as lists, for codecs. */
  readonly argFields: readonly Field[];
  readonly resultFields: readonly Field[];
  /** The results are `ok` and nothing else. */
  readonly answersYesNo: boolean;
}

function invoke<const A extends Shape, const R extends Shape>(
  side: Side,
  uid: number,
  timeoutMs: number,
  args: A,
  results: R,
): Call<A, R> {
  return {
    side,
    uid,
    kind: "invoke",
    timeoutMs,
    args,
    results,
    argFields: Object.entries(args),
    resultFields: Object.entries(results),
    answersYesNo: Object.keys(results).join() === "ok",
  };
}

function oneway<const A extends Shape>(side: Side, uid: number, args: A): Call<A, Record<never, never>> {
  return {
    side,
    uid,
    kind: "oneway",
    timeoutMs: 0,
    args,
    results: {},
    argFields: Object.entries(args),
    resultFields: [],
    answersYesNo: false,
  };
}

/**
 * The same calls, in which equal lists and shapes are one and the same: an object takes flash, and `ok` alone is the result
 * of half the calls.
 */
function withShared<C extends Readonly<Record<string, Call>>>(table: C): C {
  const known = new Map<string, unknown>();
  const shared = <T extends object>(value: T): T => {
    const key = JSON.stringify(value);
    if (!known.has(key)) known.set(key, value);
    return known.get(key) as T;
  };
  const sharedList = (fields: readonly Field[]) => shared(fields.map((field) => shared(field)));
  const entries = Object.entries(table).map(([name, call]) => {
    const { args, results, argFields, resultFields } = call;
    const shapes = { args: shared(args), results: shared(results) };
    return [name, { ...call, ...shapes, argFields: sharedList(argFields), resultFields: sharedList(resultFields) }];
  });
  return Object.fromEntries(entries);
}

export const calls = deepFreeze(
  withShared({
    // the NCP serves: system
    "ncp.ping": invoke("ncp", 0x0101, 100, {}, {}),
    "ncp.reboot": invoke("ncp", 0x0102, 1000, {}, { ok: "bool" }),
    "ncp.hasUID": invoke("ncp", 0x0103, 1000, { uid: "u16" }, { ok: "bool" }),
    // the NCP serves: hardware
    "hw.setUartBaudRate": invoke("ncp", 0x0201, 1000, { baud: "u32" }, { ok: "bool" }),
    "hw.initUserButton": invoke("ncp", 0x0211, 1000, { gpio: "u16", activeLow: "bool" }, { ok: "bool" }),
    "hw.initLED": invoke("ncp", 0x0221, 1000, { gpio: "u16", activeLow: "bool" }, { ok: "bool" }),
    "hw.initRGB": invoke(
      "ncp",
      0x0222,
      1000,
      { gpioRed: "u16", gpioGreen: "u16", gpioBlue: "u16", commonAnode: "bool" },
      { ok: "bool" },
    ),
    "hw.initARGB": invoke("ncp", 0x0223, 1000, { gpio: "u16", mode: "u8", count: "u8" }, { ok: "bool" }),
    "hw.setLedBrightness": invoke("ncp", 0x0224, 1000, { value: "u8" }, { ok: "bool" }),
    "hw.getWiFiMAC": invoke("ncp", 0x0231, 1000, {}, { mac: "string", ok: "bool" }),
    "hw.getEthernetMAC": invoke("ncp", 0x0232, 1000, {}, { mac: "string", ok: "bool" }),
    // the NCP serves: Blynk
    "blynk.initialize": invoke("ncp", 0x0301, 5000, { templateId: "string", templateName: "string" }, { ok: "bool" }),
    "blynk.setVendorPrefix": invoke("ncp", 0x0302, 1000, { vendor: "string" }, { ok: "bool" }),
    "blynk.setVendorServer": invoke("ncp", 0x0303, 1000, { host: "string" }, { ok: "bool" }),
    "blynk.setFirmwareInfo": invoke(
      "ncp",
      0x0304,
      1000,
      { type: "string", version: "string", build: "string", blynkVersion: "string" },
      { ok: "bool" },
    ),
    "blynk.getNcpVersion": invoke("ncp", 0x0305, 1000, {}, { version: "string", ok: "bool" }),
    "blynk.getState": invoke("ncp", 0x0306, 1000, {}, { state: "u8" }),
    "blynk.getHotspotName": invoke("ncp", 0x0307, 1000, {}, { name: "string", ok: "bool" }),
    "blynk.virtualWrite": oneway("ncp", 0x0311, { vpin: "u16", value: "binary" }),
    "blynk.syncAll": oneway("ncp", 0x0312, {}),
    "blynk.syncVirtual": oneway("ncp", 0x0313, { vpins: "binary" }),
    "blynk.setProperty": oneway("ncp", 0x0314, { vpin: "u16", property: "string", value: "binary" }),
    "blynk.beginGroup": oneway("ncp", 0x0315, { timestampMs: "i64" }),
    "blynk.endGroup": oneway("ncp", 0x0316, {}),
    "blynk.logEvent": oneway("ncp", 0x0317, { code: "string", description: "string" }),
    "blynk.resolveEvent": oneway("ncp", 0x0318, { code: "string" }),
    "blynk.resolveAllEvents": oneway("ncp", 0x0319, { code: "string" }),
    "blynk.setMetadata": oneway("ncp", 0x031a, { field: "string", value: "string" }),
    "blynk.configStart": invoke("ncp", 0x0321, 1000, {}, { ok: "bool" }),
    "blynk.configStop": invoke("ncp", 0x0322, 1000, {}, { ok: "bool" }),
    "blynk.configReset": invoke("ncp", 0x0323, 1000, {}, { ok: "bool" }),
    "blynk.isConfigured": invoke("ncp", 0x0324, 1000, {}, { ok: "bool" }),
    "blynk.setConfigTimeout": invoke("ncp", 0x0325, 1000, { timeoutSeconds: "u16" }, { ok: "bool" }),
    "blynk.setConfigSkipLimit": invoke("ncp", 0x0326, 1000, { count: "u8" }, { ok: "bool" }),
    "blynk.factoryReset": invoke("ncp", 0x0331, 1000, {}, { ok: "bool" }),
    "blynk.factoryTestWiFi": invoke(
      "ncp",
      0x0332,
      30000,
      { ssid: "string", password: "string" },
      { rssiDbm: "i16", status: "u8" },
    ),
    "blynk.factoryTestWiFiAP": invoke("ncp", 0x0333, 5000, { channel: "u16" }, { status: "u8" }),
    "blynk.factoryTestConnect": invoke("ncp", 0x033a, 10000, {}, { status: "u8" }),
    // the NCP serves: updates of the MCU
    "blynk.otaUpdateStart": invoke("ncp", 0x0341, 1000, { chunkBytes: "u16" }, { ok: "bool" }),
    "blynk.otaUpdateGetCRC32": invoke("ncp", 0x0342, 1000, {}, { crc32: "u32", ok: "bool" }),
    "blynk.otaUpdateGetMD5": invoke("ncp", 0x0343, 1000, {}, { digest: "binary", ok: "bool" }),
    "blynk.otaUpdateGetSHA256": invoke("ncp", 0x0344, 1000, {}, { digest: "binary", ok: "bool" }),
    "blynk.otaUpdatePrefetch": invoke("ncp", 0x0345, 30000, {}, { status: "u8" }),
    "blynk.otaUpdateSuspend": invoke("ncp", 0x0346, 1000, { timeoutSeconds: "u16" }, { ok: "bool" }),
    // the NCP serves: time and place
    "blynk.setTime": invoke("ncp", 0x0351, 1000, { timeMs: "i64" }, { ok: "bool" }),
    "blynk.getTime": invoke(
      "ncp",
      0x0352,
      1000,
      {},
      { iso8601: "string", timeMs: "i64", offsetMinutes: "i16", zone: "string", dstStatus: "u8", ok: "bool" },
    ),
    "blynk.getLocationInfo": invoke(
      "ncp",
      0x0353,
      1000,
      {},
      { latitude: "string", longitude: "string", olsonId: "string", posixTz: "string", ok: "bool" },
    ),
    // the NCP serves: Ferry's own, to be asked for by ncp.hasUID first
    "ferry.setNetwork": invoke("ncp", 0xfe01, 1000, { ssid: "string", password: "string" }, { ok: "bool" }),
    "ferry.removeNetwork": invoke("ncp", 0xfe02, 1000, { ssid: "string" }, { ok: "bool" }),
    "ferry.setCloud": invoke("ncp", 0xfe03, 1000, { host: "string", port: "u16", token: "string" }, { ok: "bool" }),
    "ferry.connect": invoke("ncp", 0xfe04, 1000, {}, { ok: "bool" }),
    "ferry.setReceiveBuffer": invoke("ncp", 0xfe05, 1000, { bytes: "u16" }, { ok: "bool" }),
    "ferry.getConnection": invoke(
      "ncp",
      0xfe11,
      1000,
      {},
      { state: "u8", lastError: "u16", meaning: "string", ok: "bool" },
    ),
    "ferry.getLinkCounters": invoke(
      "ncp",
      0xfe12,
      1000,
      {},
      {
        framesReceived: "u32",
        framesSent: "u32",
        framesDamaged: "u32",
        noiseBytes: "u32",
        baudChanges: "u32",
        callsServed: "u32",
        unknownUids: "u32",
        badArguments: "u32",
        timeouts: "u32",
        lateResults: "u32",
        eventsDropped: "u32",
        valuesDropped: "u32",
        ok: "bool",
      },
    ),
    "ferry.getLastFailure": invoke(
      "ncp",
      0xfe13,
      1000,
      {},
      { stage: "string", cause: "string", offset: "u32", detail: "string", ok: "bool" },
    ),
    // the MCU serves
    "mcu.ping": invoke("mcu", 0x0181, 100, {}, {}),
    "mcu.reboot": invoke("mcu", 0x0182, 1000, {}, { ok: "bool" }),
    "mcu.hasUID": invoke("mcu", 0x0183, 1000, { uid: "u16" }, { ok: "bool" }),
    "client.blynkStateChange": oneway("mcu", 0x0411, { state: "u8" }),
    "client.blynkVPinChange": oneway("mcu", 0x0412, { vpin: "u16", value: "binary" }),
    "client.processEvent": oneway("mcu", 0x0421, { event: "u8" }),
    "client.otaUpdateAvailable": invoke(
      "mcu",
      0x0441,
      5000,
      { filename: "string", sizeBytes: "u32", type: "string", version: "string", build: "string" },
      { ok: "bool" },
    ),
    "client.otaUpdateWrite": invoke(
      "mcu",
      0x0442,
      5000,
      { offset: "u32", chunk: "binary", crc32: "u32" },
      { ok: "bool" },
    ),
    "client.otaUpdateFinish": invoke("mcu", 0x0443, 5000, {}, { ok: "bool" }),
    "client.otaUpdateCancel": invoke("mcu", 0x0444, 1000, {}, {}),
  }),
);

export type CallName = keyof typeof calls;

/** Of the calls that the NCP serves. */
export type NcpCallName = Exclude<CallName, `mcu.${string}` | `client.${string}`>;

interface ValueOf {
  u8: number;
  u16: number;
  i16: number;
  u32: number;
  i64: bigint;
  bool: boolean;
  string: string;
  binary: Uint8Array;
}

export type Value = ValueOf[FieldType];

/** The values of a shape, by name. */
export type Values<S extends Shape> = { -readonly [K in keyof S]: ValueOf[S[K]] };

export type Args<N extends CallName> = Values<(typeof calls)[N]["args"]>;
export type Results<N extends CallName> = Values<(typeof calls)[N]["results"]>;

/** Names of calls, split by who serves them. */
export const callNames = Object.freeze(Object.keys(calls) as CallName[]);

/** The calls that the NCP serves, by uid: an array with gaps, for it lies in flash, where a Map cannot. */
export const NCP_CALLS_BY_UID: Readonly<Record<number, NcpCallName>> = Object.freeze(
  Object.fromEntries(callNames.filter((name) => calls[name].side === "ncp").map((name) => [calls[name].uid, name])),
) as Record<number, NcpCallName>;

/** The calls that one side serves, by uid. Maps cannot be frozen, so each user builds its own. */
export function callsServedBy(side: Side): Map<number, CallName> {
  return new Map(callNames.filter((name) => calls[name].side === side).map((name) => [calls[name].uid, name]));
}
